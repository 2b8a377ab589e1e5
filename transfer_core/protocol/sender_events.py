"""What a sending session wants its owner to know or to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChunksWanted:
    """Read these chunks and hand them over with `provide_chunks`, all at once or in parts."""

    file: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class DigestWanted:
    """All chunks have arrived: hand over the whole file's hash with `provide_digest`, once it is known."""

    file: int


@dataclass(frozen=True, slots=True)
class FileAccepted:
    """The relay is ready for this file, and holds so many bytes of it already."""

    file: int
    bytes_there: int


@dataclass(frozen=True, slots=True)
class FileWaits:
    """The relay asks to wait."""

    file: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class FileProgress:
    """More of this file is durable at the relay."""

    file: int


@dataclass(frozen=True, slots=True)
class FileArrived:
    """The relay has verified the file and put it in its place."""

    file: int
    digest: str
    stored_as: str
    path_bytes: dict[int, int]
    resent_bytes: int


@dataclass(frozen=True, slots=True)
class FileRejected:
    """The relay gives this file up."""

    file: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class RoomReported:
    """The relay has so much room for this agent."""

    free_bytes: int


@dataclass(frozen=True, slots=True)
class PostArrived:
    """The relay has brought something; answer with `take_post` once it is durable."""

    post: int
    data: bytes


@dataclass(frozen=True, slots=True)
class FeedAnswered:
    """The relay takes a live feed (`code` is empty), or says why not; with what has come of it so far."""

    feed: int
    received: int
    missing: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The relay ended the session."""

    code: str
    text: str


SenderEvent = (
    ChunksWanted
    | DigestWanted
    | FileAccepted
    | FileWaits
    | FileProgress
    | FileArrived
    | FileRejected
    | RoomReported
    | PostArrived
    | FeedAnswered
    | SessionClosed
)
