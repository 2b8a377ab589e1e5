"""The engine, the queue, links and the relay: frozen snapshots of them, and the events that carry those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any

from transfer_core.events.base import Event


class JobState(StrEnum):
    """Where a job stands. A job that waits for the network is `pending` and says why."""

    PENDING = "pending"
    UPLOADING = "uploading"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Nothing more happens to it unless a person retries it."""
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


class LinkState(StrEnum):
    """How a link is doing, worst last."""

    UP = "up"  # delivers
    IDLE = "idle"  # usable, nothing measured or no session yet
    DEGRADED = "degraded"  # delivers, but with high loss, delay or a tiny rate
    RETURNING = "returning"  # was silent and delivers again, on trial; or just switched on, with no answer yet
    SILENT = "silent"  # was up, nothing comes back now
    DOWN = "down"  # the system says that it is down or gone
    KILLED = "killed"  # a person (or a script) switched it off
    UNUSED = "unused"  # left out; `why` says why


class LinkKind(StrEnum):
    """What the link is made of."""

    ETHERNET = "ethernet"
    WIFI = "wifi"
    CELLULAR = "cellular"
    SATELLITE = "satellite"
    LOOPBACK = "loopback"
    SIMULATED = "simulated"
    OTHER = "other"


class Severity(StrEnum):
    """How much a notice needs a hand."""

    INFO = "info"
    CAUTION = "caution"
    SERIOUS = "serious"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class JobView:
    """One row of the queue or of the history."""

    file_id: str
    path: str
    size: int
    priority: int
    position: float
    status: JobState
    destination: str
    dest_path: str
    bytes_done: int = 0
    attempts: int = 0
    reason: str = ""  # why it waits or failed, for people; empty when it runs
    error: str | None = None  # the error's stable code
    created_at: str = ""
    started_at: str | None = None
    completed_at: str | None = None
    next_try_at: str | None = None
    duration_s: float | None = None
    source: str = "cli"  # drop, cli, watch, recording, api
    rate_bps: float = 0.0
    eta_s: float | None = None  # None: unknown
    resent_bytes: int = 0
    stored_as: str = ""  # where the relay put it, once it is there
    file_hash: str = ""  # "blake3:...", once known
    links: Mapping[str, int] = field(default_factory=dict)  # bytes that each link carried


@dataclass(frozen=True, slots=True)
class Skipped:
    """A path that did not become a job, and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class LinkScore:
    """The reference's formula with its four terms, each already 0..1 before weighting."""

    score: float
    throughput: float
    rtt: float
    loss: float
    stability: float


@dataclass(frozen=True, slots=True)
class LinkView:
    """One link as it is now. `None` means not known, never zero."""

    name: str
    kind: LinkKind
    device: str
    state: LinkState
    why: str = ""  # for people: why it is unused, down, degraded
    role: str = "primary"  # primary, overflow, backup
    addresses: tuple[str, ...] = ()
    throughput_bps: float | None = None  # file data delivered
    rtt_ms: float | None = None
    rtt_p10_ms: float | None = None
    rtt_p90_ms: float | None = None
    jitter_ms: float | None = None
    loss: float | None = None  # 0..1
    score: LinkScore | None = None
    measured_ns: int | None = None  # monotonic time of the newest proof of delivery
    since_ns: int | None = None  # monotonic time at which `state` began
    bytes_sent: int = 0
    bytes_received: int = 0
    rate_cap_bps: float | None = None
    simulated: bool = False
    used_bytes: int = 0  # both ways, in the present period of its data plan
    quota_bytes: int | None = None
    quota_renews: str = ""  # ISO date on which the quota begins anew


@dataclass(frozen=True, slots=True)
class LinkSample:
    """One point of the plots. `None` leaves a gap."""

    link: str
    t_ns: int
    throughput_bps: float | None
    rtt_p50_ms: float | None
    rtt_p10_ms: float | None
    rtt_p90_ms: float | None
    loss: float | None
    sure_loss: float | None  # 0 where so few datagrams were lost that their share tells nothing yet


@dataclass(frozen=True, slots=True)
class LinkMark:
    """Something happened to a link at a moment: `kill`, `restore`, `lost`, `back`, `up`, `down`."""

    link: str
    t_ns: int
    at: str
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class DestinationView:
    """A place where jobs can go."""

    name: str
    kind: str  # relay, chunked, tus, s3
    addresses: tuple[str, ...]
    online: bool | None  # None: not tried yet
    why: str = ""
    free_bytes: int | None = None
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class IncomingView:
    """One file that a relay receives or has received."""

    agent: str
    file_id: str
    path: str
    size: int
    bytes_done: int
    status: JobState
    stored_as: str = ""
    file_hash: str = ""
    completed_at: str | None = None


@dataclass(frozen=True, slots=True)
class RelayView:
    """A relay that this process hosts."""

    running: bool
    listen: str = ""
    directory: str = ""
    agents: int = 0
    files_done: int = 0
    bytes_received: int = 0
    free_bytes: int | None = None
    why: str = ""
    http: str = ""  # the address of its HTTP side, if it has one


@dataclass(frozen=True, slots=True)
class EngineView:
    """The whole at a glance, for the bar on top."""

    online: bool
    paused: bool
    rate_bps: float
    files_left: int
    bytes_left: int
    eta_s: float | None
    links_up: int
    links_total: int
    severity: Severity
    why: str
    policy: str
    undo: str | None = None  # what Ctrl+Z would take back, for people


@dataclass(frozen=True, slots=True)
class JobsChanged(Event):
    """These rows are new or different."""

    jobs: tuple[JobView, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        """It is pickled by columns: one by one, 100,000 rows would take ten times as long."""
        return _jobs_changed, tuple(zip(*map(_JOB_VALUES, self.jobs), strict=True))


_JOB_VALUES = attrgetter(*(each.name for each in fields(JobView)))


def _jobs_changed(*columns: tuple[Any, ...]) -> JobsChanged:
    return JobsChanged(tuple(map(JobView, *columns)) if columns else ())


@dataclass(frozen=True, slots=True)
class JobsRemoved(Event):
    """These rows left the queue (completed ones stay until cleared)."""

    file_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinksChanged(Event):
    """All links, in their fixed order."""

    links: tuple[LinkView, ...]


@dataclass(frozen=True, slots=True)
class LinksSampled(Event):
    """New points for the plots, oldest first."""

    samples: tuple[LinkSample, ...]


@dataclass(frozen=True, slots=True)
class LinkMarked(Event):
    """A marker for the plots and the log."""

    mark: LinkMark


@dataclass(frozen=True, slots=True)
class EngineChanged(Event):
    """The bar on top is different."""

    engine: EngineView


@dataclass(frozen=True, slots=True)
class DestinationsChanged(Event):
    """All destinations."""

    destinations: tuple[DestinationView, ...]


@dataclass(frozen=True, slots=True)
class RelayChanged(Event):
    """The hosted relay is different."""

    relay: RelayView


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """A line for the log page and the ticker. `error` is the full text to copy, if there was one."""

    at: str
    severity: Severity
    topic: str  # queue, link, relay, state, engine
    text: str
    error: str = ""
