from __future__ import annotations

from dataclasses import replace

import pytest

from transfer_core.events import LinkState
from transfer_core.links.hysteresis import LinkStateJudge, StateChange
from transfer_core.links.measure import LinkFigures, LinkMeter
from transfer_core.units import NS_PER_MS, NS_PER_S

TICK = 100 * NS_PER_MS


def fine(now_ns: int, *, loss: float = 0.0, rtt_ms: float = 30.0) -> LinkFigures:
    return LinkFigures(throughput_bps=1e7, rtt_ms=rtt_ms, loss=loss, sure_loss=loss, jitter_ms=1.0, measured_ns=now_ns)


class Track:
    """Drives a judge tick by tick and keeps what changed."""

    def __init__(self) -> None:
        self.now_ns = NS_PER_S
        self.judge = LinkStateJudge(self.now_ns)
        self.changes: list[StateChange] = []
        self.last = LinkFigures()

    def run(self, seconds: float, *, alive: bool = True, loss: float = 0.0, rtt_ms: float = 30.0) -> LinkState:
        for _ in range(round(seconds * 10)):
            self.now_ns += TICK
            if alive:
                self.last = fine(self.now_ns, loss=loss, rtt_ms=rtt_ms)
            change = self.judge.judge(self.last, self.now_ns, in_session=True)
            if change is not None:
                self.changes.append(change)
        return self.judge.state

    @property
    def states(self) -> list[LinkState]:
        return [change.after for change in self.changes]


def test_a_link_is_idle_until_it_has_delivered_in_a_session_then_up_at_once() -> None:
    judge = LinkStateJudge(0)
    assert judge.judge(LinkFigures(), TICK, in_session=True) is None
    assert judge.judge(fine(2 * TICK), 2 * TICK, in_session=False) is None
    assert judge.state is LinkState.IDLE
    change = judge.judge(fine(3 * TICK), 3 * TICK, in_session=True)
    assert change is not None
    assert (change.before, change.after) == (LinkState.IDLE, LinkState.UP)
    assert judge.since_ns == 3 * TICK


def test_silence_shows_soon_and_coming_back_has_to_be_earned() -> None:
    track = Track()
    assert track.run(5) is LinkState.UP
    assert track.run(2.4, alive=False) is LinkState.UP
    assert track.run(0.3, alive=False) is LinkState.SILENT
    assert track.judge.why == "nothing comes back"
    assert track.run(0.1) is LinkState.RETURNING
    returned_ns = track.now_ns
    assert track.run(1.8) is LinkState.RETURNING
    assert (track.judge.since_ns, track.judge.why) == (returned_ns, "answers again")
    assert track.run(0.3) is LinkState.UP
    assert track.judge.why == ""
    assert [change.announce for change in track.changes if change.after is LinkState.RETURNING] == [False]


def test_one_that_falls_silent_again_while_it_returns_is_not_lost_again_and_begins_anew() -> None:
    track = Track()
    track.run(1)
    track.run(4, alive=False)
    assert track.run(1.5) is LinkState.RETURNING
    assert track.run(2.4, alive=False) is LinkState.RETURNING  # one proof is no two seconds of delivering
    assert track.run(0.2, alive=False) is LinkState.SILENT
    assert not track.changes[-1].announce
    assert track.run(1.9) is LinkState.RETURNING
    assert track.run(0.3) is LinkState.UP
    assert track.changes[-1].is_news


def test_each_relapse_doubles_what_has_to_be_earned_up_to_half_a_minute() -> None:
    track = Track()
    track.run(1)
    waits: list[float] = []
    for _ in range(7):
        track.run(4, alive=False)
        assert track.judge.state is LinkState.SILENT
        began = track.now_ns
        while track.judge.state is not LinkState.UP and track.now_ns - began < 60 * NS_PER_S:
            track.run(0.1)
        waits.append(round((track.now_ns - began) / NS_PER_S))
    assert waits == [2, 4, 8, 16, 30, 30, 30]


def test_a_minute_of_good_behaviour_is_forgiven() -> None:
    track = Track()
    track.run(1)
    track.run(4, alive=False)
    track.run(3)
    track.run(4, alive=False)
    track.run(70)
    track.run(4, alive=False)
    assert track.run(2.2) is LinkState.UP


def test_loss_has_to_last_before_a_link_is_degraded_and_to_fall_further_before_it_is_up() -> None:
    track = Track()
    track.run(5)
    assert track.run(2.5, loss=0.3) is LinkState.UP
    assert track.run(1, loss=0.3) is LinkState.DEGRADED
    assert track.judge.why == "30 % of the datagrams are lost"
    assert track.run(20, loss=0.07) is LinkState.DEGRADED
    assert track.run(4, loss=0.02) is LinkState.UP


def test_a_long_round_trip_degrades_a_link() -> None:
    track = Track()
    track.run(1)
    assert track.run(4, rtt_ms=700) is LinkState.DEGRADED
    assert track.judge.why == "a round trip takes 700 ms"
    assert track.run(10, rtt_ms=350) is LinkState.DEGRADED
    assert track.run(4, rtt_ms=100) is LinkState.UP


