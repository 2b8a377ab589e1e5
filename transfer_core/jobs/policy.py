"""Decides which job comes first, which may run now, and what a failed attempt leads to.

Theory of operation. A failure is one of three things. *Waiting*: the network or the room at the other end is missing;
nothing was tried, nothing is counted, and the job goes on when that changes. *Passing*: it may work next time, so the
job is put off with exponential backoff and full jitter (AWS architecture blog, "Exponential Backoff And Jitter", 2015):
a uniform delay from 0 to min(max, base * 2^attempt). An attempt that moved the file forward starts the count again, so
that a large file on a bad day never runs out of attempts. *Permanent*: trying again can't help, and the job fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from transfer_core.config import RetryPolicyConfig
from transfer_core.entropy import Entropy
from transfer_core.errors import DestinationError, DiskFull, DrsError, LinkError, QuotaExceeded, ServerSilent
from transfer_core.jobs.model import Job
from transfer_core.units import NS_PER_S

AGEING_S = 900.0
ROOM_RETRY_NS = 5 * NS_PER_S  # how often a full relay is asked again


class Outcome(StrEnum):
    """What a failed run leads to."""

    WAIT = "wait"  # no attempt was made; goes on when the network or the room is back
    PUT_OFF = "put_off"  # another attempt follows
    GIVE_UP = "give_up"  # it failed, until a person retries it


@dataclass(frozen=True, slots=True)
class Decision:
    """An outcome, and how long to wait before the job may be claimed again."""

    outcome: Outcome
    delay_ns: int = 0


def aged_priority(priority: int, waited_s: float) -> float:
    """The priority as it counts after so long a wait: one better for each quarter of an hour, so that none starves."""
    return priority - max(0.0, waited_s) / AGEING_S


def order_key(job: Job) -> tuple[int, float]:
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
    idle_attempts: int, error: DrsError, *, made_progress: bool, config: RetryPolicyConfig, entropy: Entropy
) -> Decision:
    """What a run that ended with `error` leads to, after `idle_attempts` failed runs in a row that moved nothing."""
    if isinstance(error, DestinationError) and error.retry_after_s is not None:
        return Decision(Outcome.WAIT, round(error.retry_after_s * NS_PER_S))
    if is_waiting(error):
        return Decision(Outcome.WAIT, _waiting_ns(error, config, entropy))
    failed_runs = 0 if made_progress else idle_attempts + 1
    if not error.retryable or failed_runs >= config.max_attempts:
        return Decision(Outcome.GIVE_UP)
    return Decision(Outcome.PUT_OFF, retry_delay_ns(max(0, failed_runs - 1), config, entropy))


def _waiting_ns(error: DrsError, config: RetryPolicyConfig, entropy: Entropy) -> int:
    """A server that broke off one upload while others move is not asked again at once; a missing link is noticed."""
    if isinstance(error, ServerSilent):
        return retry_delay_ns(2, config, entropy)
    return 0 if isinstance(error, LinkError) else ROOM_RETRY_NS
