from __future__ import annotations

import pytest

from tests.unit.jobs.test_model import job
from transfer_core.config import RetryPolicyConfig
from transfer_core.errors import (
    DiskFull,
    DrsError,
    FileHashMismatch,
    NameRefused,
    NoUsableLink,
    PortInUse,
    QuotaExceeded,
    SourceChanged,
    SourceMissing,
)
from transfer_core.jobs.policy import Outcome, after_failure, order_key, retry_delay_ns
from transfer_core.sim.seeded_entropy import SeededEntropy
from transfer_core.units import NS_PER_S

CONFIG = RetryPolicyConfig(base_delay_s=1.0, max_delay_s=300.0, max_attempts=8)


class Fixed:
    """Entropy that always says the same."""

    def __init__(self, value: float) -> None:
        self.value = value

    def uniform(self) -> float:
        return self.value

    def token_bytes(self, count: int) -> bytes:
        return bytes(count)


def decide(error: DrsError, *, idle: int = 0, progress: bool = False, jitter: float = 0.5):  # type: ignore[no-untyped-def]
    return after_failure(idle, error, made_progress=progress, config=CONFIG, entropy=Fixed(jitter))


def test_jobs_are_ordered_by_priority_then_position() -> None:
    jobs = [job(file_id="c", priority=7, position=0.0), job(file_id="b", position=2.0), job(file_id="a", position=1.0)]
    assert [j.file_id for j in sorted(jobs, key=order_key)] == ["a", "b", "c"]


@pytest.mark.parametrize(("attempt", "ceiling_s"), [(0, 1), (1, 2), (5, 32), (8, 256), (9, 300), (10_000, 300)])
def test_the_delay_grows_with_each_attempt_up_to_its_limit(attempt: int, ceiling_s: int) -> None:
    assert retry_delay_ns(attempt, CONFIG, Fixed(0.999999)) == pytest.approx(ceiling_s * NS_PER_S, rel=1e-5)
    assert retry_delay_ns(attempt, CONFIG, Fixed(0.0)) == 0


def test_delays_are_spread_over_the_whole_range() -> None:
    entropy = SeededEntropy(11)
    delays = [retry_delay_ns(6, CONFIG, entropy) / (64 * NS_PER_S) for _ in range(2000)]
    assert all(0 <= delay < 1 for delay in delays)
    assert sum(delays) / len(delays) == pytest.approx(0.5, abs=0.03)
    assert min(delays) < 0.01
    assert max(delays) > 0.99


@pytest.mark.parametrize("error", [NoUsableLink("x"), DiskFull("x"), QuotaExceeded("x")])
def test_waiting_for_the_network_or_for_room_is_no_attempt_however_often(error: DrsError) -> None:
    assert decide(error, idle=1000).outcome is Outcome.WAIT


def test_a_full_relay_is_asked_again_later_and_a_missing_network_needs_no_delay() -> None:
    assert decide(DiskFull("x")).delay_ns > 0
    assert decide(NoUsableLink("x")).delay_ns == 0


@pytest.mark.parametrize("error", [SourceMissing("x"), NameRefused("x"), PortInUse("x"), DrsError("x")])
def test_an_error_that_trying_again_can_not_help_ends_the_job_at_once(error: DrsError) -> None:
    assert decide(error, progress=True).outcome is Outcome.GIVE_UP


def test_a_passing_error_is_tried_again_until_the_attempts_are_used_up() -> None:
    outcomes = [decide(FileHashMismatch("x"), idle=idle).outcome for idle in range(9)]
    assert outcomes == [Outcome.PUT_OFF] * 7 + [Outcome.GIVE_UP] * 2


def test_progress_starts_the_count_and_the_delay_again() -> None:
    decision = decide(SourceChanged("x"), idle=7, progress=True)
    assert decision.outcome is Outcome.PUT_OFF
    assert decision.delay_ns == NS_PER_S // 2
