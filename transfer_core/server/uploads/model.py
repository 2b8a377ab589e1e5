"""Who uploads, what they want to begin, and an upload in use."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from transfer_core.server.uploads.records import Kind, UploadRecord
from transfer_core.server.uploads.sums import FrontSums
from transfer_core.storage.incoming import IncomingFile

TOKEN_KEY = "token:"  # before the name of a token, in the key of its owner's uploads


@dataclass(frozen=True, slots=True)
class Client:
    """Who uploads: an agent that has paired, a token's owner, or anybody on this machine."""

    key: str = ""  # what uploads are kept under
    folder: str = "uploads"
    agent: bytes | None = None


ANYBODY = Client()


@dataclass(frozen=True, slots=True)
class NewUpload:
    """An upload that somebody wants to begin."""

    filename: str
    size: int
    kind: Kind
    chunks: int = 0
    chunk_bytes: int = 0
    checksum: str = ""
    metadata: str = "{}"
    concat: str = ""


@dataclass(slots=True, eq=False)
class Upload:
    """An upload in use. `record` is replaced, never changed, so that it may be read without the lock."""

    record: UploadRecord
    sums: FrontSums
    file: IncomingFile | None = None
    users: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)  # of file and record; held for a write, not a sync
    finish_lock: threading.Lock = field(default_factory=threading.Lock)

    def close_file(self) -> None:
        """Let go of the part file, which stays. Called with its lock, or when nobody uses it."""
        file, self.file = self.file, None
        if file is not None:
            file.close()
