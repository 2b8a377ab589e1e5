"""What is promised of several links together: their sum, no gap when one dies, and going on after everything died.

`make table` plays these at the rates of real links and at whole size, with more seeds; the usual run at a part of the
rate where that is enough, with round trips as they are. Its shorter files may take four round trips longer.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.promised import (
    FULL,
    GATHERED_NS,
    MORE_SEEDS,
    SEEDS,
    WIFI_LTE_5G,
    ceiling_mbps,
    passing,
    slower,
    transfer,
    wasted,
    world_of,
)
from tests.support.session_world import MS, S, SessionWorld, WorldFile
from transfer_core.sim.conditions import LinkConditions

START_RTTS = 0 if FULL else 4
WASTE_MAX = 0.02
LINKS = WIFI_LTE_5G if FULL else slower(WIFI_LTE_5G, 10)
SMALL_CHUNK = 16_384  # what is seen of a gap is whole chunks
BEST = 2
LOOKS_LIKE = (0.55, 1.25, 0.6)  # of each link's rate
UNEQUAL = {
    "rates 20:1": (LinkConditions(rate_mbps=80, delay_ms=15), LinkConditions(rate_mbps=4, delay_ms=15)),
    "round trips 10:1": (LinkConditions(rate_mbps=40, delay_ms=5), LinkConditions(rate_mbps=40, delay_ms=50)),
    "one at 30 %": (LinkConditions(rate_mbps=40, delay_ms=15), LinkConditions(rate_mbps=40, delay_ms=15, loss=0.3)),
}


def _bytes_in(seconds: float, links: tuple[LinkConditions, ...]) -> int:
    return int(seconds * ceiling_mbps(links) * 125_000)


def _switch(world: SessionWorld, link: int, at_s: float, *, on: bool) -> None:
    for each in (world.ups[link], world.downs[link]):
        world.at(int(at_s * S), each.restore if on else each.kill)


def _of_sum_at_whole_size(took_s: float, size: int, links: tuple[LinkConditions, ...]) -> float:
    start_s = START_RTTS * max(2 * each.delay_ms for each in links) / 1e3
    return size * 8e-6 / (took_s - start_s) / ceiling_mbps(links)


@pytest.mark.parametrize("seed", SEEDS)
def test_wifi_lte_and_5g_carry_their_sum(seed: int) -> None:
    size = 200_000_000 if FULL else 20_000_000
    outcome = transfer(world_of(WIFI_LTE_5G, size, seed))
    assert _of_sum_at_whole_size(outcome.took_s, size, WIFI_LTE_5G) >= 0.95
    assert outcome.waste <= WASTE_MAX  # copies at the end included, of which 3 % are allowed


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", UNEQUAL)
def test_unequal_links_carry_their_sum_and_more_than_the_best_alone(kind: str, seed: int) -> None:
    links, size = UNEQUAL[kind], 200_000_000 if FULL else 8_000_000
    together = transfer(world_of(links, size, seed))
    alone = transfer(world_of([max(links, key=lambda each: each.rate_mbps * passing(each))], size, seed))
    assert _of_sum_at_whole_size(together.took_s, size, links) >= 0.95
    assert together.took_s < alone.took_s


@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_link_dies_and_comes_back_in_mid_transfer(seed: int) -> None:
    world = world_of(LINKS, _bytes_in(6.0, LINKS), seed, chunk_bytes=SMALL_CHUNK)
    begun_ns = world.now_ns
    _switch(world, BEST, 2, on=False)
    _switch(world, BEST, 5, on=True)
    carried: list[int] = []
    for at_s in (6.5, 7.0):
        world.at(int(at_s * S), lambda: carried.append(world.ups[BEST].counters.delivered))
    transfer(world)
    died_ns, back_ns = begun_ns + 2 * S, begun_ns + 5 * S
    assert world.longest_gap_ns(died_ns - S // 2, back_ns) <= 300 * MS
    assert world.mbps_written(died_ns + 1 * S, back_ns) >= 0.9 * ceiling_mbps(LINKS[:BEST])
    share_mbps = LINKS[BEST].rate_mbps * passing(LINKS[BEST])
    assert (carried[1] - carried[0]) * 1500 * 8e-6 / 0.5 >= 0.8 * share_mbps


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("link", range(3))
def test_a_link_that_flaps_takes_nothing_from_the_steady_ones(link: int, seed: int) -> None:
    steady = tuple(each for number, each in enumerate(LINKS) if number != link)
    world = world_of(LINKS, _bytes_in(10.0 if FULL else 5.0, steady), seed, chunk_bytes=SMALL_CHUNK)
    begun_ns = world.now_ns
    for second in range(1, 40, 2):
        _switch(world, link, second, on=False)
        _switch(world, link, second + 1, on=True)
    transfer(world)
    assert world.ups[link].counters.dropped_killed > 10
    spans = range(begun_ns + 1 * S, world.now_ns - 3 * S // 2, S // 4)
    assert len(spans) >= 4
    assert min(world.mbps_written(at, at + 1 * S) for at in spans) >= 0.9 * ceiling_mbps(steady)


@pytest.mark.parametrize("seed", SEEDS)
def test_after_ten_minutes_without_any_link_data_flows_within_a_second_of_one(seed: int) -> None:
    links = slower(WIFI_LTE_5G, 20)
    world = world_of(links, 800_000, seed, chunk_bytes=SMALL_CHUNK)
    begun_ns, dead_s, back = world.now_ns, 600.0, seed % len(links)
    for link in range(len(links)):
        _switch(world, link, 0.4, on=False)
    _switch(world, back, 0.4 + dead_s, on=True)
    transfer(world, limit_s=dead_s + 120)
    back_ns = begun_ns + int((0.4 + dead_s) * S)
    assert min(at for at, _ in world.progress if at > begun_ns + 2 * S) - back_ns <= 1 * S


@pytest.mark.parametrize("power", [False, True])
@pytest.mark.parametrize("seed", MORE_SEEDS)
def test_after_a_restart_new_bytes_come_within_a_second_and_little_goes_again(seed: int, power: bool) -> None:
    """Both programs end here, not the agent alone; `power`: so do the machines."""
    links = LINKS if FULL else slower(WIFI_LTE_5G, 10)
    size = _bytes_in(4.0, links)
    world = world_of(links, size, seed)
    at_ns, down_ns = int(np.random.default_rng(seed).uniform(0.3, 3.0) * S), S // 2
    back_ns = world.now_ns + at_ns + down_ns
    world.at(at_ns, lambda: world.crash(power=power, for_ns=down_ns))
    transfer(world)
    assert world.restarts == 1
    assert min(at for at, _ in world.progress if at > back_ns) - back_ns <= 1 * S
    again_s = wasted(world, size) * size * 8e-6 / ceiling_mbps(links)
    assert again_s < 2.0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_train_that_was_held_up_costs_a_short_file_little(seed: int) -> None:
    """Before the file each link is as slow as a train makes it look whose last packet was handed over late."""
    world = SessionWorld(WIFI_LTE_5G, seed, coalesce_ns=GATHERED_NS // 5)
    for up, looks in zip(world.ups, LOOKS_LIKE, strict=True):
        assert up.conditions is not None
        up.change(up.conditions.changed({"rate_mbps": up.conditions.rate_mbps * looks}))
    world.run(lambda: False, limit_s=1.5)
    for up, conditions in zip(world.ups, WIFI_LTE_5G, strict=True):
        up.change(conditions)
    size = 20_000_000
    world.add_file(WorldFile("a", np.random.default_rng(seed).bytes(size)))
    outcome = transfer(world)
    assert 1 / outcome.of_ceiling <= 1.09
    assert outcome.waste <= WASTE_MAX
