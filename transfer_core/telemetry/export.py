"""Writes a recording for other tools: CSV, Parquet or MCAP. Rows are made again from its log.

CSV and Parquet are one table: time of arrival (`time_ns`, wall clock), source, pilot, kind of packet and run, then a
column for each channel that any source sends, empty where a row has none. CSV numbers are as short as they can be
while they still read back to the same float32.
"""

from __future__ import annotations

import csv
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from transfer_core.errors import ConflictError, DiskFull, DrsError, UsageError, WriteFailed
from transfer_core.events.telemetry import EXPORT_FORMATS, ExportResult
from transfer_core.storage.durable import sync_file, sync_folder
from transfer_core.storage.rename import rename_new
from transfer_core.storage.safe_path import part_path
from transfer_core.telemetry.decoders.base import Decoder
from transfer_core.telemetry.log import LogReader, full_disk
from transfer_core.telemetry.mcap_file import write_mcap
from transfer_core.telemetry.sampler import Sampler, Samples

_FIRST = ("time_ns", "source", "pilot", "kind", "run")
_GROUP_ROWS = 65_536  # of a row group of Parquet
_PARQUET_EXTRA = 'Install it with: pip install "drs-sync[parquet]"'


def export_log(
    log: Path,
    target: Path,
    form: str,
    decoder: Decoder,
    names: Mapping[str, str],
    facts: Mapping[str, Any],
    stop: threading.Event | None = None,
) -> ExportResult:
    """Write all of a log as a new file, which is not there before it is whole.

    UsageError for another form; ConflictError if there is something of that name; DiskFull, WriteFailed.
    """
    if form not in EXPORT_FORMATS:
        raise UsageError(f"{form!r} is no format", hint="Use one of: " + ", ".join(EXPORT_FORMATS))
    part = part_path(target)
    try:
        part.unlink(missing_ok=True)
        if target.exists():
            raise FileExistsError
        rows, refused = _write(log, part, form, decoder, names, facts, stop)
        size = part.stat().st_size
        rename_new(part, target)
        sync_folder(target.parent)
    except FileExistsError as error:
        raise ConflictError(f"{target} is there already", hint="Choose another name.") from error
    except OSError as error:
        if full_disk(error):
            raise DiskFull(f"no room left for {target.name}", hint="Free some space, or write it elsewhere.") from error
        raise WriteFailed(f"{target} can't be written: {error.strerror or error}", hint="Check its folder.") from error
    finally:
        part.unlink(missing_ok=True)
    return ExportResult(str(target), form, rows, size, refused)


def _write(
    log: Path,
    part: Path,
    form: str,
    decoder: Decoder,
    names: Mapping[str, str],
    facts: Mapping[str, Any],
    stop: threading.Event | None,
) -> tuple[int, int]:
    if form == "mcap":
        done = write_mcap(log, part, decoder, facts, stop)
        return done.samples, done.refused
    write: Callable[[Path, Sequence[str], Iterator[Samples], Mapping[str, str]], int]
    write = _write_csv if form == "csv" else _write_parquet
    sampler = Sampler(decoder)
    rows = write(part, _channels(log, decoder), _samples(log, sampler), names)
    return rows, sampler.refused


def _samples(log: Path, sampler: Sampler) -> Iterator[Samples]:
    with LogReader(log) as reader:
        for record in reader.records():
            if record.arrivals is not None:
                yield from sampler.take(record.arrivals)


def _channels(log: Path, decoder: Decoder) -> list[str]:
    """All columns, in the order in which they first come."""
    found: dict[str, None] = {}
    for samples in _samples(log, Sampler(decoder)):
        found.update(dict.fromkeys(samples.channels))
    return list(found)


def _write_csv(path: Path, channels: Sequence[str], parts: Iterator[Samples], names: Mapping[str, str]) -> int:
    count = 0
    with path.open("x", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow((*_FIRST, *channels))
        for samples in parts:
            place = {name: at for at, name in enumerate(samples.channels)}
            columns = [place.get(name) for name in channels]
            head = (samples.source_id, names.get(samples.source_id, ""), samples.kind)
            rows = zip(samples.time_ns.tolist(), samples.run.tolist(), samples.values, strict=True)
            for time_ns, run, values in rows:
                # numpy writes the shortest text that reads back to the same float32
                cells = ["" if at is None else _shortest(values[at]) for at in columns]
                writer.writerow((time_ns, *head, run, *cells))
            count += len(samples)
        out.flush()
        sync_file(out.fileno())
    return count


def _shortest(value: np.float32) -> str:
    return np.format_float_positional(value, unique=True, trim="-") if abs(value) < 1e16 else str(value)


def _write_parquet(path: Path, channels: Sequence[str], parts: Iterator[Samples], names: Mapping[str, str]) -> int:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        raise DrsError("Parquet needs the package pyarrow", hint=_PARQUET_EXTRA) from error

    text = pa.dictionary(pa.int32(), pa.string())
    fields = [("time_ns", pa.int64()), ("source", text), ("pilot", text), ("kind", text), ("run", pa.int32())]
    schema = pa.schema([*fields, *((name, pa.float32()) for name in channels)])
    count = 0
    waiting: list[Any] = []
    with path.open("xb") as out:
        with pq.ParquetWriter(out, schema, compression="zstd") as writer:

            def write_group() -> None:
                if waiting:
                    writer.write_table(pa.concat_tables(waiting).unify_dictionaries())
                    waiting.clear()

            for samples in parts:
                size = len(samples)
                place = {name: at for at, name in enumerate(samples.channels)}
                same = (samples.source_id, names.get(samples.source_id, ""), samples.kind)
                repeated = [pa.array([each] * size, type=pa.string()).dictionary_encode() for each in same]
                columns = [pa.array(samples.time_ns), *repeated, pa.array(samples.run)]
                for name in channels:
                    at = place.get(name)
                    values = None if at is None else np.ascontiguousarray(samples.values[:, at])
                    columns.append(pa.nulls(size, pa.float32()) if values is None else pa.array(values))
                waiting.append(pa.table(columns, schema=schema))
                count += size
                if sum(table.num_rows for table in waiting) >= _GROUP_ROWS:
                    write_group()
            write_group()
        out.flush()
        os.fsync(out.fileno())
    return count
