"""Watched folders over minutes, played on a clock that is moved by hand; the files and their writers are real."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.ingest.support import WatchedFolder
from transfer_core.ingest.completion import CompletionRules
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
