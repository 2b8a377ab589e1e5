"""Random worlds: whatever mix of trouble, every file arrives equal, and what must hold, held all the time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from tests.support.random_world import play
from transfer_core.sim.link import SimulatedLink

WORLDS, LEAST = int(os.environ.get("DRS_WORLDS", "2000")), 300
CPU_S = float(os.environ.get("DRS_WORLDS_CPU_S", "400"))  # no world begins after that, once there were LEAST
BATCHES = 20
BROKE_ONCE = (879, 730_232, 730_517)


@pytest.mark.soak
@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_worlds_end_with_equal_bytes(batch: int, record_property: Callable[[str, object], None]) -> None:
    begun_s, played = time.process_time(), 0
    for seed in range(batch, WORLDS, BATCHES):
        if played * BATCHES >= LEAST and time.process_time() - begun_s > CPU_S / BATCHES:
            break
        play(seed)
        played += 1
    record_property("worlds", played)
    assert played * BATCHES >= min(LEAST, WORLDS)


@pytest.mark.parametrize("seed", BROKE_ONCE)
def test_worlds_that_broke_once_end(seed: int) -> None:
    play(seed)


def is_lossy_in_bursts_alone(link: SimulatedLink) -> bool:
    return link.conditions is not None and link.conditions.burst_loss > 0 and link.conditions.loss == 0


def test_every_kind_of_trouble_takes_place_in_the_worlds() -> None:
    sample = [play(seed) for seed in range(64)]
    links = [link for world in sample for link in (*world.ups, *world.downs)]
    seen = {
        "loss": sum(link.counters.dropped_loss for link in links),
        "bursts of loss": sum(link.counters.dropped_loss for link in links if is_lossy_in_bursts_alone(link)),
        "overtaking": sum(world.trouble.overtaken for world in sample),
        "other paths in place of lost ones": sum(world.trouble.renewed for world in sample),
        "stalls of the machine": sum(world.stalls for world in sample),
        "full queues": sum(link.counters.dropped_queue for link in links),
        "dead links": sum(link.counters.dropped_killed for link in links),
        "restarts": sum(world.restarts for world in sample),
        "old datagrams for a new session": sum(world.trouble.posthumous for world in sample),
        "full disks": sum(world.disk.refused for world in sample),
        "clocks ahead": sum(max(world.ahead_ns) > 0 for world in sample),
        "too large for a link": sum(world.trouble.too_large for world in sample),
        "bent": sum(world.trouble.bent for world in sample),
        "doubled": sum(world.trouble.doubled for world in sample),
        "replayed": sum(world.trouble.replayed for world in sample),
        "forgeries noticed": sum(world.receiver.counters.forged + world.sender.counters.forged for world in sample),
    }
    assert min(seen.values()) > 0, seen
    assert any(world.restarts and world.trouble.overtaken and world.trouble.bent for world in sample)  # they meet


def test_a_seed_replays_to_the_byte() -> None:
    digests = set()
    for seed in range(6):
        world, again = play(seed), play(seed)
        assert again.trace.digest() == world.trace.digest()
        assert again.now_ns == world.now_ns
        digests.add(world.trace.digest())
    assert len(digests) == 6
