"""Destinations over HTTP, how much may go to them and when, and who is told what has arrived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from transfer_core.events import DestinationView

CONCURRENT_DEFAULT = 2
CONCURRENT_MAX = 16


@dataclass(frozen=True, slots=True)
class NewDestination:
    """A destination over HTTP, as a person describes it.

    `options` are of the kind: `pin` (a certificate's SHA-256 in hex), `ca_file`, `compress` (`zstd`), and for `s3`
    `endpoint`, `region`, `key_id`, `profile`.
    """

    name: str
    url: str  # http://, https://, or s3://BUCKET/PREFIX
    kind: str = ""  # chunked, tus, s3 or relay-http; empty: found out by asking the address
    token: str = field(default="", repr=False)  # a bearer token; of s3 the secret key
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DestinationTest:
    """What came of asking a destination whether it is there."""

    is_good: bool
    kind: str
    link: str = ""  # over which it was asked
    rtt_ms: float | None = None
    error: str = ""  # the error's code
    why: str = ""  # what is wrong, for people
    hint: str = ""  # what to do about it


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What may be used. Rates are bits per second; caps hold for UDP and HTTP together."""

    all_bps: float | None = None  # None: no cap
    by_destination: Mapping[str, float] = field(default_factory=dict)
    timetable: tuple[float | None, ...] = ()  # a cap for each hour from Monday 0:00 local time, or empty; 0: nothing
    concurrent: int = CONCURRENT_DEFAULT  # over HTTP; UDP sends many files at once anyway


@dataclass(frozen=True, slots=True)
class WebhookView:
    """An address that is told what has become of jobs."""

    url: str
    created_at: str
    disabled: str = ""  # why it is told nothing any more
    waiting: int = 0  # messages that are still to be told


class UploadService(Protocol):
    """`service.uploads` of an agent."""

    def add_destination(self, new: NewDestination) -> DestinationView:
        """Keep it; ask it what it speaks if no kind is given. UsageError, ConflictError if the name is taken."""
        ...

    def test_destination(self, new: NewDestination) -> DestinationTest:
        """Ask it whether it is there, without keeping it. UsageError if it makes no sense."""
        ...

    def test_known(self, name: str) -> DestinationTest:
        """Ask a kept destination whether it is there. NotFoundError; UsageError for one that is no HTTP."""
        ...

    def set_fallback(self, relay: str, url: str, pin: str = "") -> DestinationView:
        """A paired relay's HTTP side, for when UDP does not get through; empty for none. NotFoundError, UsageError."""
        ...

    def retry_failed(self, destination: str = "") -> int:
        """Queue all failed jobs again, or those of one destination; how many."""
        ...

    def limits(self) -> UploadLimits:
        """As they are."""
        ...

    def change_limits(self, limits: UploadLimits) -> None:
        """Keep them and act on them at once. ConfigError."""
        ...

    def receipt(self, file_id: str) -> dict[str, str | int] | None:
        """The relay's signed receipt of a job, its signature checked; None if it gave none. SecurityError."""
        ...

    def webhooks(self) -> list[WebhookView]:
        """All, by address."""
        ...

    def add_webhook(self, url: str, secret: str = "") -> str:
        """Tell that address when a job completes or fails; the secret that signs, made if none is given."""
        ...

    def remove_webhook(self, url: str) -> None:
        """Tell it nothing more. NotFoundError."""
        ...

    def test_webhook(self, url: str) -> None:
        """Put a message for it into the outbox. NotFoundError, ConflictError."""
        ...
