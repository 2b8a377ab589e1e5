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
    RelaySilent,
    SourceChanged,
    SourceMissing,
)
from transfer_core.events import JobState
from transfer_core.jobs.policy import Outcome, after_failure, is_due, order_key, retry_delay_ns, why_not_now
from transfer_core.sim.seeded_entropy import SeededEntropy
from transfer_core.units import NS_PER_S

CONFIG = RetryPolicyConfig(base_delay_s=1.0, max_delay_s=300.0, max_attempts=8)
NOW = 1_800_000_000 * NS_PER_S


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


@pytest.mark.parametrize("error", [NoUsableLink("x"), RelaySilent("x"), DiskFull("x"), QuotaExceeded("x")])
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


def test_a_delay_is_over_when_its_time_has_come_or_the_clock_was_set_back() -> None:
    longest = 300 * NS_PER_S
    assert is_due(0, NOW, longest)
    assert is_due(NOW, NOW, longest)
    assert not is_due(NOW + 1, NOW, longest)
    assert not is_due(NOW + longest, NOW, longest)
    assert is_due(NOW + longest + 1, NOW, longest)


def why(**more: object) -> str | None:
    options: dict[str, object] = {"unreachable": {}, "all_paused": False}
    options.update({key: more.pop(key) for key in list(more) if key in options})
    return why_not_now(job(**more), now_ns=NOW, longest_delay_ns=300 * NS_PER_S, **options)  # type: ignore[arg-type]


def test_a_job_that_can_not_run_says_why() -> None:
    assert why() is None
    assert why(status=JobState.PAUSED) == "it is paused"
    assert why(all_paused=True) == "everything is paused"
    assert why(unreachable={"pit": "no link is up"}) == "no link is up"
    assert why(unreachable={"factory": "no link is up"}) is None
    assert why(next_try_ns=NOW + 1, reason="the file changed") == "the file changed"
