"""Each way in which other folder syncs have lost people's data, played through on two machines."""

from __future__ import annotations

import random

import pytest

from tests.support.sync_world import HOUR_NS, Machine, World, memory_database
from transfer_core.sync.entry import is_conflict_copy
from transfer_core.sync.scanner import FolderGone, MassDelete, ScanResult
from transfer_core.units import NS_PER_S

PATH = "setup.json"


def two() -> tuple[World, Machine, Machine]:
    world = World(1, nodes=2)
    for machine in world.machines.values():
        machine.clock_ns = 0
    return world, world.machines["node0"], world.machines["node1"]


def contents(machine: Machine) -> set[bytes]:
    return {content for content in machine.tree.files().values() if content is not None}


def shared(world: World, *files: tuple[str, bytes]) -> None:
    for path, content in files:
        world.machines["node0"].tree.save(path, content)
    world.heal()
    assert world.is_equal()


def test_a_new_file_on_both_sides_before_any_scan_is_kept_twice() -> None:
    world, a, b = two()
    a.tree.save(PATH, b"from a")
    b.tree.save(PATH, b"from b")
    a.node.scan()
    while world.wire:
        world.deliver(0)
    b.node.work()  # b has not looked at its own disk yet
    assert b"from b" in contents(b)
    world.heal()
    assert world.is_equal()
    assert contents(a) == {b"from a", b"from b"}


def test_an_edit_made_right_before_the_rename_is_kept() -> None:
    world, a, b = two()
    shared(world, (PATH, b"old"))
    a.tree.save(PATH, b"from a")
    a.node.scan()

    def edit(what: str) -> None:
        if what == "before the rename":
            b.tree.on_step = lambda _: None
            b.tree.save(PATH, b"from b")

    b.tree.on_step = edit
    while world.wire:
        world.deliver(0)
    b.node.work()
    world.heal()
    assert world.is_equal()
    assert contents(b) == {b"from a", b"from b"}


def test_an_edit_made_while_the_old_content_is_read_again_is_kept() -> None:
    world = World(1987)
    world.run(120)
    assert world.lost() == set()


def test_an_unmounted_disk_is_not_an_emptied_folder() -> None:
    world, a, b = two()
    shared(world, (PATH, b"one"), ("other", b"two"))
    a.tree.mounted = False
    with pytest.raises(FolderGone):
        a.node.scan(deletes_are_meant=True)
    with pytest.raises(FolderGone):
        a.node.look([PATH])
    a.tree.mounted = True
    world.heal()
    assert contents(b) == {b"one", b"two"}


def test_a_disk_that_goes_while_a_scan_goes_on_deletes_nothing() -> None:
    world, a, b = two()
    shared(world, *((f"lap{number}", b"%d" % number) for number in range(6)))
    a.tree.delete("lap0")
    a.tree.save(PATH, b"new")
    steps = a.node.scan_in_steps(ScanResult())
    next(steps)
    a.tree.mounted = False
    with pytest.raises(FolderGone):
        next(steps)
    while world.wire:
        world.deliver(0)
    b.node.work()
    assert b.tree.files()["lap0"] == b"0"


def test_a_folder_that_lost_more_than_half_asks_first() -> None:
    world, a, b = two()
    shared(world, *((f"run{i}.log", f"{i}".encode()) for i in range(8)))
    for i in range(5):
        a.tree.delete(f"run{i}.log")
    with pytest.raises(MassDelete):
        a.node.scan()
    while world.wire:
        world.deliver(0)
    assert len(contents(b)) == 8
    world.heal()  # somebody says that the deletes are meant
    assert len(contents(b)) == 3


def test_what_cannot_be_read_is_not_deleted() -> None:
    world, a, b = two()
    shared(world, ("runs/one.log", b"one"), ("runs/two.log", b"two"), (PATH, b"three"))
    files = b.tree.files()
    a.tree.unreadable = "runs"
    a.tree.delete(PATH)
    result = a.node.scan()
    assert [entry.path for entry in result.deleted] == [PATH]
    world.heal()
    del files[PATH]
    assert b.tree.files() == files


def test_what_a_delete_took_away_is_in_the_trash() -> None:
    world, a, b = two()
    shared(world, (PATH, b"one"), ("other", b"two"))
    a.tree.delete(PATH)
    world.heal()
    assert b"one" not in contents(b)
    assert b"one" in b.tree.trashed


def test_what_an_edit_replaced_is_in_the_trash() -> None:
    world, a, b = two()
    shared(world, (PATH, b"one"))
    a.tree.save(PATH, b"two")
    world.heal()
    assert b"one" in b.tree.trashed


@pytest.mark.parametrize("deleter", ["node0", "node1"])
def test_a_delete_never_beats_an_edit(deleter: str) -> None:
    world, a, b = two()
    shared(world, (PATH, b"old"), ("other", b"-"))
    for machine in (a, b):
        if machine.name == deleter:
            machine.tree.delete(PATH)
        else:
            machine.tree.save(PATH, b"edited")
    world.heal()
    assert world.is_equal()
    assert a.tree.files()[PATH] == b"edited"


def test_the_same_content_made_twice_is_no_conflict() -> None:
    world, a, b = two()
    for machine in (a, b):
        machine.tree.save(PATH, b"the same")
    world.heal()
    assert a.tree.files() == b.tree.files() == {PATH: b"the same"}


def test_a_file_that_was_only_touched_is_no_edit() -> None:
    world, a, b = two()
    shared(world, (PATH, b"one"))
    before = a.node.index.seq
    a.tree.save(PATH, b"one")
    a.node.scan()
    assert a.node.index.seq == before
    b.tree.save(PATH, b"edited")
    world.heal()
    assert a.tree.files() == {PATH: b"edited"}


