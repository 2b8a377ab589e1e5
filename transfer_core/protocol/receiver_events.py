"""What a receiving session wants its owner to know or to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from transfer_core.protocol.live_frame import LiveDatagram


@dataclass(frozen=True, slots=True)
class FileOffered:
    """An agent offers a file: answer with accept_file, hold_file or fail_file."""

    file: int


class ChunkReady(NamedTuple):
    """Write this chunk, then call `chunk_written`. `data` stays valid until then."""

    file: int
    chunk: int
    offset: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class VerifyFile:
    """Every chunk is written: check the whole against `digest`, put it in place, then finish_file or fail_file."""

    file: int
    digest: str


@dataclass(frozen=True, slots=True)
class FileStopped:
    """The agent sends no more of it for now; `discard`: drop what is there."""

    file: int
    file_id: str
    discard: bool


@dataclass(frozen=True, slots=True)
class PostDelivered:
    """The agent has this post for good."""

    post: int


@dataclass(frozen=True, slots=True)
class FeedOffered:
    """An agent has live datagrams: answer with `take_feed` or `refuse_feed`."""

    feed: int
    about: bytes


@dataclass(frozen=True, slots=True)
class FeedArrived:
    """Live datagrams, in order."""

    feed: int
    datagrams: list[LiveDatagram]


@dataclass(frozen=True, slots=True)
class FeedEnded:
    """No more of a feed that was taken."""

    feed: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The agent closed the session."""

    code: str
    text: str


ReceiverEvent = (
    FileOffered
    | ChunkReady
    | VerifyFile
    | FileStopped
    | PostDelivered
    | FeedOffered
    | FeedArrived
    | FeedEnded
    | SessionEnded
)
