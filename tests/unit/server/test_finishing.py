from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from transfer_core.errors import DiskFull, StorageError
from transfer_core.server.finishing import Finisher
from transfer_core.storage.incoming import IncomingFile, part_path


@pytest.fixture
def files(tmp_path: Path) -> list[IncomingFile]:
    made = [IncomingFile.open(part_path(tmp_path / f"{number}.jpg"), 4) for number in range(20)]
    for file in made:
        file.write_chunk(0, memoryview(b"abcd"))
    return made


def test_files_are_synced_side_by_side_where_the_disk_is_slow(
    files: list[IncomingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    first_three, together = iter(range(3)), threading.Barrier(3)  # passed by three that wait for the disk at once

    def slow(fd: int) -> None:
        time.sleep(0.01)
        if threading.current_thread() is not threading.main_thread() and next(first_three, None) is not None:
            together.wait(60.0)

    monkeypatch.setattr(os, "fsync", slow)
    finisher = Finisher()
    assert finisher.make_ready([(file, 10**18) for file in files]) == [None] * 20
    finisher.close()
    assert not together.broken
    assert next(first_three, None) is None


def test_what_can_t_be_synced_is_told_and_takes_none_of_the_others_along(
    files: list[IncomingFile], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real, broken = os.fsync, files[3].part.stat().st_ino

    def failing(fd: int) -> None:
        time.sleep(0.001)
        if os.fstat(fd).st_ino == broken:
            raise OSError(28, "No space left on device")
        real(fd)

    monkeypatch.setattr(os, "fsync", failing)
    finisher = Finisher()
    found = finisher.make_ready([(file, 10**18) for file in files])
    finisher.close()
    assert [at for at, error in enumerate(found) if error is not None] == [3]
    assert isinstance(found[3], DiskFull)
    with pytest.raises(StorageError):
        files[3].make_ready(10**18)  # what was not synced may be gone: it is never called ready
    assert files[4].take_place(tmp_path / "4.jpg") == tmp_path / "4.jpg"
    assert (tmp_path / "4.jpg").read_bytes() == b"abcd"
    assert (tmp_path / "4.jpg").stat().st_mtime_ns == 10**18


def test_each_folder_is_synced_once_and_one_that_is_gone_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("transfer_core.server.finishing.sync_folder", synced.append)
    assert Finisher().sync_folders([tmp_path, tmp_path / "a", tmp_path]) == {}
    assert synced == [tmp_path, tmp_path / "a"]
    monkeypatch.undo()
    assert list(Finisher().sync_folders([tmp_path, tmp_path / "none"])) == [tmp_path / "none"]