def test_a_folder_whose_times_and_inodes_are_all_new_makes_no_conflict_and_no_edit() -> None:
    world, a, b = two()
    files = {f"runs/lap{number}.csv": b"%d" % number for number in range(20)}
    shared(world, *files.items())
    before = {machine.name: machine.node.index.seq for machine in (a, b)}
    world.now_ns += HOUR_NS
    for machine in (a, b):  # as a backup program or a new disk puts it back
        for path, content in files.items():
            machine.tree.save(path, content)
    world.heal()
    for machine in (a, b):
        assert {path: machine.tree.files()[path] for path in files} == files
        assert not [path for path in machine.tree.files() if is_conflict_copy(path)]
        assert machine.node.index.seq == before[machine.name]


def test_conflict_copies_are_never_dropped_however_many_there_are() -> None:
    world, a, b = two()
    made: set[bytes] = set()
    for turn in range(14):
        for machine in (a, b):
            made.add(content := f"{machine.name} {turn}".encode())
            machine.tree.save(PATH, content)
        world.heal()
    copies = [path for path in a.tree.files() if is_conflict_copy(path)]
    assert world.is_equal()
    assert len(copies) == 14
    assert contents(a) <= made


def test_a_first_sync_cut_off_at_any_step_leaves_no_half_file_that_could_win() -> None:
    whole = random.Random(4).randbytes(900_000)
    for step in range(1, 60):
        world, a, b = two()
        a.tree.save(PATH, whole)
        a.node.scan()
        b.tree.crash_in = step
        for _ in range(20):
            while world.wire:
                world.deliver(0)
            world.guard("node1", b.node.work)
            a.node.work()
        assert contents(b) <= {whole}
        was_hit = b.tree.crash_in is None
        world.heal()
        assert a.tree.files() == b.tree.files() == {PATH: whole}
        if not was_hit:
            return
    pytest.fail("the steps never end")


def test_conflicts_of_conflict_copies_overwrite_none() -> None:
    world = World(3, nodes=3)
    machines = list(world.machines.values())
    for turn in range(3):
        for machine in machines:
            for path in [PATH, *(p for p in machine.tree.files() if is_conflict_copy(p))]:
                machine.tree.save(path, f"{machine.name} {turn} {path}".encode())
                world.made.add(f"{machine.name} {turn} {path}".encode())
        before = set().union(*(contents(machine) for machine in machines))
        world.heal()
        assert world.is_equal()
        assert contents(machines[0]) == before


def test_a_node_that_lost_its_index_makes_no_phantom_deletes_and_no_conflicts() -> None:
    world, a, b = two()
    shared(world, (PATH, b"one"), ("other", b"two"), ("runs/one.log", b"three"))
    files = b.tree.files()
    b.database = memory_database()
    world.crash(b)
    world.heal()
    assert a.tree.files() == b.tree.files() == files


def test_a_node_put_back_from_an_old_copy_takes_no_edit_back() -> None:
    world, a, b = two()
    shared(world, (PATH, b"one"))
    copy = b.copied()
    b.tree.save(PATH, b"two")
    world.heal()
    b.database = copy
    b.tree.save(PATH, b"one")  # the disk of the copy, too
    world.crash(b)
    world.now_ns += 3600 * NS_PER_S
    b.tree.save(PATH, b"three")
    world.heal()
    assert world.is_equal()
    assert b"three" in contents(a)


@pytest.mark.parametrize("offset_ns", [-3 * HOUR_NS, 3 * HOUR_NS])
def test_a_clock_that_is_off_by_hours_decides_nothing(offset_ns: int) -> None:
    world, a, b = two()
    shared(world, (PATH, b"old"))
    a.clock_ns = offset_ns
    a.tree.save(PATH, b"from a")
    world.heal()
    b.tree.save(PATH, b"from b, who saw that of a")
    world.heal()
    assert a.tree.files() == {PATH: b"from b, who saw that of a"}


def test_a_crash_at_any_step_leaves_the_old_or_the_new_file_and_no_conflict() -> None:
    for step in range(1, 40):
        world, a, b = two()
        shared(world, (PATH, b"old"))
        a.tree.save(PATH, b"new")
        a.node.scan()
        b.tree.crash_in = step
        while world.wire:
            world.deliver(0)
        world.guard("node1", b.node.work)
        assert b.tree.files() in ({PATH: b"old"}, {PATH: b"new"})
        was_hit = b.tree.crash_in is None
        world.heal()
        assert a.tree.files() == b.tree.files() == {PATH: b"new"}
        if not was_hit:
            return
    pytest.fail("the steps never end")


def test_a_crash_while_files_are_given_their_second_name_keeps_both() -> None:
    for step in range(1, 60):
        world, a, b = two()
        shared(world, (PATH, b"old"))
        a.tree.save(PATH, b"from a")
        b.tree.save(PATH, b"from b")
        a.node.scan()
        b.node.scan()
        b.tree.crash_in = step
        while world.wire:
            world.deliver(0)
        world.guard("node1", b.node.work)
        was_hit = b.tree.crash_in is None
        world.heal()
        assert contents(a) == contents(b) == {b"from a", b"from b"}
        if not was_hit:
            return
    pytest.fail("the steps never end")


def test_a_full_disk_loses_nothing_and_goes_on_when_there_is_room() -> None:
    world, a, b = two()
    shared(world, (PATH, b"old"))
    a.tree.save(PATH, b"new")
    b.tree.full = True
    a.node.scan()
    while world.wire:
        world.deliver(0)
    told = b.node.work()
    assert told.waiting
    assert b.tree.files() == {PATH: b"old"}
    world.heal()
    assert b.tree.files() == {PATH: b"new"}
