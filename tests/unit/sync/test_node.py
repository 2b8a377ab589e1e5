"""What a node does with its peers, on worlds of two."""

from __future__ import annotations

import random

from tests.support.sync_world import Machine, World
from transfer_core.sync.scanner import ScanResult

TEXT = b"time,speed\n" + b"".join(b"%d,%d\n" % (i * 20, i * 7919 % 350) for i in range(40_000))


def two() -> tuple[World, Machine, Machine]:
    world = World(1, nodes=2)
    return world, world.machines["node0"], world.machines["node1"]


def crossed(world: World) -> int:
    """Bring both together; the bytes that it took."""
    before = world.crossed_bytes
    world.heal()
    assert world.is_equal()
    return world.crossed_bytes - before


def test_a_moved_file_costs_no_content() -> None:
    world, a, b = two()
    a.tree.save("lap.csv", TEXT)
    first = crossed(world)
    a.tree.delete("lap.csv")
    a.tree.save("moved.csv", TEXT)
    assert crossed(world) < 3000 < first
    assert b.tree.files() == {"moved.csv": TEXT}


def test_a_file_that_is_moved_and_edited_costs_little_more_than_its_edit() -> None:
    world, a, b = two()
    a.tree.save("lap.csv", TEXT)
    first = crossed(world)
    a.tree.delete("lap.csv")
    a.tree.save("moved.csv", b"# out lap\n" + TEXT)
    assert crossed(world) < first / 4
    assert b.tree.files() == {"moved.csv": b"# out lap\n" + TEXT}


def test_rows_inserted_in_many_places_cost_little_more_than_themselves() -> None:
    world, a, _ = two()
    a.tree.save("lap.csv", TEXT)
    first = crossed(world)
    lines = TEXT.splitlines(keepends=True)
    for place in range(500, len(lines), 2000):
        lines.insert(place, b"pit,stop\n")
    a.tree.save("lap.csv", b"".join(lines))
    assert crossed(world) < first / 3


def test_nothing_crosses_when_nothing_has_changed() -> None:
    world, a, _ = two()
    a.tree.save("lap.csv", TEXT)
    crossed(world)
    before = world.crossed_bytes
    for machine in world.machines.values():
        machine.node.scan()
        machine.node.work()
    assert world.crossed_bytes == before


def test_a_large_file_is_asked_for_bit_by_bit_and_leaves_no_chunk_behind() -> None:
    world, a, b = two()
    large = random.Random(5).randbytes(40 << 20)
    a.tree.save("lap.bin", large)
    a.node.scan()
    most = 0
    for _ in range(200):
        for machine in (a, b):
            machine.node.work()
        most = max(most, sum(len(data) for _, receiver, data, _, _ in world.wire if receiver == "node1"))
        while world.wire:
            world.deliver(0)
            most = max(most, sum(len(data) for _, receiver, data, _, _ in world.wire if receiver == "node1"))
        if b.tree.files():
            break
    assert b.tree.files() == {"lap.bin": large}
    assert most < 20 << 20
    assert b.database.execute("SELECT count(*) FROM arrived").fetchone()[0] == 0


def test_what_a_scan_finds_is_told_while_it_goes_on() -> None:
    world, a, b = two()
    world.heal()
    for number in range(450):
        a.tree.save(f"lap{number}.csv", b"%d" % number)
    result = ScanResult()
    steps = a.node.scan_in_steps(result)
    next(steps)
    while world.wire:
        world.deliver(0)
    b.node.work()
    assert 100 < len(b.tree.files()) < 450
    assert sum(1 for _ in steps) == 2
    world.heal()
    assert len(result.edited) == len(b.tree.files()) == 450


def test_a_file_that_comes_back_while_a_scan_goes_on_is_not_deleted() -> None:
    world, a, b = two()
    for name in ("one.log", "two.log", "three.log", "four.log", "five.log"):
        a.tree.save(name, name.encode())
    world.heal()
    a.tree.delete("one.log")
    a.tree.save("new.log", b"new")
    result = ScanResult()
    steps = a.node.scan_in_steps(result)
    next(steps)
    a.tree.save("one.log", b"again")
    assert list(steps) == []
    assert result.deleted == []
    world.heal()
    assert b.tree.files()["one.log"] == a.tree.files()["one.log"] == b"again"
