"""What an upload protocol is: a pure state machine that says what to send next and judges what came back.

Theory of operation. `next()` gives one request (`Step`), or asks for the hash of the whole file, or says that all is
done. The driver performs the request and hands its answer to `take`, or says `lost` when none came: then nobody knows
what the other side has stored, and the next step asks for it. Where the protocol allows, `ahead` gives the next slice,
which is sent while the answer to the one before is on its way. `resume_text` is all that has to be kept for going on
after a restart; it is kept before the request that it speaks of is made, so that nothing at the server is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

ANSWER_MAX_BYTES = 256 * 1024
DISCARD = "the end of an upload that was given up"
BLOCK_BYTES = 64 * 1024  # a body is handed over in pieces of this size


@dataclass(frozen=True, slots=True)
class Item:
    """What is to be uploaded."""

    file_id: str
    name: str  # '/'-separated and relative, as it should be called there
    size: int
    priority: int = 5
    source: str = "cli"
    chunk_bytes: int = 5_000_000  # how much one request should carry


@dataclass(frozen=True, slots=True)
class SliceDigest:
    """A hash of the slice, sent in a header as `prefix` and base64."""

    algorithm: str  # md5, sha1, sha256
    header: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One request. Its body is `head`, then `length` bytes of the file from `offset`, then `tail`."""

    what: str  # for people: "chunk 3 of 20"
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    head: bytes = b""
    offset: int = 0
    length: int = 0
    tail: bytes = b""
    digest: SliceDigest | None = None
    answer_max_bytes: int = ANSWER_MAX_BYTES
    patience_s: float = 60.0  # how long the server may be silent

    @property
    def is_question(self) -> bool:
        """Whether it only asks how things are, so that no answer says no more than that nobody is there."""
        return self.what.startswith("the question ")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    sent_digest: str = ""  # in base64, of the slice that was sent, if the step named an algorithm


@dataclass(frozen=True, slots=True)
class NeedDigest:
    """The hash of the whole file is wanted, in hex: answer with `take_digest`."""

    algorithm: str  # md5 or blake3


@dataclass(frozen=True, slots=True)
class Finished:
    """The server has all of it and has said so."""

    stored_as: str = ""
    receipt: str = ""  # the server's signed word, as JSON


class Upload(Protocol):
    """One file on its way."""

    @property
    def bytes_done(self) -> int:
        """What the server is known to have."""
        ...

    def next(self) -> Step | NeedDigest | Finished:
        """What to do now; the same until `take`, `lost` or `take_digest` is called."""
        ...

    def prefer(self, chunk_bytes: int) -> None:
        """How much one request had better carry by now, for who can still choose."""
        ...

    def ahead(self, step: Step) -> Step | None:
        """The slice after that one, which may go before that one is answered; None if it has to wait, or is none."""
        ...

    def sending(self, step: Step, digest: str) -> None:
        """That slice goes out now; `digest` is its hash in base64, if it names an algorithm."""
        ...

    def take(self, answer: Answer, step: Step | None = None) -> None:
        """The answer to a step, or to what `next` gave. Errors of this program's tree: whether it may pass."""
        ...

    def lost(self) -> None:
        """No answer came to what was sent: it may have been done, or in part, or not at all."""
        ...

    def take_digest(self, digest: str) -> None:
        """The hash that was asked for."""
        ...

    def resume_text(self) -> str:
        """What `Uploader.begin` needs to go on from here after a restart."""
        ...


class Uploader(Protocol):
    """A protocol at a destination."""

    kind: ClassVar[str]

    def begin(self, item: Item, resume: str = "") -> Upload:
        """An upload from the start, or from a kept text; one that makes no sense counts as none."""
        ...

    def discard(self, resume: str) -> Step | None:
        """The request that has the server drop what it has of an upload, by its kept text; None if it has nothing.

        Whether that was done is the answer's status alone (`judge.is_dropped`).
        """
        ...

    def probe(self) -> Step:
        """A cheap request that tells whether the destination is there."""
        ...

    def judge_probe(self, answer: Answer) -> None:
        """Errors of this program's tree if the destination can't be used as it is."""
        ...
