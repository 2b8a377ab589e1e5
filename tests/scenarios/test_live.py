"""Live datagrams beside files, in virtual time: they go first, a link that dies leaves no gap, files still arrive."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.session_world import MS, S, SessionWorld, WorldFile
from transfer_core.protocol.endpoint import Received
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.protocol.receiver_events import SessionEnded
from transfer_core.sim.conditions import LinkConditions

DRONES, EVERY_NS = 20, 20 * MS
FEED = 1


class Flying:
    """Drones at 100 Hz, handed over every 20 ms as a receiver does; remembers when."""

    def __init__(self, world: SessionWorld, drones: int = DRONES) -> None:
        self.world, self.drones = world, drones
        self.handed_ns: dict[bytes, int] = {}
        self.until_ns = 0
        world.sender.open_feed(FEED, b"{}")

    def fly(self, seconds: float) -> None:
        self.until_ns = self.world.now_ns + int(seconds * S)
        self._hand_over()

    def _hand_over(self) -> None:
        world = self.world
        batch: list[LiveDatagram] = []
        for drone in range(self.drones):
            for _ in range(2):
                data = len(self.handed_ns).to_bytes(4, "big").ljust(97, b"x")
                self.handed_ns[data] = world.now_ns
                batch.append(LiveDatagram((f"10.0.0.{drone}", 5001), world.now_ns, data))
        world.sender.send_live(FEED, batch, world.clock_of(world.sender))
        if world.now_ns < self.until_ns:
            world.at(EVERY_NS, self._hand_over)

    def delays_ms(self) -> np.ndarray:
        return np.array([(at - self.handed_ns[each.data]) / MS for at, each in self.world.live_arrived])


def _flying(world: SessionWorld, drones: int = DRONES) -> Flying:
    flying = Flying(world, drones)
    assert world.run(lambda: bool(world.feed_answers), limit_s=5)
    return flying


def _bulk(size: int) -> WorldFile:
    return WorldFile("bulk", np.random.default_rng(1).bytes(size))


def test_live_datagrams_overtake_a_file_that_fills_both_links() -> None:
    links = [LinkConditions(rate_mbps=10, delay_ms=10), LinkConditions(rate_mbps=6, delay_ms=20)]
    world = SessionWorld(links, seed=7)
    flying = _flying(world)
    world.add_file(_bulk(5_500_000))
    world.run(lambda: False, limit_s=1.0)
    flying.fly(1.0)
    world.run(lambda: False, limit_s=1.3)
    delays = flying.delays_ms()
    assert len(delays) == len(flying.handed_ns)
    assert np.quantile(delays, 0.99) < 60  # 10 ms of way, and the small queue that is held standing
    assert not world.all_arrived
    assert world.run(limit_s=30)
    world.assert_equal()
    assert [each.data for _, each in world.live_arrived] == list(flying.handed_ns)


def test_a_link_that_dies_leaves_no_gap() -> None:
    links = [LinkConditions(rate_mbps=10, delay_ms=10), LinkConditions(rate_mbps=10, delay_ms=30)]
    world = SessionWorld(links, seed=11)
    flying = _flying(world)
    world.add_file(_bulk(2_500_000))
    flying.fly(3.0)
    world.run(lambda: False, limit_s=1.0)
    for link in (world.ups[0], world.downs[0]):
        link.kill()
    world.run(lambda: False, limit_s=3.0)
    lost = len(flying.handed_ns) - len(world.live_arrived)
    assert lost == 0
    assert world.receiver.feeds[FEED].missing == 0
    assert flying.delays_ms().max() < 250


@pytest.mark.parametrize("loss", [0.01, 0.05])
def test_a_link_that_dies_leaves_no_gap_though_the_other_one_loses(loss: float) -> None:
    links = [LinkConditions(rate_mbps=10, delay_ms=5), LinkConditions(rate_mbps=10, delay_ms=20, loss=loss)]
    world = SessionWorld(links, seed=23)
    flying = _flying(world)
    world.add_file(_bulk(2_500_000))
    flying.fly(6.0)
    world.run(lambda: False, limit_s=1.0)
    for link in (world.ups[0], world.downs[0]):
        link.kill()
    world.run(lambda: False, limit_s=7.0)
    assert len(flying.handed_ns) - len(world.live_arrived) == 0
    assert flying.delays_ms().max() < 300


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("late_ms", "stall_ms"), [(60.0, 0.0), (20.0, 600.0)])
def test_a_link_that_dies_leaves_no_gap_on_a_machine_that_is_late_with_everything(
    late_ms: float, stall_ms: float, seed: int
) -> None:
    links = [LinkConditions(rate_mbps=10, delay_ms=5), LinkConditions(rate_mbps=10, delay_ms=20, loss=0.015)]
    world = SessionWorld(links, seed=seed, late_ms=late_ms, stall_ms=stall_ms)
    flying = _flying(world, drones=4)
    world.add_file(_bulk(2_500_000))
    flying.fly(4.0)
    world.run(lambda: False, limit_s=1.0)
    for link in (world.ups[0], world.downs[0]):
        link.kill()
    world.run(lambda: False, limit_s=6.0)
    assert [each.data for _, each in world.live_arrived] == list(flying.handed_ns)
    assert world.sender.live_counts[FEED].skipped == world.receiver.feeds[FEED].missing == 0


@pytest.mark.parametrize("loss", [0.05, 0.2])
def test_on_one_bad_link_each_frame_goes_twice_and_what_is_missed_is_counted(loss: float) -> None:
    world = SessionWorld([LinkConditions(rate_mbps=20, delay_ms=10, loss=loss)], seed=13)
    flying = _flying(world)
    world.add_file(_bulk(3_000_000))
    world.run(lambda: False, limit_s=1.0)  # the loss has to be known
    flying.fly(3.0)
    world.run(lambda: False, limit_s=6.0)  # another answer of the relay comes after the last
    came, handed = len(world.live_arrived), len(flying.handed_ns)
    assert handed - came <= 2.5 * loss * loss * handed + 20
    assert world.receiver.feeds[FEED].missing == handed - came
    answer = world.feed_answers[-1]
    assert (answer.code, answer.received, answer.missing) == ("", came, handed - came)
    assert world.run(limit_s=30)


def test_a_link_that_is_too_slow_for_all_carries_the_newest_and_a_file_still_gets_on() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=2, delay_ms=10, queue_ms=200)], seed=17)
    flying = _flying(world, drones=60)  # 5.8 Mbit/s and heads
    world.add_file(_bulk(200_000))
    flying.fly(8.0)
    world.run(lambda: False, limit_s=9.0)
    counts = world.sender.live_counts[FEED]
    came = len(world.live_arrived)
    assert counts.skipped > len(flying.handed_ns) // 3
    assert came + counts.skipped + world.receiver.feeds[FEED].missing == len(flying.handed_ns)
    assert world.receiver.feeds[FEED].skipped > 0
    assert np.median(flying.delays_ms()) < 600
    assert world.all_arrived
    world.assert_equal()


def test_nothing_live_is_sent_to_a_relay_that_does_not_answer() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=10, delay_ms=5)], seed=19)
    world.add_file(_bulk(300_000))
    world.sender.send_live(FEED, [LiveDatagram(("10.0.0.1", 1), 0, b"x")], world.now_ns)
    assert world.run(limit_s=10)
    assert world.live_arrived == []
    assert world.receiver.counters.refused == 0


def test_last_words_by_another_link_end_the_session_though_the_fastest_one_is_dead() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=10, delay_ms=5), LinkConditions(rate_mbps=10, delay_ms=20)], seed=29)
    _flying(world)
    world.run(lambda: False, limit_s=1.0)
    for link in (world.ups[0], world.downs[0]):
        link.kill()
    now_ns = world.clock_of(world.sender)
    world.sender.close()
    first = world.sender.poll_transmit(now_ns)
    assert first is not None
    assert first.path == 0  # the dead one, which nobody knows yet
    again = world.sender.say_again(world.sender.paths[1], now_ns)
    assert again is not None
    world.receiver.receive_datagrams(1, Received(("10.0.0.2", 1), again.payload, again.segment_bytes), now_ns)
    assert any(isinstance(event, SessionEnded) for event in iter(world.receiver.poll_event, None))


def test_who_has_said_all_has_no_last_words() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=10, delay_ms=5)], seed=31)
    _flying(world)
    assert world.run(lambda: not world.sender.messages_pending, limit_s=5)
    assert world.sender.say_again(world.sender.paths[0], world.clock_of(world.sender)) is None
