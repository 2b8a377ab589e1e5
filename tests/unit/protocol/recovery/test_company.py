"""Beside others on one line: bounds in the model of `company_model`, and what the parts do by themselves."""

from __future__ import annotations

import pytest

from tests.unit.protocol.recovery.company_model import CubicFlow, run_together
from tests.unit.protocol.recovery.path_model import MS, Bottleneck, Conditions, PathModel, S
from transfer_core.protocol.recovery.company import Competition, Finding, QueueWatch

PACKET = 1500


def share(model: PathModel, since_ns: int, until_ns: int) -> float:
    """Of the line, between two times from the common start."""
    before_ns = model.start_ns - 17 * S
    return model.delivered_mbps(since_ns - before_ns, until_ns - before_ns) / model.conditions.rate_mbps


@pytest.mark.parametrize("cubic_after_s", [0, 2])
def test_beside_cubic_each_gets_its_part(cubic_after_s: int) -> None:
    conditions, line = Conditions(20, 60, queue_ms=60), Bottleneck()
    ours = PathModel(conditions, 1, bottleneck=line)
    cubic = CubicFlow(conditions, line, 6, begins_ns=cubic_after_s * S)
    run_together([ours, cubic], 30 * S)
    assert share(ours, 8 * S, 30 * S) >= 0.3
    assert cubic.mbps(8 * S, 30 * S) / 20 >= 0.3


@pytest.mark.parametrize(("rate_mbps", "rtt_ms", "cubic_after_ms"), [(50, 60, 200), (100, 30, 300)])
def test_cubic_that_begins_soon_after_does_not_starve_it_for_long(
    rate_mbps: int, rtt_ms: int, cubic_after_ms: int
) -> None:
    """Its queue comes and goes, and is constant at its height: neither as long as company's, nor a longer way."""
    conditions, line = Conditions(rate_mbps, rtt_ms, queue_ms=rtt_ms), Bottleneck()
    ours = PathModel(conditions, 1, bottleneck=line)
    cubic = CubicFlow(conditions, line, 101, begins_ns=cubic_after_ms * MS)
    run_together([ours, cubic], 30 * S)
    assert share(ours, 8 * S, 30 * S) >= 0.3
    assert cubic.mbps(8 * S, 30 * S) / rate_mbps >= 0.3


