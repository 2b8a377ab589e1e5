"""Exports, opened with the reference readers of their formats and compared value by value."""

from __future__ import annotations

import csv
import errno
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.telemetry.decoders.test_f1 import motion
from transfer_core.errors import ConflictError, DiskFull, UsageError, WriteFailed
from transfer_core.telemetry import mcap_file
from transfer_core.telemetry.arrivals import Arrivals, source_name
from transfer_core.telemetry.decoders.f1 import F1Decoder
from transfer_core.telemetry.decoders.liftoff import LiftoffDecoder
from transfer_core.telemetry.decoders.stream_format import stream_format
from transfer_core.telemetry.export import export_log
from transfer_core.telemetry.flight import FULL, Flight, Stream
from transfer_core.telemetry.log import LogReader, LogWriter
from transfer_core.telemetry.sampler import Sampler

A, B = ("10.0.0.1", 5001), ("10.0.0.2", 5002)
MS = 1_000_000
T0 = 1_800_000_000_000_000_000
KEYS = ("Timestamp", "PositionX", "Gyro", "MotorRPM", "BatteryVoltage")
NAMES = {source_name(A): 'Ada, of "Lovelace"'}
decoder = LiftoffDecoder(FULL)


def write_log(path: Path, batches: list[Arrivals]) -> Path:
    writer = LogWriter.create(path, {"name": "heat"})
    for batch in batches:
        writer.append(batch)
    writer.close()
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two pilots, one of them with six motors, and a datagram that is none."""
    first, second = Stream(Flight(1)).next(200), Stream(Flight(1, 1)).next(200)
    six = [data[:80] + b"\6" + data[81:] + data[-8:] for data in second]
    batches = []
    for at in range(0, 200, 20):
        times = [T0 + 10 * MS * row for row in range(at, at + 20) for _ in (A, B)]
        data = [each for pair in zip(first[at : at + 20], six[at : at + 20], strict=True) for each in pair]
        batches.append(Arrivals([A, B] * 20, times, data))
    batches.append(Arrivals([A], [T0 + 2500 * MS], [b"noise"]))
    return write_log(tmp_path / "race.drslog", batches)


def truth(log: Path, decoder=decoder):
    """Every row as `(time, source, run, {channel: float32})`."""
    sampler, rows = Sampler(decoder), []
    with LogReader(log) as reader:
        for record in reader.records():
            for part in sampler.take(record.arrivals) if record.arrivals is not None else ():
                for time_ns, run, values in zip(part.time_ns.tolist(), part.run.tolist(), part.values, strict=True):
                    rows.append((time_ns, part.source_id, run, dict(zip(part.channels, values, strict=True))))
    return rows


def test_csv_reads_back_to_the_same_floats(log, tmp_path) -> None:
    target = tmp_path / "race.csv"
    result = export_log(log, target, "csv", decoder, NAMES, {})
    assert (result.rows, result.refused, result.size_bytes) == (400, 1, target.stat().st_size)
    with target.open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    expected = truth(log)
    assert len(found) == len(expected)
    for row, (time_ns, source, run, values) in zip(found, expected, strict=True):
        assert (int(row["time_ns"]), row["source"], int(row["run"])) == (time_ns, source, run)
        assert row["pilot"] == NAMES.get(source, "")
        read = {name: np.float32(row[name]) for name in values}
        assert {name: value.tobytes() for name, value in read.items()} == {
            name: value.tobytes() for name, value in values.items()
        }
        assert row["MotorRPM6"] == "" if source == source_name(A) else "MotorRPM6" in values


def test_parquet_reads_back_to_the_same_floats(log, tmp_path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    target = tmp_path / "race.parquet"
    export_log(log, target, "parquet", decoder, NAMES, {})
    table = parquet.read_table(target)
    expected = truth(log)
    assert table.column("time_ns").to_pylist() == [row[0] for row in expected]
    assert table.column("source").to_pylist() == [row[1] for row in expected]
    assert table.column("run").to_pylist() == [row[2] for row in expected]
    for name in ("PositionX", "MotorRPM6", "InputThrottle"):
        assert str(table.schema.field(name).type) == "float"
        values = table.column(name).to_pylist()
        assert values == [None if name not in row[3] else float(row[3][name]) for row in expected]
    assert parquet.ParquetFile(target).num_row_groups == 1


def test_mcap_holds_datagrams_byte_for_byte_and_samples_value_by_value(log, tmp_path) -> None:
    from mcap.reader import make_reader

    target = tmp_path / "race.mcap"
    export_log(log, target, "mcap", decoder, NAMES, {"name": "heat"})
    with LogReader(log) as reader:
        sent = [
            (source_name(sender), time_ns, datagram)
            for record in reader.records()
            if record.arrivals is not None
            for sender, time_ns, datagram in zip(
                record.arrivals.senders, record.arrivals.time_ns, record.arrivals.datagrams, strict=True
            )
        ]
    raw, samples = [], []
    with target.open("rb") as file:
        for schema, channel, message in make_reader(file, validate_crcs=True).iter_messages():
            if channel.topic.startswith("/raw/"):
                raw.append((message.sequence, channel.topic[5:], message.log_time, message.data))
            else:
                assert schema is not None
                assert set(json.loads(schema.data)["properties"]) == set(json.loads(message.data))
                samples.append((message.sequence, message.log_time, channel.topic[9:], json.loads(message.data)))
    assert [each[1:] for each in sorted(raw)] == sent
    for (_, time_ns, source, found), (expected_ns, of, run, values) in zip(sorted(samples), truth(log), strict=True):
        assert (time_ns, source, found.pop("Run")) == (expected_ns, of, run)
        assert found == {name: float(value) for name, value in values.items()}
    assert mcap_file.read_facts(target)["name"] == "heat"


@given(
    keys=st.lists(st.sampled_from(KEYS), unique=True, min_size=1),
    values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=8, max_size=8),
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_float_survives_csv(tmp_path_factory, keys, values) -> None:
    layout = stream_format(keys)
    numbers = iter(values * 4)
    datagram = b"".join(
        b"\2" + np.array([next(numbers), next(numbers)], "<f4").tobytes()
        if name == "MotorRPM"
        else np.array([next(numbers)], "<f4").tobytes()
        for name in layout.components
    )
    folder = tmp_path_factory.mktemp("csv")
    path = write_log(folder / "race.drslog", [Arrivals([A], [T0], [datagram])])
    of_layout = LiftoffDecoder(layout)
    export_log(path, folder / "out.csv", "csv", of_layout, {}, {})
    with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    (expected,) = truth(path, of_layout)
    assert {name: np.float32(row[name]).tobytes() for name in expected[3]} == {
        name: value.tobytes() for name, value in expected[3].items()
    }


def test_a_game_with_many_cars_exports_each(tmp_path) -> None:
    path = write_log(tmp_path / "f1.drslog", [Arrivals([A], [T0], [motion()])])
    result = export_log(path, tmp_path / "f1.csv", "csv", F1Decoder(), {}, {})
    with (tmp_path / "f1.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert result.rows == len(rows) == len(truth(path, F1Decoder()))
    assert {row["kind"] for row in rows} == {"motion"}
    assert [(row["source"], row["PositionX"]) for row in rows] == [("10.0.0.1:5001/car19", "-418.72632")]


def test_an_export_never_overwrites_and_leaves_no_half(log, tmp_path, monkeypatch) -> None:
    target = tmp_path / "race.csv"
    target.write_text("mine")
    with pytest.raises(ConflictError):
        export_log(log, target, "csv", decoder, {}, {})
    assert target.read_text() == "mine"
    with pytest.raises(UsageError):
        export_log(log, tmp_path / "race.xls", "xls", decoder, {}, {})
    with pytest.raises(WriteFailed):
        export_log(log, tmp_path / "nowhere" / "race.csv", "csv", decoder, {}, {})

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("transfer_core.telemetry.mcap_file.sync_file", full)
    with pytest.raises(DiskFull):
        export_log(log, tmp_path / "race.mcap", "mcap", decoder, {}, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["race.csv", "race.drslog"]
