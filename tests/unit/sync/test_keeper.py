"""Shared folders on real disks, with watchers, questions and pauses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.keeper_pair import KeeperPair, keeper_pair
from transfer_core.events.sync import SyncState


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[KeeperPair]:
    with keeper_pair(tmp_path) as made:
        yield made


def test_edits_and_folders_reach_the_other_side_through_the_watcher(pair: KeeperPair) -> None:
    (pair.a.root / "setup.json").write_bytes(b"one")
    pair.until(lambda: pair.b.files() == {"setup.json": b"one"})
    (pair.b.root / "runs" / "day 1").mkdir(parents=True)
    (pair.b.root / "runs" / "day 1" / "lap.csv").write_bytes(b"1,2,3")
    pair.until(lambda: "runs/day 1/lap.csv" in pair.a.files())
    (pair.a.root / "setup.json").unlink()
    pair.until(lambda: "setup.json" not in pair.b.files())
    pair.until(lambda: pair.a.view.state is SyncState.SYNCED and pair.b.view.state is SyncState.SYNCED)
    pair.until(lambda: {line.what for line in pair.b.happened} >= {"received", "deleted", "edited"})
    pair.until(lambda: pair.a.view.figures.latency_ms is not None)


def test_a_large_folder_that_empties_asks_before_the_others_lose_it(pair: KeeperPair) -> None:
    for number in range(20):
        (pair.a.root / f"run{number}.log").write_bytes(b"%d" % number)
    pair.until_equal()
    for number in range(15):
        (pair.a.root / f"run{number}.log").unlink()
    pair.until(lambda: pair.a.view.state is SyncState.QUESTION)
    assert len(pair.b.files()) >= 16  # a few deletes one by one are taken at their word
    pair.a.verbs.resume(["setups"], deletes_are_meant=True)
    pair.until(lambda: len(pair.b.files()) == 5)
    pair.until(lambda: pair.a.view.state is SyncState.SYNCED)
    assert not pair.a.verbs.store.share("setups").deletes_are_meant


def test_a_folder_without_its_marker_is_missing_and_loses_nothing(pair: KeeperPair) -> None:
    (pair.a.root / "setup.json").write_bytes(b"one")
    pair.until_equal()
    away = pair.a.root.with_name("away")
    pair.a.root.rename(away)
    pair.a.root.mkdir()
    pair.a.keeper.folders["setups"].changed(None)
    pair.until(lambda: pair.a.view.state is SyncState.MISSING)
    (pair.b.root / "new.json").write_bytes(b"two")
    for _ in range(20):
        pair.turn()
    assert list(pair.a.root.iterdir()) == []
    assert pair.b.files() == {"setup.json": b"one", "new.json": b"two"}
    pair.a.root.rmdir()
    away.rename(pair.a.root)
    pair.a.keeper.folders["setups"].changed(None)
    assert pair.until_equal() == {"setup.json": b"one", "new.json": b"two"}


def test_a_paused_folder_keeps_its_edits_until_it_goes_on(pair: KeeperPair) -> None:
    pair.a.verbs.pause([])
    pair.until(lambda: pair.a.view.state is SyncState.PAUSED)
    (pair.a.root / "setup.json").write_bytes(b"one")
    for _ in range(10):
        pair.turn()
    assert pair.b.files() == {}
    pair.a.verbs.resume([])
    assert pair.until_equal() == {"setup.json": b"one"}


def test_edits_made_apart_end_as_two_files_and_the_panel_resolves_them(pair: KeeperPair) -> None:
    (pair.a.root / "setup.json").write_bytes(b"old")
    pair.until_equal()
    pair.disconnect()
    (pair.a.root / "setup.json").write_bytes(b"from a")
    (pair.b.root / "setup.json").write_bytes(b"from b, longer")
    for _ in range(10):
        pair.turn()
    pair.connect()
    pair.until(lambda: len(pair.a.files()) == len(pair.b.files()) == 2 and pair.a.files() == pair.b.files())
    pair.until(lambda: pair.a.view.conflicts == 1)
    (conflict,) = pair.a.verbs.conflicts()
    assert conflict.path == "setup.json"
    assert conflict.in_place is not None
    assert {conflict.in_place.by, conflict.beside.by} == {"a", "b"}
    assert {conflict.in_place.is_mine, conflict.beside.is_mine} == {True, False}
    assert {conflict.in_place.whose, conflict.beside.whose} == {"this machine", "b"}
    (said,) = pair.a.verbs.resolve(str(pair.a.root / "setup.json"), "mine")
    kept, dropped = "setup.json is this machine's now; the other is", "setup.json stays; b's is"
    assert said == f"{kept if conflict.beside.is_mine else dropped} in the trash"
    pair.until(lambda: pair.b.files() == {"setup.json": b"from a"})
    trash = [path.read_bytes() for path in (pair.a.root / ".drs-sync" / "trash").rglob("*") if path.is_file()]
    assert b"from b, longer" in trash


@pytest.mark.parametrize(("keep", "count"), [("theirs", 1), ("both", 2)])
def test_theirs_and_both_keep_what_they_say(pair: KeeperPair, keep: str, count: int) -> None:
    pair.disconnect()
    (pair.a.root / "setup.json").write_bytes(b"from a")
    (pair.b.root / "setup.json").write_bytes(b"from b")
    for _ in range(10):
        pair.turn()
    pair.connect()
    pair.until(lambda: pair.a.files() == pair.b.files() and len(pair.a.files()) == 2)
    pair.a.verbs.resolve("setup.json", keep)
    pair.until(lambda: pair.a.view.conflicts == 0)
    files = pair.until_equal()
    assert len(files) == count
    assert b"from b" in files.values()
    assert not any(".conflict-" in path for path in files)


def test_vectors_savings_and_files_tell_what_is_known(pair: KeeperPair) -> None:
    (pair.a.root / "lap.csv").write_bytes(b"time,speed\n" * 5000)
    pair.until_equal()
    pair.until(lambda: pair.b.view.state is SyncState.SYNCED)
    mine, other = pair.a.verbs.vectors("setups", "lap.csv")
    assert (mine.standing, other.standing, other.holder) == ("here", "same", "b")
    assert list(mine.counters) == ["r-a"]
    (saving,) = pair.b.verbs.savings()
    assert saving.full_bytes == 55_000
    assert 0 < saving.wire_bytes < 5_000
    assert 0 < saving.packed_bytes < 5_000
    assert [file.path for file in pair.b.verbs.files("setups", find="lap")] == ["lap.csv"]
    assert pair.b.view.figures.full_bytes == 55_000


def test_a_folder_that_is_left_keeps_its_files(pair: KeeperPair) -> None:
    (pair.a.root / "setup.json").write_bytes(b"one")
    pair.until_equal()
    pair.b.verbs.leave("setups")
    pair.until(lambda: not pair.b.keeper.folders)
    assert pair.b.files() == {"setup.json": b"one"}
    assert not (pair.b.root / ".drs-sync" / "marker").exists()


def test_a_folder_that_is_deleted_as_a_whole_is_a_question_not_a_delete(pair: KeeperPair) -> None:
    for number in range(10):
        (pair.a.root / f"run{number}.log").write_bytes(b"%d" % number)
    pair.until_equal()
    shutil.rmtree(pair.a.root)
    pair.a.keeper.folders["setups"].changed(None)
    pair.until(lambda: pair.a.view.state is SyncState.MISSING)
    assert len(pair.b.files()) == 10
