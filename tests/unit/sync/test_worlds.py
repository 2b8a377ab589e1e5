"""Whole worlds of nodes: whatever happens, they end equal and no edit is gone."""

from __future__ import annotations

import pytest

from tests.support.sync_world import World
from transfer_core.sync import scanner

WORLDS = 1000
STEPS = 60
BATCHES = 10


@pytest.mark.parametrize("batch", range(BATCHES))
def test_nodes_end_equal_and_every_edit_is_accounted_for(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if batch % 2:  # a scan has many steps
        monkeypatch.setattr(scanner, "ENTER_AT_ONCE", 1)
    for seed in range(batch, WORLDS, BATCHES):
        world = World(seed)
        world.run(STEPS)
        assert world.is_equal(), f"seed {seed}: {world.digest()}"
        assert world.lost() == set(), f"seed {seed}"


def test_a_seed_gives_the_same_world_again() -> None:
    first, again = World(7), World(7)
    first.run(STEPS)
    again.run(STEPS)
    assert first.digest() == again.digest()
    assert first.now_ns == again.now_ns


def test_the_worlds_crash_and_cut_and_fill_disks() -> None:
    worlds = [World(seed) for seed in range(20)]
    for world in worlds:
        world.run(STEPS)
    assert sum(world.crashes for world in worlds) > 10


@pytest.mark.soak
def test_long_worlds_end_equal_too(soak_seed: int) -> None:
    world = World(1_000_000 + soak_seed)
    world.run(400)
    assert world.is_equal(), world.digest()
    assert world.lost() == set()
