"""A job, its states, and what may follow what.

    verb       who              pending    uploading  paused     completed  failed     cancelled
    ---------  ---------------  ---------  ---------  ---------  ---------  ---------  ---------
    claim      agent            uploading
    release    agent                       pending
    wait       agent            pending    pending
    put_off    agent                       pending
    give_up    agent                       failed
    complete   agent            completed  completed  completed
    pause      person           paused     paused     paused
    resume     person           pending    uploading  pending
    cancel     person           cancelled  cancelled  cancelled             cancelled  cancelled
    retry      person           pending                                     pending    pending

An empty cell is forbidden: ConflictError for a person, a stale report for an agent. `complete` is taken from `pending`
and `paused` too: what the relay has verified has arrived, even if the lease ran out or somebody paused it meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from transfer_core.config import PRIORITY_DEFAULT
from transfer_core.entropy import Entropy
from transfer_core.errors import ConflictError, UsageError
from transfer_core.events import JobState, JobView
from transfer_core.units import NS_PER_S, utc_iso

PENDING, UPLOADING, PAUSED = JobState.PENDING, JobState.UPLOADING, JobState.PAUSED
COMPLETED, FAILED, CANCELLED = JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED
FINAL_STATES = tuple(state for state in JobState if state.is_final)


class Verb(StrEnum):
    """What can happen to a job."""

    CLAIM = "claim"  # an agent takes it, for as long as its lease
    RELEASE = "release"  # the agent gives it back untried
    WAIT = "wait"  # it can't go now; no attempt was made
    PUT_OFF = "put_off"  # an attempt failed, another follows
    GIVE_UP = "give_up"  # it failed for good
    COMPLETE = "complete"  # it arrived and was verified
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"


TRANSITIONS: Mapping[tuple[JobState, Verb], JobState] = {
    (PENDING, Verb.CLAIM): UPLOADING,
    (UPLOADING, Verb.RELEASE): PENDING,
    (PENDING, Verb.WAIT): PENDING,
    (UPLOADING, Verb.WAIT): PENDING,
    (UPLOADING, Verb.PUT_OFF): PENDING,
    (UPLOADING, Verb.GIVE_UP): FAILED,
    (PENDING, Verb.COMPLETE): COMPLETED,
    (UPLOADING, Verb.COMPLETE): COMPLETED,
    (PAUSED, Verb.COMPLETE): COMPLETED,
    (PENDING, Verb.PAUSE): PAUSED,
    (UPLOADING, Verb.PAUSE): PAUSED,
    (PAUSED, Verb.PAUSE): PAUSED,
    (PENDING, Verb.RESUME): PENDING,
    (UPLOADING, Verb.RESUME): UPLOADING,
    (PAUSED, Verb.RESUME): PENDING,
    (PENDING, Verb.CANCEL): CANCELLED,
    (UPLOADING, Verb.CANCEL): CANCELLED,
    (PAUSED, Verb.CANCEL): CANCELLED,
    (FAILED, Verb.CANCEL): CANCELLED,
    (CANCELLED, Verb.CANCEL): CANCELLED,
    (PENDING, Verb.RETRY): PENDING,
    (FAILED, Verb.RETRY): PENDING,
    (CANCELLED, Verb.RETRY): PENDING,
}


def states_allowing(verb: Verb) -> tuple[JobState, ...]:
    """The states in which a verb is allowed."""
    return tuple(state for state in JobState if (state, verb) in TRANSITIONS)


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is known about a job before it is queued. The store gives it its place."""

    file_id: str
    path: str
    size: int
    destination: str
    dest_path: str
    priority: int = PRIORITY_DEFAULT
    source: str = "cli"  # drop, cli, watch, recording, api


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the queue. Times are wall-clock nanoseconds since 1970, None while not there."""

    file_id: str
    path: str
    size: int
    destination: str
    dest_path: str
    priority: int  # 1 (first) to 10
    position: int  # within the priority; only its order means something
    state: JobState
    source: str
    bytes_done: int = 0  # stored at the destination
    resent_bytes: int = 0
    attempts: int = 0  # in a row, without any progress
    reason: str = ""  # why it waits or failed, for people
    error: str | None = None  # the error's stable code
    created_ns: int = 0
    started_ns: int | None = None  # first claimed
    ended_ns: int | None = None  # completed, failed or cancelled
    next_try_ns: int | None = None
    active_ns: int = 0  # time spent uploading, all runs together, without the one under way
    claimed_ns: int | None = None  # when the run under way began
    lease_owner: str | None = None
    lease_until_ns: int | None = None
    removed_ns: int | None = None  # off the list since; the history keeps it
    stored_as: str = ""
    file_hash: str = ""
    links: Mapping[str, int] = field(default_factory=dict)  # bytes that each link carried

    @property
    def bytes_left(self) -> int:
        """What has yet to be stored at the destination."""
        return max(0, self.size - self.bytes_done)

    def after(self, verb: Verb) -> JobState:
        """The state that the verb leads to. ConflictError, naming job and state, if it is forbidden."""
        follows = TRANSITIONS.get((self.state, verb))
        if follows is None:
            raise ConflictError(f"can't {verb.replace('_', ' ')} {self.path!r}: it is {self.state}")
        return follows


@dataclass(frozen=True, slots=True)
class Progress:
    """So much of a job is stored at the destination. Totals, not differences."""

    file_id: str
    bytes_done: int
    links: Mapping[str, int]
    resent_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Completed:
    """The destination has verified the whole file."""

    file_id: str
    stored_as: str
    file_hash: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The job can't go now, and that counts as no attempt. Without `retry_at_ns` it may be claimed again at once."""

    file_id: str
    reason: str
    error: str | None = None
    retry_at_ns: int | None = None


