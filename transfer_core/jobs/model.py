"""A job, its states, and what may follow what.

                  agent takes it            relay verified it
        pending ------------------> uploading ----------------> completed
         ^ ^ ^  <------------------     | | |
         | | |   waits, put off,        | | |
         | | |   agent died             | | +------------------> failed      no attempt is left, or none can help
         | | |                          | +--------------------> cancelled   a person's word
         | | +------- paused <----------+  (paused, cancelled: from pending as well; cancelled: from paused and failed)
         | |  resume
         | +--------- failed               retry
         +----------- cancelled            retry

A job that is pending or paused can also become `completed`, and a pending one `failed`: what the relay has verified has
arrived, and what can't be sent can't, even if the job was taken from the agent a moment before it could say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from transfer_core.entropy import Entropy
from transfer_core.errors import ConflictError
from transfer_core.events import JobState, JobView

_PENDING, _UPLOADING, _PAUSED = JobState.PENDING, JobState.UPLOADING, JobState.PAUSED
_COMPLETED, _FAILED, _CANCELLED = JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED

TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    _PENDING: frozenset({_UPLOADING, _PAUSED, _COMPLETED, _FAILED, _CANCELLED}),
    _UPLOADING: frozenset({_PENDING, _PAUSED, _COMPLETED, _FAILED, _CANCELLED}),
    _PAUSED: frozenset({_PENDING, _COMPLETED, _CANCELLED}),
    _COMPLETED: frozenset(),
    _FAILED: frozenset({_PENDING, _CANCELLED}),
    _CANCELLED: frozenset({_PENDING}),
}


def check_transition(file_id: str, before: JobState, after: JobState) -> None:
    """ConflictError unless a job may go from `before` to `after`."""
    if after not in TRANSITIONS[before]:
        raise ConflictError(f"job {file_id} is {before}, it can't become {after}")


def states_before(after: JobState) -> tuple[JobState, ...]:
    """The states from which a job may become `after`."""
    return tuple(before for before, allowed in TRANSITIONS.items() if after in allowed)


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the queue. `_at` times are UTC ISO 8601 text, `_ns` times wall-clock nanoseconds since 1970."""

    file_id: str
    path: str
    size: int
    priority: int  # 1 (first) to 10
    position: float  # within the priority; only the order means something
    status: JobState
    destination: str
    dest_path: str
    source: str = "cli"  # drop, cli, watch, recording, api
    created_at: str = ""
    bytes_done: int = 0  # stored at the destination
    attempts: int = 0  # runs that were begun; waiting for a network is none
    idle_attempts: int = 0  # failed ones in a row that moved nothing
    reason: str = ""  # why it waits or failed, for people
    error: str | None = None  # the error's stable code
    started_at: str | None = None  # first begun
    completed_at: str | None = None  # completed, failed or cancelled
    next_try_ns: int = 0
    next_try_at: str | None = None
    duration_s: float | None = None
    resent_bytes: int = 0
    stored_as: str = ""
    file_hash: str = ""
    links: Mapping[str, int] = field(default_factory=dict)  # bytes that each link carried
    source_mtime_ns: int | None = None  # with size and inode: the one state of the source that may be sent
    source_inode: int | None = None  # None, as the time: whatever state it is in

    @property
    def bytes_left(self) -> int:
        """What has yet to be stored at the destination."""
        return max(0, self.size - self.bytes_done)


def to_view(job: Job) -> JobView:
    """The row as people and programs see it; what only the engine knows is blank."""
    return JobView(
        file_id=job.file_id,
        path=job.path,
        size=job.size,
        priority=job.priority,
        position=job.position,
        status=job.status,
        destination=job.destination,
        dest_path=job.dest_path,
        bytes_done=job.bytes_done,
        attempts=job.attempts,
        reason=job.reason,
        error=job.error,
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.completed_at,
        next_try_at=job.next_try_at,
        duration_s=job.duration_s,
        source=job.source,
        resent_bytes=job.resent_bytes,
        stored_as=job.stored_as,
        file_hash=job.file_hash,
        links=dict(job.links),
    )


class FileIds:
    """Makes identifiers of jobs, in the form of a version 8 UUID (RFC 9562 section 5.8).

    The first 32 bits count up from a random number, the others are random. So jobs that are queued together lie
    together in the databases of both ends, where scattered ones cost a page each, and differ in how they begin.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._count = int.from_bytes(entropy.token_bytes(4), "big")

    def next(self) -> str:
        """Another one."""
        self._count = self._count + 1 & 0xFFFFFFFF
        raw = bytearray(self._entropy.token_bytes(12))
        raw[2] = raw[2] & 0x0F | 0x80
        raw[4] = raw[4] & 0x3F | 0x80
        text = raw.hex()
        return "-".join((f"{self._count:08x}", text[:4], text[4:8], text[8:12], text[12:]))
