from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.ingest.support import WatchedFolder
from transfer_core.ingest import watcher
from transfer_core.ingest.completion import Writer
from transfer_core.ingest.open_writers import Mount, mount_of, writer_of
from transfer_core.sim.manual_clock import ManualClock
from transfer_core.units import NS_PER_S

linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify and leases are Linux's")


@pytest.fixture(params=[False, True], ids=["events", "polling"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WatchedFolder]:
    (tmp_path / "camera01").mkdir()
    watched = WatchedFolder(tmp_path / "camera01", polls=request.param)
    watched.until(lambda: watched.watcher.scans_done > 0)
    yield watched
    watched.watcher.close()


@pytest.fixture
def place(folder: WatchedFolder) -> Path:
    return Path(folder.watcher.root)


def test_a_file_written_slowly_leaves_once_and_only_when_it_is_closed(folder: WatchedFolder, place: Path) -> None:
    with (place / "frame_1.jpg").open("wb") as frame:
        for _ in range(5):
            frame.write(b"x" * 1000)
            frame.flush()
            folder.run_for(0.08)
            assert folder.names == []
    folder.until(lambda: folder.names == ["frame_1.jpg"])
    assert folder.frames[0].facts.size == 5000
    folder.run_for(0.2)
    assert folder.names == ["frame_1.jpg"]


def test_a_preallocated_file_is_not_taken_while_its_writer_stalls(folder: WatchedFolder, place: Path) -> None:
    with (place / "frame_1.jpg").open("wb") as frame:
        os.posix_fallocate(frame.fileno(), 0, 100_000)
        folder.run_for(0.4)
        assert folder.names == []
    folder.until(lambda: folder.names == ["frame_1.jpg"])


def test_a_file_renamed_into_place_leaves_and_the_part_file_does_not(folder: WatchedFolder, place: Path) -> None:
    (place / "frame_1.jpg.part").write_bytes(b"x" * 100)
    folder.run_for(0.15)
    assert folder.names == []
    (place / "frame_1.jpg.part").rename(place / "frame_1.jpg")
    folder.until(lambda: folder.names == ["frame_1.jpg"])


def test_a_file_that_is_renamed_twice_leaves_under_its_last_name_alone(folder: WatchedFolder, place: Path) -> None:
    with (place / "frame_1.tmp.part").open("wb") as frame:
        frame.write(b"x" * 100)
        (place / "frame_1.tmp.part").rename(place / "frame_1.raw")
        folder.run_for(0.1)
        (place / "frame_1.raw").rename(place / "frame_1.jpg")
        folder.run_for(0.1)
        assert folder.names == []  # its writer still holds it, under whatever name
    folder.until(lambda: folder.names == ["frame_1.jpg"])
    folder.run_for(0.2)
    assert folder.names == ["frame_1.jpg"]


def test_a_file_that_is_opened_again_and_appended_to_leaves_again_as_it_is_then(
    folder: WatchedFolder, place: Path
) -> None:
    (place / "frame_1.jpg").write_bytes(b"x" * 100)
    folder.until(lambda: len(folder.frames) == 1)
    with (place / "frame_1.jpg").open("ab") as frame:
        frame.write(b"y" * 50)
        frame.flush()
        folder.run_for(0.2)
        assert len(folder.frames) == 1
    folder.until(lambda: len(folder.frames) == 2)
    assert folder.frames[1].facts.size == 150


def test_a_file_that_is_deleted_or_renamed_away_is_forgotten(folder: WatchedFolder, place: Path) -> None:
    with (place / "a.jpg").open("wb") as frame:
        frame.write(b"x")
        frame.flush()
        folder.until(lambda: folder.watcher.unfinished == 1)
        (place / "a.jpg").rename(place / "b.jpg")
        (place / "b.jpg").rename(place / "c.jpg")
        folder.run_for(0.2)
    folder.until(lambda: folder.names == ["c.jpg"] and folder.watcher.unfinished == 0)
    (place / "d.jpg").touch()
    folder.until(lambda: folder.watcher.unfinished == 1)
    (place / "d.jpg").unlink()
    folder.until(lambda: folder.watcher.unfinished == 0)
    assert folder.names == ["c.jpg"]


def test_new_folders_inside_are_watched_with_what_is_in_them(folder: WatchedFolder, place: Path) -> None:
    (place / "run" / "one").mkdir(parents=True)
    (place / "run" / "one" / "a.jpg").write_bytes(b"x")
    folder.until(lambda: folder.names == ["run/one/a.jpg"])
    (place / "run" / "one" / "b.jpg").write_bytes(b"x")
    folder.until(lambda: folder.names == ["run/one/a.jpg", "run/one/b.jpg"])


def test_links_are_refused_and_told_of(folder: WatchedFolder, place: Path) -> None:
    (place.parent / "secret").mkdir()
    (place.parent / "secret" / "key.jpg").write_bytes(b"x")
    (place / "link.jpg").symlink_to(place.parent / "secret" / "key.jpg")
    (place / "linked").symlink_to(place.parent / "secret")
    folder.watcher.rescan()
    folder.until(lambda: folder.watcher.refusals.count == 2)
    assert folder.names == []
    assert folder.watcher.refusals.first == "link.jpg: a symbolic link is not followed"
    (place / "link.jpg").unlink()
    folder.watcher.rescan()
    folder.until(lambda: folder.watcher.refusals.count == 1)
    assert folder.watcher.refusals.first == "linked: a symbolic link is not followed"


def test_another_file_system_under_its_name_is_watched_and_doubted_until_the_first_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "disk" / "camera"
    place.mkdir(parents=True)
    mounts = {"is": Mount(str(place.parent), "ext4")}
    monkeypatch.setattr(watcher, "mount_of", lambda _folder: mounts["is"])
    watched = WatchedFolder(place)
    (place / "a.jpg").write_bytes(b"a")
    watched.until(lambda: watched.names == ["a.jpg"])
    assert watched.watcher.doubt == ""
    place.parent.rename(tmp_path / "away")
    place.mkdir(parents=True)
    mounts["is"] = Mount("/", "ext4")
    (place / "b.jpg").write_bytes(b"b")
    watched.until(lambda: watched.names == ["a.jpg", "b.jpg"])
    assert watched.watcher.doubt == f"nothing is mounted at {place.parent} any more; the folder below it is watched"
    place.parent.rename(tmp_path / "below")
    (tmp_path / "away").rename(place.parent)
    mounts["is"] = Mount(str(place.parent), "ext4")
    watched.until(lambda: watched.watcher.doubt == "")
    watched.watcher.close()


@linux
def test_a_name_that_is_no_unicode_is_carried(folder: WatchedFolder, place: Path) -> None:
    name = os.fsdecode(b"frame-\xff.jpg")
    (place / name).write_bytes(b"x")
    folder.until(lambda: folder.names == [name])
    assert Path(folder.frames[0].path).read_bytes() == b"x"


def test_a_folder_that_goes_and_comes_back_is_watched_again(folder: WatchedFolder, place: Path) -> None:
    (place / "a.jpg").write_bytes(b"x")
    folder.until(lambda: folder.names == ["a.jpg"])
    place.rename(place.parent / "elsewhere")
    folder.until(lambda: "can't be watched" in folder.watcher.trouble)
    (place.parent / "elsewhere").rename(place)
    (place / "b.jpg").write_bytes(b"x")
    folder.until(lambda: folder.names == ["a.jpg", "b.jpg"])
    assert folder.watcher.trouble == ""


def test_another_folder_under_the_same_name_is_begun_anew(folder: WatchedFolder, place: Path) -> None:
    (place.parent / "new").mkdir()
    place.rename(place.parent / "old")
    (place.parent / "new").rename(place)
    folder.until(lambda: folder.watcher.root_identity == (place.stat().st_dev, place.stat().st_ino))
    (place / "a.jpg").write_bytes(b"x")
    folder.until(lambda: folder.names == ["a.jpg"])


def test_a_frame_that_a_trigger_names_before_it_is_there_is_waited_for(folder: WatchedFolder, place: Path) -> None:
    folder.watcher.tell("late.jpg")
    (place / "late.jpg").write_bytes(b"x")
    folder.until(lambda: folder.names == ["late.jpg"])


def test_held_back_it_takes_nothing_new_and_catches_up_when_it_may(folder: WatchedFolder, place: Path) -> None:
    folder.watcher.hold_back(True)
    (place / "a.jpg").write_bytes(b"x")
    folder.watcher.rescan()
    folder.run_for(0.3)
    assert (folder.names, folder.watcher.unfinished) == ([], 0)
    folder.watcher.hold_back(False)
    folder.until(lambda: folder.names == ["a.jpg"])


def test_a_backlog_that_is_read_at_once_leaves_in_the_order_of_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "SLICE_NS", 60 * NS_PER_S)
    for number in range(300):
        (tmp_path / f"frame_camera01_{number:09d}.jpg").write_bytes(b"x")
    watched = WatchedFolder(tmp_path, "*.jpg")
    watched.until(lambda: len(watched.frames) == 300)
    assert watched.names == sorted(watched.names)
    watched.watcher.close()


