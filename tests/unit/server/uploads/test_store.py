"""The disk side of uploads over HTTP: what is discarded, and when."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from transfer_core.config import RelayConfig, RelayHttpConfig
from transfer_core.errors import DiskFull
from transfer_core.server.uploads.model import ANYBODY, NewUpload
from transfer_core.server.uploads.records import DATABASE_NAME, MIGRATIONS, Kind, UploadDatabase, UploadRecord
from transfer_core.server.uploads.store import UploadStore
from transfer_core.sim.manual_clock import ManualClock
from transfer_core.storage.free_space import Room
from transfer_core.units import NS_PER_S

WEEK_NS = 7 * 86_400 * NS_PER_S
MINUTE_NS = 60 * NS_PER_S


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[UploadStore]:
    (tmp_path / "in").mkdir()
    with running(tmp_path, clock) as store:
        yield store


@contextmanager
def running(state_dir: Path, clock: ManualClock) -> Iterator[UploadStore]:
    """The store of a relay that runs until the block is left."""
    config = RelayConfig(keep_free_bytes=0, http=RelayHttpConfig(idle_expiry_s=WEEK_NS / NS_PER_S))
    (state_dir / "in").mkdir(exist_ok=True)
    database = UploadDatabase(state_dir, clock)
    store = UploadStore(state_dir / "in", database, config, clock, Room(state_dir / "in", 0))
    try:
        yield store
    finally:
        store.close()
        database.close()


def off_for(clock: ManualClock, wall_ns: int) -> ManualClock:
    """The clock of the next run, when by the wall that much has gone by: what counts forward begins anew at a boot."""
    return ManualClock(monotonic_ns=5 * NS_PER_S, wall_ns=clock.wall_ns() + wall_ns)


def begin(store: UploadStore) -> UploadRecord:
    return store.create(ANYBODY, NewUpload("lap.bin", 4, Kind.TUS))


def test_an_upload_that_nobody_goes_on_with_is_discarded_after_a_week(store: UploadStore, clock: ManualClock) -> None:
    record = begin(store)
    clock.advance(WEEK_NS - MINUTE_NS)
    assert store.expire() == []
    clock.advance(2 * MINUTE_NS)
    assert store.expire() == [record.upload_id]
    assert store.open_count == 0


def test_a_clock_that_is_set_forward_ends_no_upload_under_way(store: UploadStore, clock: ManualClock) -> None:
    record = begin(store)
    clock.advance(MINUTE_NS)
    clock.jump_wall(2 * WEEK_NS)
    for _ in range(8):  # a sweep each day, the first at once
        assert store.expire() == []
        clock.advance(WEEK_NS // 8)
    clock.advance(MINUTE_NS)
    assert store.expire() == [record.upload_id]


def test_what_comes_after_the_clock_was_set_forward_keeps_an_upload(store: UploadStore, clock: ManualClock) -> None:
    record = begin(store)
    clock.jump_wall(2 * WEEK_NS)
    assert store.expire() == []
    clock.advance(WEEK_NS - MINUTE_NS)
    upload = store.acquire(ANYBODY, record.upload_id)
    with upload.lock:
        store.save(upload, upload.record)
    store.release(upload)
    clock.advance(2 * MINUTE_NS)
    assert store.expire() == []


@pytest.mark.parametrize("gap_ns", [0, 2 * WEEK_NS, 100 * WEEK_NS, -100 * WEEK_NS], ids=str)
def test_whatever_the_clock_says_after_the_relay_was_off_only_the_time_that_it_runs_counts(
    tmp_path: Path, clock: ManualClock, gap_ns: int
) -> None:
    with running(tmp_path, clock) as store:
        record = begin(store)
        assert store.expire() == []
        clock.advance(MINUTE_NS)
    later = off_for(clock, gap_ns)
    with running(tmp_path, later) as store:
        assert store.expire() == []
        later.advance(WEEK_NS - 2 * MINUTE_NS)
        assert store.expire() == []
        later.advance(3 * MINUTE_NS)
        assert store.expire() == [record.upload_id]


def test_a_clock_set_forward_while_the_relay_runs_is_known_of_in_the_next_run(
    tmp_path: Path, clock: ManualClock
) -> None:
    with running(tmp_path, clock) as store:
        begin(store)
        assert store.expire() == []
        clock.jump_wall(2 * WEEK_NS)
        assert store.expire() == []
    later = off_for(clock, MINUTE_NS)
    with running(tmp_path, later) as store:
        assert store.expire() == []


def test_a_clock_set_back_while_the_relay_runs_keeps_an_upload_for_one_week_more(
    store: UploadStore, clock: ManualClock
) -> None:
    record = begin(store)
    assert store.expire() == []
    clock.jump_wall(-100 * WEEK_NS)
    assert store.expire() == []
    clock.advance(WEEK_NS + MINUTE_NS)
    assert store.expire() == [record.upload_id]


def test_a_pause_that_no_disk_would_keep_is_not_forgotten(
    store: UploadStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(store)
    assert store.expire() == []
    clock.jump_wall(2 * WEEK_NS)

    def full(now_ns: int, pause_ns: int) -> None:
        raise DiskFull("no room")

    with monkeypatch.context() as patch:
        patch.setattr(store.database, "keep_seen", full)
        with pytest.raises(DiskFull):
            store.expire()
    assert store.expire() == []


def test_an_idle_relay_writes_down_that_it_runs_every_five_minutes_and_not_more_often(
    store: UploadStore, clock: ManualClock
) -> None:
    seen = set()
    for _ in range(60):
        clock.advance(MINUTE_NS)
        store.expire()
        seen.add(store.database.seen_ns())
    assert len(seen) == 12


def test_an_empty_database_of_an_older_version_goes_on(tmp_path: Path, clock: ManualClock) -> None:
    db = sqlite3.connect(tmp_path / DATABASE_NAME)
    db.executescript(MIGRATIONS[0])
    db.execute("PRAGMA user_version = 1")
    db.close()
    database = UploadDatabase(tmp_path, clock)
    assert database.quarantined is None
    assert database.seen_ns() is None
    database.close()


def test_an_older_database_s_uploads_get_their_whole_time(tmp_path: Path, clock: ManualClock) -> None:
    with running(tmp_path, clock) as store:
        begin(store)
    db = sqlite3.connect(tmp_path / DATABASE_NAME)
    db.executescript("DROP TABLE seen; PRAGMA user_version = 1")
    db.close()
    later = off_for(clock, 2 * WEEK_NS)
    with running(tmp_path, later) as store:
        assert store.expire() == []
        assert store.open_count == 1
