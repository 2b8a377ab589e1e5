from __future__ import annotations

import errno
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_core.errors import DiskFull, IntegrityError, SourceMissing, WriteFailed
from transfer_core.telemetry.arrivals import Arrivals
from transfer_core.telemetry.log import DATAGRAMS_MAX, MAGIC, LogReader, LogWriter

A, B = ("10.0.0.1", 5001), ("10.0.0.2", 5001)


def some(count: int, first_ns: int = 0, sender=A) -> Arrivals:
    times = [first_ns + 10 * at for at in range(count)]
    return Arrivals([sender] * count, times, [b"%d" % time for time in times])


def all_of(path) -> list[tuple]:
    with LogReader(path) as reader:
        batches = [record.arrivals for record in reader.records() if record.arrivals is not None]
    return [each for batch in batches for each in zip(batch.senders, batch.time_ns, batch.datagrams, strict=True)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "race.drslog"


def test_datagrams_come_back_in_order_with_sender_and_time(path) -> None:
    writer = LogWriter.create(path, {"name": "heat 1"})
    mixed = Arrivals([A, B, A], [5, 6, 7], [b"", b"x" * 65_507, b"abc"])
    writer.append(mixed)
    writer.document({"marker": "start"})
    writer.append(some(2, 100, B))
    writer.sync()
    writer.close()
    assert all_of(path) == [(A, 5, b""), (B, 6, b"x" * 65_507), (A, 7, b"abc"), (B, 100, b"100"), (B, 110, b"110")]
    with LogReader(path) as reader:
        assert reader.header() == {"name": "heat 1"}
        assert {"marker": "start"} in [record.document for record in reader.records()]
        assert reader.senders == [A, B]


def test_the_index_says_where_datagrams_are(path) -> None:
    writer = LogWriter.create(path, {})
    writer.append(some(DATAGRAMS_MAX + 5))
    writer.append(some(3, 10**9, B))
    writer.close()
    with LogReader(path) as reader:
        index = reader.index()
        assert index.counts.tolist() == [DATAGRAMS_MAX, 5, 3]
        assert (index.first_ns[2], index.last_ns[2]) == (10**9, 10**9 + 20)
        record = reader.read(int(index.starts[2]))
        assert record is not None
        assert record.arrivals is not None
        assert record.arrivals.senders == [B] * 3


@given(cut=st.integers(0, 400), noise=st.binary(max_size=30))
@settings(max_examples=60)
def test_whatever_is_torn_off_the_whole_records_before_it_are_kept_and_it_goes_on(tmp_path_factory, cut, noise) -> None:
    path = tmp_path_factory.mktemp("log") / "race.drslog"
    writer = LogWriter.create(path, {"name": "x"})
    for batch in range(4):
        writer.append(some(3, batch * 1000))
    writer.close()
    whole = path.read_bytes()
    kept = max(len(whole) - cut, len(MAGIC))
    path.write_bytes(whole[:kept] + noise)
    before = all_of(path)
    writer = LogWriter.reopen(path)
    writer.append(some(2, 9000, B))
    writer.close()
    after = all_of(path)
    assert after[:-2] == before
    assert [time for _, time, _ in after[-2:]] == [9000, 9010]
    assert len(before) % 3 == 0


def test_a_reader_follows_a_log_that_is_being_written(path) -> None:
    writer = LogWriter.create(path, {})
    with LogReader(path) as reader:
        (header,) = reader.records()
        assert reader.read(header.end) is None
        writer.append(some(2))
        followed = list(reader.records(header.end))
        assert followed[-1].arrivals is not None
        assert followed[-1].end == writer.size_bytes
    writer.close()


def test_a_full_disk_is_said_and_nothing_torn_is_left(path, monkeypatch) -> None:
    writer = LogWriter.create(path, {})
    writer.append(some(2))
    real = os.write

    def half(fd: int, data: memoryview) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "full")
        return real(fd, data[: len(data) - 10])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(DiskFull):
        writer.append(some(2, 100))
    monkeypatch.setattr(os, "write", real)
    writer.append(some(2, 100))
    writer.close()
    assert [time for _, time, _ in all_of(path)] == [0, 10, 100, 110]


def test_what_is_no_log_is_refused(tmp_path, path) -> None:
    with pytest.raises(SourceMissing):
        LogReader(path)
    path.write_bytes(b"something else")
    with pytest.raises(IntegrityError):
        LogReader(path)
    with pytest.raises(WriteFailed):
        LogWriter.create(path, {})
    path.write_bytes(MAGIC)
    with LogReader(path) as reader, pytest.raises(IntegrityError):
        reader.header()
