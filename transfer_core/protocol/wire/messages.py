"""The reliable messages that agent and relay trade about files, each small enough for one datagram.

byte 0   kind
1..      the fields in the order of the dataclass: fixed integers big-endian, texts and bytes with a u16 length,
         runs of chunks as a u16 count of (first u32, count u32)
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from transfer_core.errors import RemoteProtocolError

Runs = tuple[tuple[int, int], ...]
"""Runs of chunks: (first, count)."""

RUNS_MAX = 120
EARLY_CHUNKS = 64  # so many chunks of a file may be sent before FILE_READY, and are kept until then
TEXT_MAX = 400
PATH_MAX = 1000


@dataclass(frozen=True, slots=True)
class FileOpen:
    """Agent: this file is coming. `fingerprint` changes when the source changes."""

    file: int
    priority: int
    size: int
    chunk_bytes: int
    mtime_ns: int
    fingerprint: int
    file_id: str
    path: str


@dataclass(frozen=True, slots=True)
class FileFinish:
    """Agent: all chunks are on their way; the whole file's hash is this, named by its algorithm."""

    file: int
    digest: str


@dataclass(frozen=True, slots=True)
class FileStop:
    """Agent: no more of this file for now; `discard` tells the relay to drop what it has."""

    file: int
    discard: int


@dataclass(frozen=True, slots=True)
class FileHave:
    """Relay: these chunks are on my disk already."""

    file: int
    runs: Runs


@dataclass(frozen=True, slots=True)
class FileReady:
    """Relay: send what I have not named; also ends a hold."""

    file: int


@dataclass(frozen=True, slots=True)
class FileHeld:
    """Relay: wait, for this reason; FileReady follows when it is over."""

    file: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class FileStored:
    """Relay: these chunks have reached the disk (fsync returned)."""

    file: int
    runs: Runs


@dataclass(frozen=True, slots=True)
class FileAgain:
    """Relay: these chunks arrived damaged; send them again."""

    file: int
    runs: Runs


@dataclass(frozen=True, slots=True)
class FileDone:
    """Relay: the file is verified, renamed and synced under this name."""

    file: int
    digest: str
    stored_as: str


@dataclass(frozen=True, slots=True)
class FileFailed:
    """Relay: this file can't be taken, or was not what it said."""

    file: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class RelayRoom:
    """Relay: so many bytes are free for this agent."""

    free_bytes: int


@dataclass(frozen=True, slots=True)
class PostPart:
    """Relay: part of something that it has for this agent (see `protocol.posts`)."""

    post: int
    part: int
    parts: int
    data: bytes


@dataclass(frozen=True, slots=True)
class PostTaken:
    """Agent: the whole post is here, and durable."""

    post: int


@dataclass(frozen=True, slots=True)
class LiveFeed:
    """Agent: datagrams of this feed are to come live (see `protocol.live`); `about` says what they are, as JSON."""

    feed: int
    about: bytes


@dataclass(frozen=True, slots=True)
class LiveEnd:
    """Agent: no more of this feed."""

    feed: int


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """Relay: this feed is taken, or why not; said again while it comes, with what has come and what was missed."""

    feed: int
    received: int
    missing: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    """Either side: the session ends; `code` is empty when all is well."""

    code: str
    text: str


Message = (
    FileOpen
    | FileFinish
    | FileStop
    | FileHave
    | FileReady
    | FileHeld
    | FileStored
    | FileAgain
    | FileDone
    | FileFailed
    | RelayRoom
    | PostPart
    | PostTaken
    | LiveFeed
    | LiveEnd
    | LiveAnswer
    | Close
)

_KINDS: dict[int, type[Any]] = {
    0x01: FileOpen,
    0x02: FileFinish,
    0x03: FileStop,
    0x04: PostTaken,
    0x05: LiveFeed,
    0x06: LiveEnd,
    0x11: FileHave,
    0x12: FileReady,
    0x13: FileHeld,
    0x14: FileStored,
    0x15: FileAgain,
    0x16: FileDone,
    0x17: FileFailed,
    0x18: RelayRoom,
    0x19: PostPart,
    0x1A: LiveAnswer,
    0x1F: Close,
}
_KIND_OF = {cls: kind for kind, cls in _KINDS.items()}
_INT_FORMATS = {
    "file": "I",
    "priority": "B",
    "size": "Q",
    "chunk_bytes": "I",
    "mtime_ns": "q",
    "fingerprint": "Q",
    "discard": "B",
    "free_bytes": "Q",
    "post": "I",
    "part": "I",
    "parts": "I",
    "feed": "H",
    "received": "Q",
    "missing": "Q",
}