def test_when_cubic_has_gone_the_queue_is_small_again() -> None:
    conditions, line = Conditions(20, 60, queue_ms=60), Bottleneck()
    ours = PathModel(conditions, 1, bottleneck=line)
    cubic = CubicFlow(conditions, line, 4, ends_ns=10 * S)
    run_together([ours, cubic], 30 * S)
    assert ours.queue_ms(0.5, 5 * S) > 0
    beside = [ms for when_ns, ms in ours.queue_samples if 8 * S <= when_ns - ours.start_ns < 10 * S]
    after = [ms for when_ns, ms in ours.queue_samples if when_ns - ours.start_ns >= 24 * S]
    assert sorted(beside)[len(beside) // 2] > 30
    assert sorted(after)[len(after) // 2] < 25
    assert share(ours, 24 * S, 30 * S) > 0.95


@pytest.mark.parametrize("cubic_after_ms", [70, 500])
def test_company_is_not_taken_for_gone_when_it_has_shrunk_nor_forgotten_while_it_squeezes(cubic_after_ms: int) -> None:
    conditions, line = Conditions(100, 10, queue_ms=10), Bottleneck()
    ours = PathModel(conditions, 1, bottleneck=line)
    cubic = CubicFlow(conditions, line, 6, begins_ns=cubic_after_ms * MS)
    run_together([ours, cubic], 24 * S)
    assert share(ours, 8 * S, 24 * S) >= 0.3
    assert cubic.mbps(8 * S, 24 * S) / 100 >= 0.3


@pytest.mark.parametrize("rate_mbps", [20, 50])
def test_beside_cubic_with_a_short_round_trip_each_gets_its_part(rate_mbps: int) -> None:
    conditions, line = Conditions(rate_mbps, 10, queue_ms=10), Bottleneck()
    ours = PathModel(conditions, 1, bottleneck=line)
    cubic = CubicFlow(conditions, line, 6)
    run_together([ours, cubic], 16 * S)
    assert share(ours, 8 * S, 16 * S) >= 0.3
    assert cubic.mbps(8 * S, 16 * S) / rate_mbps >= 0.3


LATER = [  # Mbit/s, round trip in ms, how much later the second one begins, seed, how far off half
    (50, 60, 8000, 2, 0.15),
    (50, 10, 500, 4, 0.15),
    pytest.param(50, 60, 500, 1, 0.15, marks=pytest.mark.slow),
    pytest.param(20, 60, 8000, 3, 0.15, marks=pytest.mark.slow),
    pytest.param(50, 200, 8000, 5, 0.15, marks=pytest.mark.slow),
    pytest.param(20, 200, 8000, 1, 0.15, marks=pytest.mark.slow),
    pytest.param(20, 200, 8300, 1, 0.15, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("rate_mbps", "rtt_ms", "later_ms", "seed", "off"), LATER)
def test_two_of_ours_come_to_equal_shares_and_keep_the_queue_small(
    rate_mbps: int, rtt_ms: int, later_ms: int, seed: int, off: float
) -> None:
    conditions, line = Conditions(rate_mbps, rtt_ms), Bottleneck()
    first = PathModel(conditions, seed, bottleneck=line)
    second = PathModel(conditions, 100 + seed, bottleneck=line, begins_ns=later_ms * MS)
    from_ns = (later_ms + 9000) * MS
    run_together([first, second], from_ns + 6 * S)
    shares = [share(each, from_ns, from_ns + 6 * S) for each in (first, second)]
    assert sum(shares) > 0.95
    assert abs(shares[0] / (sum(shares) / 2) - 1) < off
    assert first.queue_ms(0.5, from_ns) < 0.25 * rtt_ms + 20


# --- the parts


def after_a_drain(watch: QueueWatch, seen: list[tuple[float, float]]) -> list[Finding]:
    """What is found from those queues and rates, if a drain ends after the first."""
    found = []
    for queue_s, rate in seen:
        found.append(watch.on_round(queue_s, 0.014, 0.06, rate, 3e6))
        watch.on_drained(0.040, 0.014)
    return found


def test_a_queue_that_obeys_is_nobody_elses() -> None:
    watch = QueueWatch()
    queue_s = 0.2
    for _ in range(20):
        assert watch.on_round(queue_s, 0.014, 0.06, 5e6, 3e6) is Finding.NOTHING
        queue_s *= 0.7


def test_a_long_queue_that_wavers_while_the_rate_falls_is_company() -> None:
    watch = QueueWatch()
    found = after_a_drain(watch, [(0.040 + 0.004 * (i % 3), 5e6 * 0.9**i) for i in range(6)])
    assert found[:5] == [Finding.NOTHING] * 5
    assert found[5] is Finding.COMPANY
    assert watch.rate_before == 5e6


def test_a_long_queue_is_not_called_company_before_all_of_ours_have_tried_to_empty_it() -> None:
    """One that began in the queue of another of ours knows a base delay too long, and keeps that much more standing."""
    watch = QueueWatch()
    for i in range(20):
        assert watch.on_round(0.040 + 0.004 * (i % 3), 0.014, 0.06, 5e6 * 0.9**i, 3e6) is Finding.NOTHING
    watch.on_drained(0.040, 0.014)
    assert watch.on_round(0.042, 0.014, 0.06, 5e5, 3e6) is Finding.COMPANY


def test_two_drains_that_leave_the_queue_tell_a_starved_flow_of_company_however_it_comes_and_goes() -> None:
    for is_starved, found in ((True, Finding.COMPANY), (False, Finding.NOTHING)):
        watch = QueueWatch()
        for _ in range(2):
            assert watch.on_round(0.040, 0.030, 0.06, 1e6, 3e6, is_starved=is_starved) is Finding.NOTHING
            watch.on_drained(0.025, 0.030)
            assert watch.on_round(0.010, 0.030, 0.06, 1e6, 3e6, is_starved=is_starved) is Finding.NOTHING
        assert watch.on_round(0.025, 0.030, 0.06, 1e6, 3e6, is_starved=is_starved) is found


def test_a_drain_that_empties_the_queue_shows_that_nobody_else_keeps_it_up() -> None:
    watch = QueueWatch()
    for left_s in (0.025, 0.002, 0.025):
        watch.on_drained(left_s, 0.030)
        assert watch.on_round(0.025, 0.030, 0.06, 1e6, 3e6, is_starved=True) is Finding.NOTHING


def test_a_queue_that_has_come_slowly_is_no_longer_way_though_it_stays_to_the_millisecond() -> None:
    watch = QueueWatch()
    queues_s = [0.010 + 0.004 * i for i in range(8)] + [0.040] * 12
    found = [watch.on_round(queue_s, 0.030, 0.06, 5e7 * 0.9**i, 3e6) for i, queue_s in enumerate(queues_s)]
    assert found == [Finding.NOTHING] * 20


def test_a_queue_that_stays_to_the_millisecond_is_a_longer_way() -> None:
    watch = QueueWatch()
    found = [watch.on_round(0.080, 0.014, 0.06, 5e6 * 0.9**i, 3e6) for i in range(6)]
    assert found[5] is Finding.LONGER_WAY


def test_a_flow_that_has_next_to_nothing_does_not_take_company_for_a_longer_way() -> None:
    watch = QueueWatch()
    found = after_a_drain(watch, [(0.080, 1e5 * 0.9**i) for i in range(6)])
    assert found[5] is Finding.COMPANY


def test_a_long_queue_is_not_company_while_the_rate_has_not_been_lowered() -> None:
    watch = QueueWatch()
    for i in range(20):
        assert watch.on_round(0.042 + 0.004 * (i % 3), 0.014, 0.06, 5e6, 3e6) is Finding.NOTHING


def test_a_queue_of_a_few_of_ours_is_no_company() -> None:
    watch = QueueWatch()
    for i in range(20):
        assert watch.on_round(0.024 + 0.004 * (i % 3), 0.014, 0.06, 5e6 * 0.95**i, 3e6) is Finding.NOTHING


def rounds(competition: Competition, start_s: float, queues_s: list[float], arriving: float = 2e6) -> list[bool]:
    return [
        competition.on_round(start_s + 0.1 * i, 0.06, 0.1, queue_s, arriving, queue_s < 0.007)
        for i, queue_s in enumerate(queues_s)
    ]


def test_the_window_grows_and_gives_up_what_did_not_fit() -> None:
    competition = Competition(0.0, 100.0 * PACKET, PACKET)
    rounds(competition, 0.1, [0.05] * 40)
    grown = competition.window
    assert grown > 110 * PACKET
    competition.on_final(5, 100, 0.0, 4.1, 0.1)
    assert competition.window == pytest.approx(grown - 5 * PACKET)


def test_loss_that_the_path_has_anyway_is_no_overflow() -> None:
    competition = Competition(0.0, 100.0 * PACKET, PACKET)
    rounds(competition, 0.1, [0.05] * 10)
    before = competition.window
    competition.on_final(12, 100, 0.1, 1.2, 0.1)
    assert competition.window == before


def test_it_shrinks_with_the_others() -> None:
    competition = Competition(0.0, 100.0 * PACKET, PACKET)
    rounds(competition, 0.1, [0.05] * 6)
    before = competition.window
    rounds(competition, 0.7, [0.035])
    assert competition.window == pytest.approx(0.85 * before, rel=0.02)


def test_it_is_over_when_the_queue_is_gone() -> None:
    competition = Competition(0.0, 100.0 * PACKET, PACKET)
    assert rounds(competition, 0.1, [0.05, 0.05, 0.003, 0.003, 0.003, 0.003]) == [False] * 5 + [True]


def answered(share_of_line: float) -> tuple[Competition, bool]:
    """Two tests, at which that share of the queue answers to the cut."""
    competition = Competition(0.0, 100.0 * PACKET, PACKET)
    over, now_s, line = False, 0.1, 2e6
    queue_s = 0.05
    while now_s < 12 and not over:
        before = competition.window
        over = competition.on_round(now_s, 0.06, 0.1, queue_s, share_of_line * line, False)
        if competition.window < 0.8 * before:
            queue_s = 0.05 - 0.3 * before / line
        elif competition.window > before * 1.1:
            queue_s = 0.05
        now_s += 0.1
    return competition, over


def test_it_is_over_when_all_of_the_queue_answers_twice() -> None:
    assert answered(0.95)[1]
    assert not answered(0.5)[1]


def test_a_small_share_is_put_right() -> None:
    assert answered(0.15)[0].window > 1.3 * answered(0.5)[0].window
