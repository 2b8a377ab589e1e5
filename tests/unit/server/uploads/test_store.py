"""The disk side of uploads over HTTP: what is discarded, and when."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from transfer_core.config import RelayConfig, RelayHttpConfig
from transfer_core.server.uploads.model import ANYBODY, NewUpload
from transfer_core.server.uploads.records import Kind, UploadDatabase, UploadRecord
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
    config = RelayConfig(keep_free_bytes=0, http=RelayHttpConfig(idle_expiry_s=WEEK_NS / NS_PER_S))
    (tmp_path / "in").mkdir()
    database = UploadDatabase(tmp_path, clock)
    yield UploadStore(tmp_path / "in", database, config, clock, Room(tmp_path / "in", 0))
    database.close()


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
