"""Which offers of files a relay listens to; what they say is checked before anything is set aside for them."""

from __future__ import annotations

from transfer_core.protocol.incoming_file import IncomingFile
from transfer_core.protocol.wire.chunk_record import CHUNK_BYTES_MAX, CHUNK_BYTES_MIN
from transfer_core.protocol.wire.messages import FileOpen

FILES_OPEN_MAX = 4096
SIZE_MAX = 1 << 50
FILE_ID_BYTES_MAX = 255  # what a chunk record's head can name
CHUNKS_MAX = 1 << 25  # each side keeps a few bytes for each; 2 TiB in chunks of 64 KiB, 32 TiB in those of 1 MiB


def why_refused(offer: FileOpen, files_open: int) -> str:
    """What is wrong with an offer, beside so many files that are open; empty if nothing is."""
    if files_open >= FILES_OPEN_MAX:
        return "too many files are open at once"
    if not makes_sense(offer.file_id):
        return "the file's id makes no sense"
    if not CHUNK_BYTES_MIN <= offer.chunk_bytes <= CHUNK_BYTES_MAX or offer.size > SIZE_MAX:
        return "the file's sizes make no sense"
    if -(-offer.size // offer.chunk_bytes) > CHUNKS_MAX:
        return "the file has too many chunks; larger chunks are needed for a file of that size"
    return ""


def makes_sense(file_id: str) -> bool:
    """Whether an agent may call a file so."""
    return file_id.isprintable() and 0 < len(file_id.encode()) <= FILE_ID_BYTES_MAX


def file_of(offer: FileOpen) -> IncomingFile:
    """The file of an offer that is not refused."""
    return IncomingFile(
        number=offer.file,
        file_id=offer.file_id,
        path=offer.path,
        size=offer.size,
        chunk_bytes=offer.chunk_bytes,
        chunks=-(-offer.size // offer.chunk_bytes),
        mtime_ns=offer.mtime_ns,
        fingerprint=offer.fingerprint,
        priority=offer.priority,
    )
