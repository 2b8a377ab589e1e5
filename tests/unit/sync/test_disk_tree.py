from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from transfer_core.errors import NameRefused, WriteFailed
from transfer_core.sync.disk_tree import DiskTree
from transfer_core.sync.entry import Kind
from transfer_core.sync.tree import PRIVATE, Listing, Stat, TargetChanged

DAY_NS = 86_400 * 10**9


@pytest.fixture
def tree(tmp_path: Path) -> DiskTree:
    made = DiskTree(tmp_path / "shared", "setups")
    made.adopt()
    return made


def put(tree: DiskTree, path: str, content: bytes) -> None:
    place = tree.root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def walked(tree: DiskTree, folder: str = "") -> tuple[dict[str, Stat], Listing]:
    listing = Listing()
    return dict(tree.walk(listing, folder)), listing


def trash_of(tree: DiskTree) -> list[bytes]:
    return [file.read_bytes() for file in (tree.root / PRIVATE / "trash").rglob("*") if file.is_file()]


def test_a_root_without_its_marker_is_not_there(tree: DiskTree, tmp_path: Path) -> None:
    assert tree.is_there()
    assert not DiskTree(tree.root, "another").is_there()
    (tree.root / PRIVATE / "marker").unlink()
    assert not tree.is_there()
    assert not DiskTree(tmp_path / "nowhere", "setups").is_there()


def test_a_new_content_gets_its_name_times_and_rights(tree: DiskTree) -> None:
    token = tree.stage([b"he", b"llo"], 1_700_000_000_123_000_000, True)
    found = tree.publish(token, "runs/today/one.sh", None)
    place = tree.root / "runs/today/one.sh"
    assert place.read_bytes() == b"hello"
    assert found == tree.stat("runs/today/one.sh")
    assert found.mtime_ns == 1_700_000_000_123_000_000
    assert bool(place.stat().st_mode & stat.S_IXUSR) == (sys.platform != "win32")


def test_what_is_replaced_lies_in_the_trash(tree: DiskTree) -> None:
    put(tree, "a", b"old")
    present = tree.stat("a")
    tree.publish(tree.stage([b"new"], 5, False), "a", present)
    assert (tree.root / "a").read_bytes() == b"new"
    assert trash_of(tree) == [b"old"]


def test_a_target_that_was_edited_meanwhile_is_left_alone(tree: DiskTree) -> None:
    put(tree, "a", b"old")
    present = tree.stat("a")
    put(tree, "a", b"edited")
    token = tree.stage([b"new"], 5, False)
    with pytest.raises(TargetChanged):
        tree.publish(token, "a", present)
    assert (tree.root / "a").read_bytes() == b"edited"
    tree.discard(token)
    assert list((tree.root / PRIVATE / "staged").iterdir()) == []


def test_a_file_that_came_meanwhile_is_not_overwritten(tree: DiskTree) -> None:
    token = tree.stage([b"new"], 5, False)
    put(tree, "a", b"came")
    with pytest.raises(TargetChanged):
        tree.publish(token, "a", None)
    assert (tree.root / "a").read_bytes() == b"came"


def test_a_file_that_went_meanwhile_is_not_made_again(tree: DiskTree) -> None:
    put(tree, "a", b"old")
    present = tree.stat("a")
    (tree.root / "a").unlink()
    with pytest.raises(TargetChanged):
        tree.publish(tree.stage([b"new"], 5, False), "a", present)
    assert not (tree.root / "a").exists()


def test_a_deleted_file_lies_in_the_trash_unless_it_was_edited(tree: DiskTree) -> None:
    put(tree, "d/a", b"old")
    present = tree.stat("d/a")
    assert present is not None
    put(tree, "d/a", b"edited")
    with pytest.raises(TargetChanged):
        tree.trash("d/a", present)
    assert (tree.root / "d/a").read_bytes() == b"edited"
    now = tree.stat("d/a")
    assert now is not None
    tree.trash("d/a", now)
    assert not (tree.root / "d/a").exists()
    assert trash_of(tree) == [b"edited"]