def _encode_text(value: str, limit: int) -> bytes:
    raw = value.encode("utf-8", "surrogateescape")[:limit]
    return struct.pack(">H", len(raw)) + raw


def _encode_runs(runs: Runs) -> bytes:
    flat = [number for run in runs for number in run]
    return struct.pack(f">H{len(flat)}I", len(runs), *flat)


def encode_message(message: Message) -> bytes:
    """The message as bytes."""
    parts = [bytes((_KIND_OF[type(message)],))]
    for field in fields(message):
        value = getattr(message, field.name)
        if isinstance(value, int):
            parts.append(struct.pack(">" + _INT_FORMATS[field.name], value))
        elif isinstance(value, str):
            parts.append(_encode_text(value, PATH_MAX if field.name in ("path", "stored_as") else TEXT_MAX))
        elif isinstance(value, bytes):
            parts.append(struct.pack(">H", len(value)) + value)
        else:
            parts.append(_encode_runs(value))
    return b"".join(parts)


class _Reader:
    """Takes fields off a body; struct.error and UnicodeDecodeError say that it is malformed."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.at = 1

    def integer(self, code: str) -> int:
        value: int
        (value,) = struct.unpack_from(">" + code, self._body, self.at)
        self.at += struct.calcsize(">" + code)
        return value

    def text(self) -> str:
        """For people and databases, so that what is no UTF-8 is replaced."""
        return self.raw().decode("utf-8", "replace")

    def path(self) -> str:
        """A name that has to come back byte for byte, UTF-8 or not."""
        return self.raw().decode("utf-8", "surrogateescape")

    def raw(self) -> bytes:
        """Bytes as they are."""
        length = self.integer("H")
        raw = self._body[self.at : self.at + length]
        if len(raw) != length:
            raise struct.error("a text is cut short")
        self.at += length
        return raw

    def runs(self) -> Runs:
        count = self.integer("H")
        numbers = struct.unpack_from(f">{2 * count}I", self._body, self.at)
        self.at += 8 * count
        return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _integer_reader(code: str) -> Callable[[_Reader], Any]:
    return lambda reader: reader.integer(code)


def _field_readers(cls: type[Any]) -> list[tuple[str, Callable[[_Reader], Any]]]:
    hints = get_type_hints(cls)
    readers: list[tuple[str, Callable[[_Reader], Any]]] = []
    for field in fields(cls):
        if hints[field.name] is int:
            readers.append((field.name, _integer_reader(_INT_FORMATS[field.name])))
        elif hints[field.name] is str:
            readers.append((field.name, _Reader.path if field.name == "path" else _Reader.text))
        elif hints[field.name] is bytes:
            readers.append((field.name, _Reader.raw))
        else:
            readers.append((field.name, _Reader.runs))
    return readers


_READERS = {kind: _field_readers(cls) for kind, cls in _KINDS.items()}


def decode_message(body: bytes) -> Message:
    """The message in these bytes. RemoteProtocolError if they are none."""
    kind = body[0] if body else 0
    readers = _READERS.get(kind)
    if readers is None:
        raise RemoteProtocolError(f"unknown message kind 0x{kind:02x}")
    reader = _Reader(body)
    try:
        values = [read(reader) for _, read in readers]
    except (struct.error, UnicodeDecodeError) as error:
        raise RemoteProtocolError(f"malformed {_KINDS[kind].__name__}: {error}") from error
    if reader.at != len(body):
        raise RemoteProtocolError(f"{_KINDS[kind].__name__} has {len(body) - reader.at} bytes too many")
    message: Message = _KINDS[kind](*values)
    return message


def to_runs(chunks: list[int]) -> Runs:
    """Ascending chunk numbers as runs."""
    runs: list[tuple[int, int]] = []
    for chunk in chunks:
        if runs and runs[-1][0] + runs[-1][1] == chunk:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((chunk, 1))
    return tuple(runs)
