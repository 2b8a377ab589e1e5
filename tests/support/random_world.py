"""A world drawn from a seed: links, files, and trouble of every kind, all of it over by the time the files must arrive.

`play` gives the finished world; the same seed gives the same world, to the last byte.
"""

from __future__ import annotations

import functools

import numpy as np

from tests.support.session_world import MS, S, SessionWorld, WorldFile
from transfer_core.sim.conditions import LinkConditions

LIMIT_S = 400.0
LONG_SHARE = 0.04  # worlds long enough for a path to be starved in


def play(seed: int) -> SessionWorld:
    """Run a world to its end. AssertionError names the seed and what broke."""
    rng = np.random.default_rng(seed)
    world = _world(rng, seed)
    files = int(rng.integers(1, 4))
    size_scale = 8 if rng.random() < LONG_SHARE else 1
    for i in range(files):
        size = int(rng.choice([0, 1, 65_536]) if rng.random() < 0.2 else rng.integers(2, 200_000) * size_scale)
        file = WorldFile(
            f"f{i}", rng.bytes(size), int(rng.choice([4096, 16384, 65536])), priority=int(rng.integers(1, 11))
        )
        if i and rng.random() < 0.3:
            world.at(int(rng.uniform(0, 0.5) * S), functools.partial(world.add_file, file))
        else:
            world.add_file(file)
    took_ns = world.time_needed_ns()
    for make in (_narrow, _flaps, _crashes, _full_disk, _clock_jumps, _pauses, _other_conditions):
        make(world, rng, took_ns)
    whole = world.run(lambda: len(world.files) == files and world.all_arrived, limit_s=LIMIT_S)
    world.checks.fail_if(not whole, "it did not end")
    world.assert_equal()
    return world


def _world(rng: np.random.Generator, seed: int) -> SessionWorld:
    conditions = [
        LinkConditions(
            rate_mbps=float(10 ** rng.uniform(-0.3, 1.2)),
            delay_ms=float(rng.uniform(1, 80)),
            jitter_ms=float(rng.choice([0.0, 0.0, 3.0])),
            loss=float(rng.choice([0.0, 0.01, 0.1, 0.3])),
            burst_loss=float(rng.choice([0.0, 0.02])),
            queue_ms=float(rng.uniform(20, 300)),
        )
        for _ in range(int(rng.integers(1, 4)))
    ]
    world = SessionWorld(
        conditions,
        seed,
        reorder=bool(rng.integers(2)),
        window_chunks=int(rng.choice([8, 64, 512])),
        disk_ns=int(rng.choice([0, 0, 20])) * MS,
        coalesce_ns=int(rng.choice([0, 1, 2, 5])) * MS,
        stamps=bool(seed % 2),
        late_ms=float(rng.choice([0.0, 0.0, 1.0])),
        stall_ms=float(rng.choice([0.0, 0.0, 80.0])),
    )
    trouble = world.trouble
    trouble.corrupt = float(rng.choice([0.0, 0.01]))
    trouble.duplicate = float(rng.choice([0.0, 0.02]))
    trouble.replay = float(rng.choice([0.0, 0.02]))
    return world


def _some(rng: np.random.Generator, chance: float, most: int) -> int:
    return int(rng.integers(1, most + 1)) if rng.random() < chance else 0


def _narrow(world: SessionWorld, rng: np.random.Generator, span_ns: int) -> None:
    """Links that carry smaller packets than most, from the beginning or all at once."""
    for number in range(len(world.ups)):
        if rng.random() < 0.15:
            world.trouble.mtu[number] = int(rng.integers(1280, 1500))
        elif rng.random() < 0.1:
            mtu = int(rng.integers(1280, 1500))
            world.at(
                int(rng.uniform(0.0, 1.0) * span_ns), functools.partial(world.trouble.mtu.__setitem__, number, mtu)
            )


def _flaps(world: SessionWorld, rng: np.random.Generator, span_ns: int) -> None:
    for up, down in zip(world.ups, world.downs, strict=True):
        at_ns = 0
        for _ in range(_some(rng, 0.4, 3)):
            at_ns += int(rng.uniform(0.0, 0.5) * span_ns)
            back_ns = at_ns + int(rng.uniform(0.05, 2.0) * S)
            directions = (up, down) if rng.random() < 0.7 else ((up,) if rng.random() < 0.5 else (down,))
            for direction in directions:
                world.at(at_ns, direction.kill)
            for direction in (up, down):
                world.at(back_ns, direction.restore)
            at_ns = back_ns


def _crashes(world: SessionWorld, rng: np.random.Generator, span_ns: int) -> None:
    for _ in range(_some(rng, 0.35, 3)):
        power, for_ns = bool(rng.integers(2)), int(rng.uniform(0.0, 0.5) * S)
        world.at(int(rng.uniform(0.02, 1.0) * span_ns), functools.partial(world.crash, power=power, for_ns=for_ns))


def _full_disk(world: SessionWorld, rng: np.random.Generator, span_ns: int) -> None:
    for _ in range(_some(rng, 0.3, 2)):
        for_ns = int(rng.uniform(0.05, 2.0) * S)
        world.at(int(rng.uniform(0.0, 0.7) * span_ns), functools.partial(world.fill_disk, for_ns))


def _clock_jumps(world: SessionWorld, rng: np.random.Generator, span_ns: int) -> None:
    for _ in range(_some(rng, 0.25, 2)):
        side, by_ns = int(rng.integers(2)), int(10 ** rng.uniform(6, 12.6))  # a millisecond to an hour
        world.at(int(rng.uniform(0.0, 1.0) * span_ns), functools.partial(world.jump, side, by_ns))


def _pauses(world: SessionWorld, rng: np.random.Generator, span_ns: int) -> None:
    """The owner takes paths out of use and back, and lets them copy one another."""

    def use(which: int | None, redundant: bool) -> None:
        world.sender.redundant = redundant
        for path in world.sender.paths.values():
            path.carries_data = which is None or path.number % len(world.ups) == which

    for _ in range(_some(rng, 0.3, 3)):
        which = int(rng.integers(-1, len(world.ups)))  # -1: none at all
        at_ns = int(rng.uniform(0.0, 1.0) * span_ns)
        world.at(at_ns, functools.partial(use, which, redundant=bool(rng.integers(2))))
        world.at(at_ns + int(rng.uniform(0.05, 1.0) * S), functools.partial(use, None, redundant=False))
    for _ in range(_some(rng, 0.2, 2)):
        world.at(int(rng.uniform(0.0, 1.0) * span_ns), lambda: world.renew_path(min(world.sender.paths)))


def _other_conditions(world: SessionWorld, rng: np.random.Generator, span_ns: int) -> None:
    for _ in range(_some(rng, 0.3, 2)):
        number = int(rng.integers(len(world.ups)))
        values = {"rate_mbps": float(rng.uniform(1, 30)), "delay_ms": float(rng.uniform(1, 150))}

        def change(number: int = number, values: dict[str, float] = values) -> None:
            for link in (world.ups[number], world.downs[number]):
                assert link.conditions is not None
                link.change(link.conditions.changed(values))

        world.at(int(rng.uniform(0.0, 1.0) * span_ns), change)
