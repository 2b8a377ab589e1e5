"""Paths that carry smaller or larger packets than usual, in virtual time."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.session_world import S, SessionWorld, WorldFile
from transfer_core.protocol.recovery.mtu import BASE_BYTES, Size
from transfer_core.sim.conditions import LinkConditions

BIG = 6_000_000


def _world(links: int = 1, *, loss: float = 0.0, packet_bytes_max: int = 1500, seed: int = 1) -> SessionWorld:
    conditions = [LinkConditions(rate_mbps=20, delay_ms=20, loss=loss)] * links
    return SessionWorld(conditions, seed=seed, packet_bytes_max=packet_bytes_max)


def _add(world: SessionWorld, size: int = BIG, name: str = "a") -> None:
    world.add_file(WorldFile(name, np.random.default_rng(size).bytes(size)))


def _packet_bytes(world: SessionWorld, path: int = 0) -> int:
    search = world.sender.paths[path].search
    assert search is not None
    return search.packet_bytes


@pytest.mark.parametrize("mtu", [1280, 1300, 1420, 1492])
@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_a_path_of_smaller_packets_is_found_out_and_used(mtu: int, loss: float) -> None:
    world = _world(loss=loss)
    world.trouble.mtu[0] = mtu
    _add(world)
    began_ns = world.now_ns
    assert world.run(limit_s=60)
    assert world.trouble.too_large > 0
    assert min(mtu - 60, 1480) <= _packet_bytes(world) <= mtu
    assert BIG * 8 * S / (world.now_ns - began_ns) > 0.7 * 20e6 * (1 - loss)
    world.assert_equal()


def test_a_usual_path_is_confirmed_and_never_falls() -> None:
    world = _world(loss=0.5)
    _add(world, 3_000_000)
    assert world.run(limit_s=60)
    search = world.sender.paths[0].search
    assert search is not None
    assert (search.state, search.packet_bytes) == (Size.CONFIRMED, 1500)


@pytest.mark.parametrize("seed", [1, 3])
def test_a_path_that_fell_while_it_was_idle_sends_at_its_size_when_data_shows_how_much_it_loses(seed: int) -> None:
    world = SessionWorld([LinkConditions(rate_mbps=20, delay_ms=100, loss=0.7, queue_ms=200)], seed=seed)
    world.run(lambda: world.now_ns >= 5 * S, limit_s=5)
    _add(world, 3_000_000)
    sizes: list[int] = []
    for tenths in range(20, 36):  # while it is under way
        world.at(tenths * S // 10, lambda: sizes.append(_packet_bytes(world)))
        world.at(tenths * S // 10, lambda: world.sender.close_feed(7))  # acknowledged between data that is lost
    assert world.run(limit_s=60)
    assert len(sizes) == 16
    assert sizes.count(1500) >= 14
    world.assert_equal()


@pytest.mark.parametrize(("mtu", "expected"), [(9000, 9000), (1500, 1500), (4000, 1500)])
def test_larger_packets_are_used_where_the_way_carries_them(mtu: int, expected: int) -> None:
    world = _world(packet_bytes_max=9000)
    world.trouble.mtu[0] = mtu
    _add(world)
    assert world.run(limit_s=60)
    assert _packet_bytes(world) == expected
    assert (world.trouble.too_large > 0) == (mtu < 9000)
    world.assert_equal()


def test_a_path_of_smaller_packets_beside_a_usual_one_costs_little() -> None:
    world = _world(links=2)
    world.trouble.mtu[1] = 1400
    _add(world, 2 * BIG)
    began_ns = world.now_ns
    assert world.run(limit_s=60)
    assert (_packet_bytes(world, 0), _packet_bytes(world, 1)) == (1500, 1400)
    assert 2 * BIG * 8 * S / (world.now_ns - began_ns) > 0.75 * 40e6
    assert min(link.counters.delivered for link in world.ups) > 1000
    world.assert_equal()


def test_a_path_that_comes_to_carry_less_in_mid_transfer_goes_on() -> None:
    world = _world()
    _add(world)
    world.at(1 * S, lambda: world.trouble.mtu.update({0: 1400}))
    assert world.run(limit_s=60)
    assert world.trouble.too_large > 0
    assert BASE_BYTES < _packet_bytes(world) <= 1400
    world.assert_equal()


def test_a_path_that_comes_to_carry_less_leaves_the_other_its_speed() -> None:
    world = _world(links=2)
    _add(world, 2 * BIG)
    began_ns = world.now_ns
    world.at(1 * S, lambda: world.trouble.mtu.update({0: 1400}))
    assert world.run(limit_s=60)
    assert world.trouble.too_large > 0
    assert 2 * BIG * 8 * S / (world.now_ns - began_ns) > 0.7 * 40e6
    world.assert_equal()


def test_probes_do_not_starve_the_data_of_a_slow_link_with_a_small_queue() -> None:
    world = SessionWorld([LinkConditions(rate_mbps=0.5, delay_ms=1, queue_ms=40)], seed=1)
    world.trouble.mtu[0] = 1416
    _add(world, 200_000)
    began_ns = world.now_ns
    assert world.run(limit_s=60)
    assert 200_000 * 8 * S / (world.now_ns - began_ns) > 0.5 * 0.5e6
    assert _packet_bytes(world) >= 1400
    world.assert_equal()