def test_trash_is_dropped_after_thirty_days(tree: DiskTree) -> None:
    for day in ("2026-01-01", "2026-01-30"):
        place = tree.root / PRIVATE / "trash" / day / "file"
        place.parent.mkdir()
        place.write_bytes(b"x")
    tree.tidy(1_769_900_000 * 10**9)  # 2026-01-31
    assert {day.name for day in (tree.root / PRIVATE / "trash").iterdir()} == {"2026-01-01", "2026-01-30"}
    tree.tidy(1_769_900_000 * 10**9 + 2 * DAY_NS)
    assert {day.name for day in (tree.root / PRIVATE / "trash").iterdir()} == {"2026-01-30"}


def test_a_folder_goes_only_when_it_is_empty(tree: DiskTree) -> None:
    put(tree, "d/a", b"x")
    folder = tree.stat("d")
    assert folder is not None
    with pytest.raises(WriteFailed):
        tree.trash("d", folder)
    (tree.root / "d/a").unlink()
    tree.trash("d", folder)
    assert not (tree.root / "d").exists()


def test_a_second_name_keeps_the_file_and_takes_no_other_ones_place(tree: DiskTree) -> None:
    put(tree, "a", b"mine")
    put(tree, "taken", b"other")
    present = tree.stat("a")
    assert present is not None
    tree.keep_as("a", "b", present)
    assert (tree.root / "b").read_bytes() == b"mine"
    with pytest.raises(TargetChanged):
        tree.keep_as("a", "taken", present)
    assert (tree.root / "taken").read_bytes() == b"other"


@pytest.mark.skipif(sys.platform == "win32", reason="making links needs a right there")
def test_no_symbolic_link_is_followed(tree: DiskTree, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"s")
    (tree.root / "door").symlink_to(outside)
    (tree.root / "link").symlink_to(outside / "secret")
    found, listing = walked(tree)
    assert found == {}
    assert {"door", "link"} <= listing.unknown
    assert {path for path, _ in listing.reports} == {"door", "link"}
    assert tree.stat("door/secret") is None
    with pytest.raises((NameRefused, TargetChanged)):
        tree.publish(tree.stage([b"x"], 0, False), "door/new", None)
    assert [file.name for file in outside.iterdir()] == ["secret"]


def test_ignored_names_are_neither_listed_nor_taken_for_deleted(tree: DiskTree) -> None:
    put(tree, ".drsignore", b"*.tmp\n/build/\n!keep.tmp\n")
    for path in ("a.tmp", "keep.tmp", "build/x", "runs/b.tmp", "runs/c", "arriving.mp4.part", "~$sheet.xlsx"):
        put(tree, path, b"x")
    assert set(walked(tree)[0]) == {".drsignore", "keep.tmp", "runs", "runs/c"}
    assert tree.is_ignored("build/x")
    assert tree.is_ignored("runs/b.tmp")
    assert not tree.is_ignored("runs/c")
    assert tree.stat("a.tmp") is None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not let such names be")
def test_names_that_others_cannot_hold_are_reported_and_left_as_they_are(tree: DiskTree) -> None:
    for name in ("a:b", "Case", "case", "caf\u00e9", "cafe\u0301", "NUL.txt", "end."):
        put(tree, name, b"x")
    put(tree, os.fsdecode(b"bad\xff"), b"x")
    found, listing = walked(tree)
    reported = dict(listing.reports)
    assert set(found) == {"a:b", "Case", "case", "caf\u00e9", "cafe\u0301", "NUL.txt", "end."}
    assert "Windows" in reported["a:b"]
    assert "Windows" in reported["NUL.txt"]
    assert "Windows" in reported["end."]
    assert len({"Case", "case"} & set(reported)) == 1
    assert len({"caf\u00e9", "cafe\u0301"} & set(reported)) == 1
    assert "Unicode" in reported[os.fsdecode(b"bad\xff")]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs rights that hold")
def test_a_folder_that_cannot_be_read_is_unknown(tree: DiskTree) -> None:
    put(tree, "d/a", b"x")
    (tree.root / "d").chmod(0)
    try:
        assert "d" in walked(tree)[1].unknown
    finally:
        (tree.root / "d").chmod(0o700)


def test_a_folder_in_it_is_listed_alone(tree: DiskTree) -> None:
    put(tree, "d/e/f", b"x")
    put(tree, "g", b"x")
    found, _ = walked(tree, "d")
    assert set(found) == {"d", "d/e", "d/e/f"}
    assert found["d"].kind is Kind.FOLDER
