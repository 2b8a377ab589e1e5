"""Decides which job comes first, which may run now, and what a failed attempt leads to.

Theory of operation. A failure is one of three things. *Waiting*: the network or the room at the other end is missing;
nothing was tried, nothing is counted, and the job goes on when that changes. *Passing*: it may work next time, so the job
is put off with exponential backoff and full jitter (AWS architecture blog, "Exponential Backoff And Jitter", 2015): a
uniform delay from 0 to min(max, base * 2^attempt). An attempt that moved the file forward starts the count again, so
that a large file on a bad day never runs out of attempts. *Permanent*: trying again can't help, and the job fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from transfer_core.config import RetryPolicyConfig
from transfer_core.entropy import Entropy
from transfer_core.errors import DiskFull, DrsError, LinkError, QuotaExceeded
from transfer_core.events import JobState
from transfer_core.jobs.model import GivenUp, Job, PutOff, Waiting
from transfer_core.units import NS_PER_S

ROOM_RETRY_NS = 5 * NS_PER_S  # how often a full relay is asked again


def order_key(job: Job) -> tuple[int, int]:
    """Jobs sorted by this are in the order of the queue."""
    return job.priority, job.position


def retry_delay_ns(attempt: int, config: RetryPolicyConfig, entropy: Entropy) -> int:
    """How long to wait after failed attempt number `attempt`, counted from 0."""
    ceiling_s = min(config.max_delay_s, config.base_delay_s * 2.0 ** min(attempt, 64))
    return round(entropy.uniform() * ceiling_s * NS_PER_S)


def is_waiting(error: DrsError) -> bool:
    """Whether the error says that something outside is missing, so that nothing was really tried."""
    return error.retryable and isinstance(error, LinkError | DiskFull | QuotaExceeded)


def after_failure(
    job: Job, error: DrsError, *, made_progress: bool, now_ns: int, config: RetryPolicyConfig, entropy: Entropy
) -> Waiting | PutOff | GivenUp:
    """What becomes of a job whose run ended with `error`. `now_ns` is wall-clock time."""
    if is_waiting(error):
        retry_at_ns = None if isinstance(error, LinkError) else now_ns + ROOM_RETRY_NS
        return Waiting(job.file_id, error.message, error.code, retry_at_ns)
    failed_attempts = 1 if made_progress else job.attempts + 1
    if not error.retryable or failed_attempts >= config.max_attempts:
        return GivenUp(job.file_id, error.message, error.code, failed_attempts)
    delay_ns = retry_delay_ns(failed_attempts - 1, config, entropy)
    return PutOff(job.file_id, error.message, error.code, failed_attempts, now_ns + delay_ns)


def is_due(next_try_ns: int | None, now_ns: int, longest_delay_ns: int) -> bool:
    """Whether the delay is over; also when it is impossibly far off, since then the clock was set back."""
    return next_try_ns is None or next_try_ns <= now_ns or next_try_ns > now_ns + longest_delay_ns


def why_not_now(
    job: Job, *, now_ns: int, longest_delay_ns: int, unreachable: Mapping[str, str], all_paused: bool
) -> str | None:
    """Why a pending job can't run now, for people; None if it can. `unreachable` says it by destination."""
    if job.state is not JobState.PENDING:
        return f"it is {job.state}"
    if all_paused:
        return "everything is paused"
    if job.destination in unreachable:
        return unreachable[job.destination]
    if not is_due(job.next_try_ns, now_ns, longest_delay_ns):
        return job.reason or "it is tried again later"
    return None


def choose(
    jobs: Iterable[Job],
    count: int,
    *,
    now_ns: int,
    longest_delay_ns: int,
    unreachable: Mapping[str, str],
    all_paused: bool,
) -> list[Job]:
    """The first `count` jobs, in the order of the queue, that may run now."""
    ready = (
        job
        for job in sorted(jobs, key=order_key)
        if why_not_now(
            job, now_ns=now_ns, longest_delay_ns=longest_delay_ns, unreachable=unreachable, all_paused=all_paused
        )
        is None
    )
    return [job for _, job in zip(range(count), ready, strict=False)]
