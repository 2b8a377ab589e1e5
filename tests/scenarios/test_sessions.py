"""Two sessions over simulated links in virtual time: what is promised of a transfer, as numbers with bounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.session_world import MS, S, SessionWorld, WorldFile
from transfer_core.sim.conditions import LinkConditions


def _data(size: int, seed: int = 1) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def _file(name: str, size: int, priority: int = 5, seed: int = 1) -> WorldFile:
    return WorldFile(name, _data(size, seed), priority=priority)


THREE = (
    LinkConditions(rate_mbps=8, delay_ms=8, loss=0.01),
    LinkConditions(rate_mbps=2, delay_ms=30, loss=0.005),
    LinkConditions(rate_mbps=10, delay_ms=15, burst_loss=0.003),
)


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 300_000])
def test_a_file_of_any_size_arrives_equal(size: int) -> None:
    world = SessionWorld([LinkConditions(rate_mbps=50, delay_ms=5)], seed=size)
    world.add_file(_file("a", size))
    assert world.run(limit_s=20)
    world.assert_equal()


def test_three_unequal_links_carry_nearly_their_sum() -> None:
    world = SessionWorld(THREE, seed=3)
    world.add_file(_file("a", 12_000_000))
    began_ns = world.now_ns
    assert world.run(limit_s=60)
    took_s = (world.now_ns - began_ns) / S
    ceiling_bps = sum(c.rate_mbps * 1e6 * (1 - c.loss) * (1 - c.burst_loss) * 0.96 for c in THREE)
    assert 12_000_000 * 8 / took_s >= 0.85 * ceiling_bps
    assert all(link.counters.delivered > 100 for link in world.ups)
    assert all(link.counters.dropped_loss > 0 for link in world.ups)
    world.assert_equal()


@pytest.mark.parametrize(("idle_s", "most"), [(0, 1.12), (3, 1.08), (20, 1.12)])
def test_a_short_file_over_three_unequal_links_takes_little_more_than_the_ideal_time(idle_s: int, most: float) -> None:
    links = (
        LinkConditions(rate_mbps=80, delay_ms=8, loss=0.01),
        LinkConditions(rate_mbps=20, delay_ms=30, loss=0.005),
        LinkConditions(rate_mbps=100, delay_ms=15, burst_loss=0.003),
    )
    world = SessionWorld(links, seed=3)
    world.run(lambda: world.now_ns >= (1 + idle_s) * S, limit_s=idle_s + 1)
    world.add_file(_file("a", 20_000_000))
    began_ns = world.now_ns
    assert world.run(limit_s=10)
    ceiling_bps = sum(c.rate_mbps * 1e6 * (1 - c.loss) * (1 - c.burst_loss) * 0.96 for c in links)
    assert (world.now_ns - began_ns) / S < most * 20_000_000 * 8 / ceiling_bps
    needed = sum(c.rate_mbps for c in links) / sum(c.rate_mbps * (1 - c.loss) * (1 - c.burst_loss) for c in links)
    assert sum(link.counters.offered for link in world.ups) * 1440 < 1.04 * needed * 20_000_000
    world.assert_equal()


def test_links_that_lead_nowhere_cost_a_session_that_begins_nothing() -> None:
    alive, dead = LinkConditions(rate_mbps=20, delay_ms=30), LinkConditions(rate_mbps=80, delay_ms=8, loss=1.0)
    took_ns: list[int] = []
    for links in ((alive,), (alive, dead, dead)):
        world = SessionWorld(links, seed=1)
        world.add_file(_file("a", 300_000))
        began_ns = world.now_ns
        assert world.run(limit_s=10)
        took_ns.append(world.now_ns - began_ns)
    assert took_ns[1] < took_ns[0] * 1.05


def test_a_satellite_beside_a_faster_link_carries_its_part_from_its_first_answer_on() -> None:
    links = (LinkConditions(rate_mbps=80, delay_ms=8), LinkConditions(rate_mbps=50, delay_ms=300, queue_ms=200))
    world = SessionWorld(links, seed=1)
    world.add_file(_file("a", 20_000_000))
    began_ns = world.now_ns
    assert world.run(limit_s=10)
    assert (world.now_ns - began_ns) / S < 1.4 * 20_000_000 * 8 / (130e6 * 0.96)


@pytest.mark.parametrize(("delays_ms", "most"), [((30,), 1.16), ((5, 50), 1.10)])
def test_paths_that_were_idle_start_at_the_rate_that_their_trains_told(delays_ms: Sequence[int], most: float) -> None:
    links = [LinkConditions(rate_mbps=25, delay_ms=delay_ms, queue_ms=200) for delay_ms in delays_ms]
    world = SessionWorld(links, seed=5)
    world.run(lambda: world.now_ns >= 4 * S, limit_s=4)
    before_ns, before = world.now_ns, sum(link.counters.offered for link in world.ups)
    assert before * 1500 < len(links) * 30_000  # what a path costs that carries nothing
    size = 3_000_000 * len(links)
    world.add_file(_file("a", size))
    assert world.run(limit_s=10)
    assert (world.now_ns - before_ns) / S < most * size * 8 / (25e6 * 0.96 * len(links))
    assert (sum(link.counters.offered for link in world.ups) - before) * 1440 < 1.04 * size  # acknowledgements, too
    assert sum(link.counters.dropped_queue for link in world.ups) == 0
    world.assert_equal()


@pytest.mark.parametrize(("stamps", "most"), [(True, 1.10), (False, 1.50)])
def test_a_receiver_that_reads_late_learns_the_rate_at_once_where_its_system_stamps_arrivals(
    stamps: bool, most: float
) -> None:
    world = SessionWorld([LinkConditions(rate_mbps=300, delay_ms=15)], seed=5, coalesce_ns=1 * MS, stamps=stamps)
    world.run(lambda: world.now_ns >= 3 * S, limit_s=3)
    began_ns = world.now_ns
    world.add_file(_file("a", 30_000_000))
    assert world.run(limit_s=10)
    assert (world.now_ns - began_ns) / S < most * 30_000_000 * 8 / (300e6 * 0.96)
    world.assert_equal()


def test_a_file_that_goes_on_in_a_new_session_starts_at_the_rate_that_a_train_told_meanwhile() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=50, delay_ms=30, queue_ms=400)], seed=5)
    world.add_file(_file("a", 20_000_000))
    assert world.run(lambda: world.bytes_written > 5_000_000, limit_s=10)
    world.crash(power=False, for_ns=1 * S)
    assert world.run(lambda: world.is_up, limit_s=2)
    again_ns, before = world.now_ns, world.bytes_written
    assert world.run(lambda: world.bytes_written > before, limit_s=2)
    first_ms = (world.now_ns - again_ns) / MS
    chunk_ms = 65536 * 8 / 50_000
    assert first_ms < 1.2 * (60 + 30 + chunk_ms)  # it asks what is there, then a chunk goes at the link's rate
    assert sum(link.counters.dropped_queue for link in world.ups) == 0


def _wait(world: SessionWorld, wait_s: float) -> None:
    end_ns = world.now_ns + int(wait_s * S)
    world.run(lambda: world.now_ns >= end_ns, limit_s=wait_s + 1)


@pytest.mark.parametrize("pause_s", [30, 90])
def test_after_a_pause_a_path_goes_on_from_what_it_carried_before(pause_s: int) -> None:
    links = [LinkConditions(rate_mbps=25, delay_ms=delay_ms, queue_ms=200) for delay_ms in (10, 30)]
    world = SessionWorld(links, seed=6)
    world.add_file(_file("a", 6_000_000))
    assert world.run(limit_s=10)
    _wait(world, pause_s)
    world.add_file(_file("b", 6_000_000, seed=2))
    began_ns = world.now_ns
    assert world.run(limit_s=10)
    assert (world.now_ns - began_ns) / S < 1.10 * 6_000_000 * 8 / (50e6 * 0.96)
    assert sum(link.counters.dropped_queue for link in world.ups) == 0
    world.assert_equal()


def test_a_path_that_lost_most_of_its_capacity_in_a_pause_is_not_flooded() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=25, delay_ms=30, queue_ms=400)], seed=6)
    world.add_file(_file("a", 4_000_000))
    assert world.run(limit_s=10)
    _wait(world, 30)
    for link in (*world.ups, *world.downs):
        link.change(LinkConditions(rate_mbps=5, delay_ms=30, queue_ms=400))
    world.add_file(_file("b", 3_000_000, seed=2))
    began_ns, offered = world.now_ns, world.ups[0].counters.offered
    assert world.run(limit_s=20)
    assert (world.now_ns - began_ns) / S < 1.15 * 3_000_000 * 8 / (5e6 * 0.96)
    assert (world.ups[0].counters.offered - offered) * 1400 < 1.05 * 3_000_000
    assert world.ups[0].counters.dropped_queue == 0
    world.assert_equal()


@pytest.mark.parametrize(
    ("rtt_ms", "loss", "least"),
    [(10, 0.0, 0.95), (60, 0.05, 0.92), (60, 0.3, 0.92), (200, 0.1, 0.84), (10, 0.7, 0.90), (200, 0.7, 0.82)],
)
def test_a_lossy_link_carries_nearly_its_ceiling(rtt_ms: int, loss: float, least: float) -> None:
    conditions = LinkConditions(rate_mbps=10, delay_ms=rtt_ms / 2, loss=loss, queue_ms=max(100, rtt_ms))
    world = SessionWorld([conditions], seed=8)
    size = 10_000_000
    world.add_file(_file("a", size))
    began_ns = world.now_ns
    assert world.run(limit_s=120)
    ceiling_bps = 10e6 * (1 - loss) * 0.96
    assert size * 8 * S / (world.now_ns - began_ns) >= least * ceiling_bps
    assert world.ups[0].counters.dropped_loss >= loss * size / 1500 / 2
    assert world.ups[0].counters.offered * (1 - loss) * 1400 < 1.06 * size
    world.assert_equal()


def test_a_machine_that_wakes_late_still_fills_its_links() -> None:
    world = SessionWorld(THREE, seed=9, late_ms=1.0, stall_ms=80.0)
    world.add_file(_file("a", 12_000_000))
    began_ns = world.now_ns
    assert world.run(limit_s=60)
    assert world.stalls > 0
    ceiling_bps = sum(c.rate_mbps * 1e6 * 0.96 for c in THREE)
    assert 12_000_000 * 8 * S / (world.now_ns - began_ns) >= 0.8 * ceiling_bps
    world.assert_equal()


@pytest.mark.parametrize(("rate_mbps", "delay_ms", "late_ms"), [(50, 30, 20), (100, 5, 20), (20, 5, 50)])
def test_a_machine_that_is_always_late_finds_the_rate_of_its_link_all_the_same(
    rate_mbps: float, delay_ms: float, late_ms: float
) -> None:
    world = SessionWorld([LinkConditions(rate_mbps=rate_mbps, delay_ms=delay_ms)], seed=1, late_ms=late_ms)
    world.add_file(_file("a", 8_000_000))
    began_ns = world.now_ns
    assert world.run(limit_s=60)
    assert 64_000_000 * S / (world.now_ns - began_ns) >= 0.15 * rate_mbps * 1e6  # 0.01 to 0.03 once


def _file_mbps(links: tuple[LinkConditions, ...]) -> float:
    """What these links can bring of files."""
    return sum(c.rate_mbps * (1 - c.loss) * (1 - c.burst_loss) * 0.96 for c in links)


def _switch(world: SessionWorld, link: int, at_ns: int, *, on: bool) -> None:
    for each in (world.ups[link], world.downs[link]):
        world.at(at_ns, each.restore if on else each.kill)


def test_a_link_that_is_killed_leaves_no_gap_and_the_others_carry_what_they_can_within_a_second() -> None:
    world = SessionWorld(THREE, seed=4)
    world.add_file(WorldFile("a", _data(9_000_000), chunk_bytes=16384))  # what is seen of a gap is whole chunks
    began_ns = world.now_ns
    _switch(world, 2, 2 * S, on=False)
    assert world.run(limit_s=60)
    assert world.ups[2].counters.dropped_killed > 0
    assert world.longest_gap_ns(began_ns + 1 * S, world.now_ns - S // 2) < 300 * MS
    assert world.mbps_written(began_ns + 3 * S, began_ns + 5 * S) > 0.9 * _file_mbps(THREE[:2])
    world.assert_equal()


def test_a_restored_link_carries_four_fifths_of_its_share_within_two_seconds() -> None:
    world = SessionWorld(THREE, seed=5)
    world.add_file(_file("a", 13_000_000))
    _switch(world, 2, 1 * S, on=False)
    _switch(world, 2, 3 * S, on=True)
    delivered: list[int] = []
    for at_s in (3, 4, 5):
        world.at(at_s * S, lambda: delivered.append(world.ups[2].counters.delivered))
    assert world.run(limit_s=60)
    assert (delivered[2] - delivered[1]) * 1500 * 8 > 0.8 * 10e6
    assert (delivered[2] - delivered[0]) * 1500 * 8 / 2 > 0.6 * 10e6
    world.assert_equal()


def test_a_link_that_flaps_never_takes_from_the_steady_ones() -> None:
    world = SessionWorld(THREE, seed=6)
    world.add_file(_file("a", 11_000_000))
    began_ns = world.now_ns
    for second in range(2, 20, 2):
        _switch(world, 2, second * S, on=False)
        _switch(world, 2, (second + 1) * S, on=True)
    assert world.run(limit_s=60)
    end_ns = world.now_ns - S // 2
    assert end_ns > began_ns + 5 * S
    assert world.ups[2].counters.dropped_killed > 10
    spans = range(began_ns + 1 * S, end_ns - 2 * S, S // 4)
    assert min(world.mbps_written(at, at + 2 * S) for at in spans) > 0.9 * _file_mbps(THREE[:2])
    world.assert_equal()


@pytest.mark.parametrize("dead_s", [30, pytest.param(600, marks=pytest.mark.slow)])
def test_when_all_links_die_and_one_comes_back_the_transfer_goes_on_within_a_second(dead_s: int) -> None:
    world = SessionWorld(THREE, seed=6)
    world.add_file(_file("a", 5_000_000))
    began_ns = world.now_ns
    for link in range(3):
        _switch(world, link, 1 * S, on=False)
    back_ns = began_ns + (1 + dead_s) * S
    _switch(world, 0, (1 + dead_s) * S, on=True)
    assert world.run(limit_s=dead_s + 60)
    after = [at for at, _ in world.progress if at > back_ns]
    assert after[0] - back_ns < 1 * S
    world.assert_equal()


def test_while_acknowledgements_alone_are_lost_nothing_that_arrived_is_sent_again() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=20, delay_ms=20)], seed=5)
    size = 6_000_000
    world.add_file(_file("a", size))
    for silent_ms in (700, 1500):
        world.at(silent_ms * MS, world.downs[0].kill)
        world.at((silent_ms + 300) * MS, world.downs[0].restore)
    assert world.run(limit_s=20)
    assert world.downs[0].counters.dropped_killed > 10
    assert world.ups[0].counters.offered < 1.01 * size / 1426 + 100
    world.assert_equal()


def test_an_urgent_file_overtakes_one_that_is_under_way() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=20, delay_ms=10)], seed=7)
    slow = world.add_file(_file("slow", 6_000_000, priority=9))
    urgent = _file("urgent", 500_000, priority=1, seed=2)
    world.at(1 * S, lambda: world.add_file(urgent))
    assert world.run(lambda: urgent.arrived_ns is not None, limit_s=30)
    assert slow.arrived_ns is None
    assert urgent.arrived_ns is not None
    assert urgent.arrived_ns < 1 * S + 1 * S + S  # the world begins at 1 s; one more second is plenty for 0.5 MB
    assert world.run(limit_s=30)
    world.assert_equal()


def test_many_small_files_cost_no_round_trip_each() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=50, delay_ms=50)], seed=8)
    for i in range(200):
        world.add_file(_file(f"f{i}", 4096, seed=i))
    began_ns = world.now_ns
    assert world.run(limit_s=30)
    assert world.now_ns - began_ns < 3 * S  # one after the other they would take 200 x 100 ms
    world.assert_equal()


def test_after_a_restart_only_what_is_missing_is_sent() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=20, delay_ms=10)], seed=9)
    world.add_file(_file("a", 6_000_000))
    assert world.run(lambda: world.bytes_written > 3_000_000, limit_s=30)
    world.connect()
    assert world.run(limit_s=30)
    assert world.bytes_written <= 6_000_000
    world.assert_equal()


def test_corrupted_and_doubled_datagrams_change_nothing() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=20, delay_ms=10, loss=0.02)], seed=10, reorder=True)
    world.trouble.corrupt, world.trouble.duplicate = 0.02, 0.05
    world.add_file(_file("a", 2_000_000))
    assert world.run(limit_s=60)
    assert world.receiver.counters.forged > 0
    assert world.receiver.counters.stale > 0
    world.assert_equal()


def test_a_relay_with_a_slow_disk_stops_the_sender_until_it_has_buffers_again() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=20, delay_ms=10)], seed=11, window_chunks=4, disk_ns=S // 2)
    world.add_file(_file("a", 1_000_000))
    began_ns = world.now_ns
    assert world.run(limit_s=30)
    assert world.now_ns - began_ns > 1 * S  # without the disk it takes half a second
    world.assert_equal()


@pytest.mark.parametrize("loss", [0.0, 0.1, 0.5])
def test_posts_reach_the_agent_while_a_file_comes_from_it(loss: float) -> None:
    world = SessionWorld([LinkConditions(rate_mbps=50, delay_ms=10, loss=loss)], seed=4)
    world.add_file(_file("a", 2_000_000))
    posts = [_data(size, seed=size) for size in (1, 1200, 100_000, 300_000)]
    numbers = [world.receiver.post(data, urgent=False) for data in posts]
    assert world.run(lambda: len(world.posts_delivered) == len(posts) and bool(world.disk.finished), limit_s=60)
    assert world.posts_arrived == posts
    assert world.posts_delivered == numbers
    world.assert_equal()


@pytest.mark.parametrize("size", [500, 50_000])
@pytest.mark.parametrize("link", [0, 1])
@pytest.mark.parametrize("after_ms", [0, 3, 12])
def test_a_link_that_dies_with_an_edit_under_way_delays_it_by_less_than_a_second(
    size: int, link: int, after_ms: int
) -> None:
    world = SessionWorld([LinkConditions(rate_mbps=50, delay_ms=delay_ms) for delay_ms in (5, 40)], seed=after_ms)
    world.receiver.post(b"an edit before", urgent=True)
    world.add_file(_file("before", 2000))
    assert world.run(lambda: bool(world.posts_arrived) and world.now_ns > 3 * S, limit_s=10)
    post, letter = _data(size, seed=1), _file("letter", size)
    world.receiver.post(post, urgent=True)
    world.add_file(letter)

    def kill() -> None:
        world.ups[link].kill()
        world.downs[link].kill()

    world.at(after_ms * MS, kill)
    assert world.run(lambda: post in world.posts_arrived and letter.arrived_ns is not None, limit_s=1)
    world.assert_equal()


def test_chunks_of_a_mebibyte_arrive_in_no_more_memory() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=400, delay_ms=5)], seed=11)
    data = _data(60_000_000)
    world.add_file(WorldFile("a", data, chunk_bytes=1 << 20))
    most = 0

    def look() -> None:
        nonlocal most
        most = max(most, world.sender.held_bytes)
        world.at(S // 100, look)

    look()
    assert world.run(limit_s=30)
    assert 1 << 20 < most <= 512 * 66_560 + (2 << 20)
    world.assert_equal()


def test_a_chunk_is_put_down_to_the_link_that_carried_most_of_it_not_to_the_last_one() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=18, delay_ms=5), LinkConditions(rate_mbps=2, delay_ms=120)], seed=21)
    world.add_file(_file("a", 12_000_000))
    assert world.run(until=lambda: world.bytes_written > 9_000_000)
    (file,) = world.sender.files.values()
    chunks = np.bincount(file.chunk_paths[file.chunk_paths != 255], minlength=2)
    of_bytes = file.path_bytes[1] / sum(file.path_bytes.values())
    assert file.path_bytes[1] > 200_000
    assert chunks[1] / chunks.sum() <= of_bytes


@pytest.mark.parametrize("full_after_ms", [0, 300])
def test_a_file_that_had_to_wait_for_room_is_known_to_go_on(full_after_ms: int) -> None:
    world = SessionWorld([LinkConditions(rate_mbps=20, delay_ms=5)], seed=7)
    world.add_file(_file("a", 2_000_000))
    world.at(full_after_ms * MS, lambda: world.fill_disk(400 * MS))
    if not full_after_ms:
        world.fill_disk(400 * MS)
    assert world.run(limit_s=20)
    assert "waits" in [what for what, _ in world.told]
    assert world.told[-1][0] == "goes on"
    world.assert_equal()