@dataclass(frozen=True, slots=True)
class PutOff:
    """An attempt failed; another one follows."""

    file_id: str
    reason: str
    error: str
    attempts: int
    retry_at_ns: int


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The job failed for good, until a person retries it."""

    file_id: str
    reason: str
    error: str
    attempts: int


Report = Progress | Completed | Waiting | PutOff | GivenUp
"""What an agent tells the store about a job that it has claimed."""


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """What only the engine knows about a job that is under way."""

    bytes_done: int
    rate_bps: float
    eta_s: float | None
    links: Mapping[str, int]
    resent_bytes: int = 0


def to_view(job: Job, live: LiveFigures | None = None) -> JobView:
    """The row as people and programs see it, with the engine's newer figures where there are some."""
    return JobView(
        file_id=job.file_id,
        path=job.path,
        size=job.size,
        priority=job.priority,
        position=float(job.position),
        status=job.state,
        destination=job.destination,
        dest_path=job.dest_path,
        bytes_done=job.bytes_done if live is None else live.bytes_done,
        attempts=job.attempts,
        reason=job.reason,
        error=job.error,
        created_at=utc_iso(job.created_ns),
        started_at=_iso_or_none(job.started_ns),
        completed_at=_iso_or_none(job.ended_ns),
        next_try_at=_iso_or_none(job.next_try_ns),
        duration_s=job.active_ns / NS_PER_S if job.state.is_final and job.started_ns is not None else None,
        source=job.source,
        rate_bps=0.0 if live is None else live.rate_bps,
        eta_s=None if live is None else live.eta_s,
        resent_bytes=job.resent_bytes if live is None else live.resent_bytes,
        stored_as=job.stored_as,
        file_hash=job.file_hash,
        links=dict(job.links if live is None else live.links),
    )


def new_file_id(entropy: Entropy) -> str:
    """A random identifier in the form of a version 4 UUID (RFC 9562 section 5.4)."""
    raw = bytearray(entropy.token_bytes(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def check_new(job: NewJob) -> None:
    """UsageError unless the figures make sense."""
    if not 1 <= job.priority <= 10:
        raise UsageError(f"priority {job.priority} is not from 1 to 10")
    if job.size < 0:
        raise UsageError(f"{job.path!r} can't have {job.size} bytes")


def _iso_or_none(wall_ns: int | None) -> str | None:
    return None if wall_ns is None else utc_iso(wall_ns)
