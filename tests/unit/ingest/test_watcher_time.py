"""Watched folders over minutes, played on a clock that is moved by hand; the files and their writers are real."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.ingest.support import WatchedFolder
from transfer_core.ingest import candidates, watcher
from transfer_core.ingest.completion import CompletionRules, Writer
from transfer_core.ingest.open_writers import Mount
from transfer_core.sim.manual_clock import ManualClock

linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify and leases are Linux's")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(10**9, time.time_ns())


@linux
@pytest.mark.parametrize("polls", [False, True], ids=["events", "polling"])
def test_a_file_whose_writer_stalls_for_a_minute_is_neither_taken_nor_forgotten(
    tmp_path: Path, clock: ManualClock, polls: bool
) -> None:
    watched = WatchedFolder(tmp_path, "*.jpg", polls=polls, clock=clock)
    with (tmp_path / "frame_1.jpg").open("wb") as frame:
        frame.write(b"x" * 1000)
        frame.flush()
        turns = watched.play(clock, 60)
        assert (watched.names, watched.watcher.unfinished) == ([], 1)
        ((name, held_ns),) = watched.watcher.held()
        assert name == "frame_1.jpg"
        assert held_ns > 55e9
        assert turns < 60 * (40 if polls else 10)  # it is not looked at all the time
        frame.write(b"y" * 500)
    watched.play(clock, CompletionRules().bound_ns / 1e9)
    assert (watched.names, watched.watcher.unfinished) == (["frame_1.jpg"], 0)
    assert watched.frames[0].facts.size == 1500
    watched.watcher.close()


@linux
def test_another_users_frame_that_was_there_before_and_may_be_open_waits_for_its_closing_whatever_follows_it(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "writer_of", lambda _: Writer.UNKNOWN)  # as it is with a file of another user
    with (tmp_path / "frame_0.jpg").open("wb") as frame, (tmp_path / "frame_1.jpg").open("wb") as never_closed:
        for each in (frame, never_closed):
            each.write(b"x" * 1000)
            each.flush()
        watched = WatchedFolder(tmp_path, "*.jpg", clock=clock)
        watched.play(clock, 1)
        for number in range(2, 12):
            (tmp_path / f"frame_{number}.jpg").write_bytes(b"z")
        watched.play(clock, 100)
        assert sorted(watched.names) == sorted(f"frame_{number}.jpg" for number in range(2, 12))
        frame.write(b"y" * 500)
        frame.close()
        watched.play(clock, 2)
        assert watched.names[10:] == ["frame_0.jpg"]
        assert watched.frames[10].facts.size == 1500
        watched.play(clock, CompletionRules().unclosed_ns / 1e9)
        assert watched.names[11:] == ["frame_1.jpg"]  # in bounded time, whatever becomes of it
    watched.watcher.close()


@linux
def test_another_users_old_frames_leave_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "writer_of", lambda _: Writer.UNKNOWN)
    for number in range(8):
        (tmp_path / f"frame_{number}.jpg").write_bytes(b"z")
    clock = ManualClock(10**9, time.time_ns() + CompletionRules().unclosed_ns + 10**9)
    watched = WatchedFolder(tmp_path, "*.jpg", clock=clock)
    watched.play(clock, 1)
    assert sorted(watched.names) == [f"frame_{number}.jpg" for number in range(4)]  # four more have followed them
    watched.play(clock, CompletionRules().bound_ns / 1e9)
    assert len(watched.names) == 8
    watched.watcher.close()


@linux
def test_on_a_share_a_frame_whose_writer_stalls_is_not_taken_before_its_end_is_there_though_others_follow(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "mount_of", lambda _: Mount("/", "nfs4"))
    whole = b"\xff\xd8\xff" + bytes(20_000) + b"\xff\xd9"
    watched = WatchedFolder(tmp_path, "*.jpg", clock=clock)
    watched.play(clock, 1)
    with (tmp_path / "frame_0.jpg").open("wb") as stalled:
        stalled.write(whole[:9000])
        stalled.flush()
        for number in range(1, 9):
            (tmp_path / f"frame_{number}.jpg").write_bytes(whole)
        watched.play(clock, 100)
        assert sorted(watched.names) == [f"frame_{number}.jpg" for number in range(1, 9)]
        stalled.write(whole[9000:])
    watched.play(clock, 3)
    assert watched.names[8:] == ["frame_0.jpg"]
    assert watched.frames[8].facts.size == len(whole)
    watched.watcher.close()


@linux
def test_on_a_share_a_frame_whose_end_never_comes_is_sent_as_it_is_in_bounded_time(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "mount_of", lambda _: Mount("/", "nfs4"))
    (tmp_path / "frame_0.jpg").write_bytes(b"\xff\xd8\xff" + bytes(20_000))
    watched = WatchedFolder(tmp_path, "*.jpg", clock=clock)
    turns = watched.play(clock, 110)
    assert watched.names == []
    assert turns < 110 * 40
    watched.play(clock, 15)
    assert watched.names == ["frame_0.jpg"]
    watched.watcher.close()


@linux
def test_old_folders_are_looked_at_often_and_read_again_only_when_names_came_or_went(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two/inner"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "old.jpg").write_bytes(b"x")
    read: list[str] = []
    real = os.scandir

    def noted(path: str) -> Iterator[os.DirEntry[str]]:
        read.append(str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", noted)
    watched = WatchedFolder(tmp_path, "*.jpg", clock=clock)
    watched.play(clock, 20)
    assert sorted(watched.names) == ["one/old.jpg", "two/inner/old.jpg"]
    read.clear()
    watched.play(clock, 30)
    assert read == []
    monkeypatch.setattr("transfer_core.ingest.folder_events.FolderEvents.read", lambda _: [])  # events that get lost
    (tmp_path / "two" / "new.jpg").write_bytes(b"x")
    os.utime(tmp_path / "two", ns=(clock.wall_ns(), clock.wall_ns()))
    watched.play(clock, 8)
    assert watched.names[2:] == ["two/new.jpg"]
    assert set(read) == {str(tmp_path / "two")}
    (tmp_path / "one" / "old.jpg").write_bytes(b"another")  # in its place: the folder is as it was
    watched.play(clock, 75)
    assert watched.names[3:] == ["one/old.jpg"]
    watched.watcher.close()


@linux
def test_a_change_whose_event_was_lost_is_found_in_bounded_time_however_long_a_scan_takes(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old.jpg").write_bytes(b"x")
    real = os.scandir

    def slow(path: str) -> Iterator[os.DirEntry[str]]:
        clock.advance(60 * 10**9)
        return real(path)

    monkeypatch.setattr(os, "scandir", slow)
    watched = WatchedFolder(tmp_path, "*.jpg", clock=clock)
    watched.play(clock, 100)
    assert watched.names == ["old.jpg"]
    monkeypatch.setattr("transfer_core.ingest.folder_events.FolderEvents.read", lambda _: [])
    (tmp_path / "old.jpg").write_bytes(b"another")  # in its place: the folder is as it was
    watched.play(clock, (watcher.RESCAN_MAX_NS + CompletionRules().bound_ns) / 1e9 + 2 * 60)
    assert watched.names == ["old.jpg"] * 2
    watched.watcher.close()