def test_loss_that_may_be_chance_degrades_no_link_but_keeps_one_degraded() -> None:
    judge = LinkStateJudge(0)
    chance = replace(fine(0, loss=0.12), sure_loss=0.0)
    now_ns = 0
    for _ in range(100):
        now_ns += TICK
        judge.judge(replace(chance, measured_ns=now_ns), now_ns, in_session=True)
    assert judge.state is LinkState.UP
    for _ in range(40):
        now_ns += TICK
        judge.judge(fine(now_ns, loss=0.3), now_ns, in_session=True)
    assert judge.state is LinkState.DEGRADED
    for _ in range(100):
        now_ns += TICK
        judge.judge(replace(chance, measured_ns=now_ns), now_ns, in_session=True)
    assert judge.state is LinkState.DEGRADED


@pytest.mark.parametrize(("lost_of_ten", "expected"), [(0, LinkState.UP), (1, LinkState.UP), (3, LinkState.DEGRADED)])
def test_an_idle_link_is_degraded_by_what_it_really_loses_and_not_by_one_lost_probe(
    lost_of_ten: int, expected: LinkState
) -> None:
    meter, judge = LinkMeter(), LinkStateJudge(0)
    states = set()
    for tick in range(1, 400):  # probed once a second, judged ten times a second
        now_ns = tick * TICK
        if tick % 10 == 0:
            lost = int(tick // 10 % 10 < lost_of_ten and (lost_of_ten > 1 or tick < 200))
            meter.on_rtt(20 * NS_PER_MS, now_ns)
            meter.on_settled(1 - lost, lost, now_ns)
        judge.judge(meter.figures(now_ns), now_ns, in_session=True)
        states.add(judge.state)
    assert judge.state is expected
    assert states - {LinkState.IDLE, LinkState.UP} == {expected} - {LinkState.UP}


def test_loss_around_the_threshold_does_not_flap() -> None:
    track = Track()
    track.run(5)
    for step in range(200):
        track.run(0.5, loss=0.12 if step % 2 else 0.08)
    assert len(track.changes) <= 2


def test_a_silent_link_that_comes_back_lossy_is_not_kept_silent_for_wavering() -> None:
    track = Track()
    track.run(1)
    track.run(4, alive=False)
    for step in range(5):
        track.run(0.5, loss=0.15 if step % 2 else 0.0)
    assert track.judge.state in (LinkState.UP, LinkState.DEGRADED)


def test_a_flapping_link_is_announced_a_few_times_then_no_more_until_it_holds_still() -> None:
    track = Track()
    track.run(1)
    for _ in range(20):
        track.run(3, alive=False)
        track.run(40)
    announced = [change for change in track.changes if change.announce]
    assert len(track.changes) > 30
    assert len(announced) == 4
    assert [change.flapping for change in announced] == [False, False, False, True]
    track.run(70)
    track.run(4, alive=False)
    assert track.changes[-1].announce


def test_down_and_killed_are_taken_at_once_and_left_by_measuring() -> None:
    track = Track()
    track.run(2)
    killed = track.judge.judge(track.last, track.now_ns, in_session=True, fixed=LinkState.KILLED, why="killed by you")
    assert killed is not None
    assert (killed.before, killed.after, killed.why) == (LinkState.UP, LinkState.KILLED, "killed by you")
    again = track.judge.judge(track.last, track.now_ns + TICK, in_session=True, fixed=LinkState.KILLED, why="by you")
    assert again is None
    assert track.run(0.2) is LinkState.UP


def test_a_link_that_was_switched_on_again_is_not_lost_before_it_has_answered() -> None:
    track = Track()
    track.run(2)
    track.judge.judge(track.last, track.now_ns, in_session=True, fixed=LinkState.KILLED, why="killed by you")
    assert track.run(2.5, alive=False) is LinkState.RETURNING
    assert track.judge.why == "no answer yet"
    assert track.run(0.1, alive=False) is LinkState.SILENT
    assert not track.changes[-1].is_news
    assert track.run(0.1) is LinkState.UP
    assert track.changes[-1].is_news
    assert track.run(5, alive=False) is LinkState.SILENT
    assert track.changes[-1].is_news


@pytest.mark.parametrize("off_s", [0.5, 60])
def test_a_link_that_was_switched_on_again_is_up_with_its_first_answer_however_often_it_was_off(off_s: float) -> None:
    track = Track()
    track.run(2)
    for _ in range(4):
        before = len(track.changes)
        for _ in range(round(off_s * 10)):
            track.now_ns += TICK
            track.judge.judge(track.last, track.now_ns, in_session=True, fixed=LinkState.KILLED, why="killed by you")
        assert track.judge.state is LinkState.KILLED
        assert track.run(0.3, alive=False) is LinkState.RETURNING
        assert track.run(0.1) is LinkState.UP
        assert track.states[before:] == [LinkState.RETURNING, LinkState.UP]


def test_a_new_session_proves_a_link_anew_and_is_no_loss() -> None:
    track = Track()
    track.run(2)
    for _ in range(100):
        track.now_ns += TICK
        track.judge.judge(track.last, track.now_ns, in_session=False)
    assert track.run(0.5, alive=False) is LinkState.IDLE
    assert track.judge.why == "no answer yet"
    assert track.run(0.1) is LinkState.UP
    assert LinkState.SILENT not in track.states


def test_a_measured_state_can_not_be_set() -> None:
    with pytest.raises(ValueError, match="measured"):
        LinkStateJudge(0).judge(LinkFigures(), 0, in_session=True, fixed=LinkState.UP)
