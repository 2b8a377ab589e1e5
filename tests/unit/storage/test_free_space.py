from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from transfer_core.errors import DiskFull, QuotaExceeded
from transfer_core.storage.free_space import Room, require_quota, usable_bytes

GB = 10**9


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    facts = SimpleNamespace(total=100 * GB, used=0, free=10 * GB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: facts)
    return facts


def test_what_is_kept_free_does_not_count(tmp_path: Path, disk: SimpleNamespace) -> None:
    assert usable_bytes(tmp_path, 3 * GB) == 7 * GB
    assert usable_bytes(tmp_path, 30 * GB) == 0


def test_a_folder_that_is_not_made_yet_has_the_room_of_where_it_will_be(tmp_path: Path) -> None:
    assert usable_bytes(tmp_path / "not" / "yet") > 0


def test_two_files_that_would_each_fit_do_not_get_the_same_room(tmp_path: Path, disk: SimpleNamespace) -> None:
    room = Room(tmp_path, GB)
    room.claim("a", 6 * GB, "a.bin")
    with pytest.raises(DiskFull, match=r"b.bin needs 6.0 GB, there are 3.0 GB free"):
        room.claim("b", 6 * GB, "b.bin")
    assert room.free_bytes() == 3 * GB
    room.release("a")
    room.claim("b", 6 * GB, "b.bin")


def test_a_claim_shrinks_as_the_disk_fills(tmp_path: Path, disk: SimpleNamespace) -> None:
    room = Room(tmp_path, GB)
    room.claim("a", 6 * GB, "a.bin")
    disk.free -= 4 * GB
    room.written("a", 4 * GB)
    assert (room.claimed_bytes, room.free_bytes()) == (2 * GB, 3 * GB)
    room.written("a", 5 * GB)
    room.written("unknown", 5)
    assert room.claimed_bytes == 0


def test_a_claim_made_again_takes_the_place_of_the_old_one(tmp_path: Path, disk: SimpleNamespace) -> None:
    room = Room(tmp_path, GB)
    for _ in range(3):
        room.claim("a", 9 * GB, "a.bin")
    assert room.claimed_bytes == 9 * GB


def test_a_sparse_file_may_be_larger_than_the_disk_while_there_is_any_room(
    tmp_path: Path, disk: SimpleNamespace
) -> None:
    room = Room(tmp_path, GB)
    room.claim("a", 20 * GB, "a.bin", sparse_ok=True)
    assert room.claimed_bytes == 9 * GB
    with pytest.raises(DiskFull):
        room.claim("b", 20 * GB, "b.bin", sparse_ok=True)


def test_reaching_what_is_kept_free_is_a_full_disk(tmp_path: Path, disk: SimpleNamespace) -> None:
    room = Room(tmp_path, GB)
    room.require_any()
    disk.free = GB
    with pytest.raises(DiskFull, match="is full"):
        room.require_any()


def test_a_quota_says_what_is_left() -> None:
    require_quota(5 * GB, 5 * GB, 10 * GB, "a.bin")
    require_quota(5 * GB, 50 * GB, None, "a.bin")
    with pytest.raises(QuotaExceeded, match=r"a.bin needs 6.0 GB, the agent's quota has 5.0 GB left"):
        require_quota(5 * GB, 6 * GB, 10 * GB, "a.bin")
