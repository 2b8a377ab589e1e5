"""Random worlds: whatever mix of trouble, every file arrives equal, and what must hold, held all the time."""

from __future__ import annotations

import pytest

from tests.support.random_world import play
from tests.support.session_world import SessionWorld


@pytest.mark.soak
def test_a_random_world_ends_with_equal_bytes(soak_seed: int) -> None:
    play(soak_seed)


@pytest.fixture(scope="module")
def sample() -> list[SessionWorld]:
    return [play(seed) for seed in range(64)]


def test_every_kind_of_trouble_takes_place_in_the_worlds(sample: list[SessionWorld]) -> None:
    links = [link for world in sample for link in (*world.ups, *world.downs)]
    seen = {
        "loss": sum(link.counters.dropped_loss for link in links),
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


def test_a_seed_replays_to_the_byte(sample: list[SessionWorld]) -> None:
    for world in sample[:6]:
        again = play(world.seed)
        assert again.trace.digest() == world.trace.digest()
        assert again.now_ns == world.now_ns
    assert len({world.trace.digest() for world in sample}) == len(sample)