@linux
def test_when_the_queue_of_events_overflows_a_scan_finds_what_was_lost(tmp_path: Path) -> None:
    watched = WatchedFolder(tmp_path, "*.jpg")
    watched.until(lambda: watched.watcher.scans_done > 0)
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for number in range(50):
        (tmp_path / f"{number}.jpg").write_bytes(b"x")
    other = [tmp_path / "x.tmp", tmp_path / "y.tmp"]  # two names in turn, since equal events are merged
    for number in range(limit + 200):
        os.close(os.open(other[number % 2], os.O_WRONLY | os.O_CREAT))
    (tmp_path / "after.jpg").write_bytes(b"x")
    watched.until(lambda: watched.watcher.overflows > 0 and len(watched.frames) == 51)
    watched.watcher.close()


def test_stale_part_files_are_removed_when_asked_for_and_nobody_writes_them(tmp_path: Path) -> None:
    old = time.time() - 7200
    for name in ("old.jpg.part", "held.jpg.part", "new.jpg.part"):
        (tmp_path / name).write_bytes(b"x")
    with (tmp_path / "held.jpg.part").open("ab"):
        for name in ("old.jpg.part", "held.jpg.part"):
            os.utime(tmp_path / name, (old, old))
        watched = WatchedFolder(tmp_path, cleanup=True)
        watched.until(lambda: watched.watcher.scans_done > 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["held.jpg.part", "new.jpg.part"]
    assert watched.watcher.parts_removed == 1
    watched.watcher.close()


@linux
def test_a_clock_that_is_set_forward_makes_no_part_file_stale(tmp_path: Path) -> None:
    path = tmp_path / "young.jpg.part"
    path.write_bytes(b"half")
    clock = ManualClock(wall_ns=time.time_ns())
    watched = WatchedFolder(tmp_path, cleanup=True, clock=clock)
    watched.play(clock, 130)
    clock.jump_wall(10 * 3600 * 10**9)
    watched.play(clock, 3500)
    assert path.exists()
    watched.play(clock, 300)
    assert not path.exists()
    watched.watcher.close()


@linux
def test_a_stale_part_file_that_can_t_be_deleted_is_told_of_and_keeps_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_path: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    (tmp_path / "old.jpg.part").write_bytes(b"half")
    (tmp_path / "whole.jpg").write_bytes(b"whole")
    os.utime(tmp_path / "old.jpg.part", (1, 1))
    monkeypatch.setattr(os, "unlink", refused)
    watched = WatchedFolder(tmp_path, cleanup=True)
    watched.until(lambda: watched.names == ["whole.jpg"])
    watched.until(lambda: watched.watcher.refusals.count == 1)
    assert watched.watcher.refusals.first == "old.jpg.part: stale, and can't be deleted: Operation not permitted"
    assert not watched.watcher.trouble
    watched.watcher.close()


@linux
def test_the_system_tells_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb"):
        assert writer_of(str(path)) is Writer.HELD
    assert writer_of(str(path)) is Writer.FREE
    with path.open("rb"):
        assert writer_of(str(path)) is Writer.FREE
    assert writer_of(str(tmp_path / "none")) is Writer.UNKNOWN
    assert not mount_of(str(tmp_path)).is_remote
    assert Mount("/mnt/cameras", "cifs").is_remote
    assert Mount("/mnt/cameras", "fuse.sshfs").is_remote
