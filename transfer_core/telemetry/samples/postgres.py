"""The sample store in PostgreSQL: one row for each sample, written with binary COPY, and the extremes of each second.

Samples go into a TimescaleDB hypertable where the extension is there, else into native partitions of a day with a BRIN
index on the time. The rows of a batch have one size for each stream, so a COPY is laid out as a numpy table and handed
over as it is. Plain SQL reads what is stored: `drs_sample.values[i]` is the i-th of `drs_stream.channels`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from transfer_core.errors import ConfigError, StoreGone
from transfer_core.events.telemetry import ThinnedSeries
from transfer_core.telemetry.sampler import Samples
from transfer_core.telemetry.samples import thin
from transfer_core.telemetry.samples.base import StoredStream
from transfer_core.telemetry.samples.postgres_schema import DAY_NS, create_partition, prepare
from transfer_core.units import NS_PER_S

if TYPE_CHECKING:
    import psycopg

CONNECT_S = 5
_FLOAT4_OID = 700
_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TAIL = b"\xff\xff"
_INSTALL = 'Install it with: pip install "drs-sync[postgres]"'


class PostgresSamples:
    """See `base.SampleStore`. A lost connection is opened again with the next question."""

    name = "postgresql"

    def __init__(self, url: str) -> None:
        """ConfigError without psycopg, or for a URL that is none. Connects with the first question."""
        try:
            import psycopg  # noqa: PLC0415 - an extra
            from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415
        except ImportError as error:
            raise ConfigError("PostgreSQL needs the package psycopg", hint=_INSTALL) from error
        try:
            conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise ConfigError(
                "the address of the PostgreSQL database can't be read", hint="Write postgresql://USER@HOST/NAME."
            ) from error
        self._url = url
        self._lock = threading.RLock()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._streams: dict[tuple[str, str, str, tuple[str, ...]], int] = {}
        self._partitions: set[int] = set()
        self.hypertable = False
        self._closed = False

    def append(self, race_id: str, batch: Sequence[Samples], position: int) -> None:
        """See `SampleStore`."""
        with self._connected() as connection, connection.transaction():
            streams = [self._stream_id(connection, race_id, samples) for samples in batch]
            if not self.hypertable:
                self._need_partitions(connection, batch)
            if batch:
                with (
                    connection.cursor() as cursor,
                    cursor.copy("COPY drs_sample (time_ns, stream_id, run, values) FROM STDIN (FORMAT BINARY)") as copy,
                ):
                    copy.write(_COPY_HEAD)
                    for stream, samples in zip(streams, batch, strict=True):
                        copy.write(_copy_rows(stream, samples))
                    copy.write(_COPY_TAIL)
                self._note_extremes(connection, streams, batch)
                self._note_runs(connection, streams, batch)
            connection.execute(
                "INSERT INTO drs_progress VALUES (%s, %s)"
                " ON CONFLICT (race_id) DO UPDATE SET position = excluded.position",
                (race_id, position),
            )

    def _need_partitions(self, connection: psycopg.Connection[Any], batch: Sequence[Samples]) -> None:
        days = {int(day) for samples in batch for day in np.unique(samples.time_ns // DAY_NS)}
        for day in sorted(days - self._partitions):
            create_partition(connection, day)
            self._partitions.add(day)

    def _note_extremes(
        self, connection: psycopg.Connection[Any], streams: Sequence[int], batch: Sequence[Samples]
    ) -> None:
        rows: dict[tuple[int, int], Samples] = {}
        for stream, samples in zip(streams, batch, strict=True):
            for second, part in thin.by_second(samples):
                earlier = rows.get((stream, second))
                rows[stream, second] = part if earlier is None else thin.joined(earlier, part)
        written = []
        for (stream, second), part in sorted(rows.items()):
            low, high = thin.extremes(part.values)
            written.append((stream, second, low.tolist(), high.tolist()))
        # NaN is the greatest float of PostgreSQL, so a column without values has to step aside by hand
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO drs_extremes AS old VALUES (%s, %s, %s, %s) ON CONFLICT (stream_id, second) DO UPDATE SET"
                " low = (SELECT array_agg(least(a, b) ORDER BY n)"
                "   FROM unnest(old.low, excluded.low) WITH ORDINALITY AS pair(a, b, n)),"
                " high = (SELECT array_agg(coalesce(greatest(nullif(a, 'NaN'), nullif(b, 'NaN')), 'NaN') ORDER BY n)"
                "   FROM unnest(old.high, excluded.high) WITH ORDINALITY AS pair(a, b, n))",
                written,
            )

    def _note_runs(self, connection: psycopg.Connection[Any], streams: Sequence[int], batch: Sequence[Samples]) -> None:
        noted = [
            (stream, *run) for stream, samples in zip(streams, batch, strict=True) for run in thin.runs_of(samples)
        ]
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO drs_run AS old VALUES (%s, %s, %s, %s, %s) ON CONFLICT (stream_id, run) DO UPDATE SET"
                " last_ns = excluded.last_ns, samples = old.samples + excluded.samples",
                noted,
            )

    def _stream_id(self, connection: psycopg.Connection[Any], race_id: str, samples: Samples) -> int:
        key = (race_id, samples.source_id, samples.kind, samples.channels)
        known = self._streams.get(key)
        if known is None:
            values = (race_id, samples.source_id, samples.kind, list(samples.channels))
            connection.execute(
                "INSERT INTO drs_stream (race_id, source_id, kind, channels) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                values,
            )
            row = connection.execute(
                "SELECT stream_id FROM drs_stream"
                " WHERE race_id = %s AND source_id = %s AND kind = %s AND channels = %s",
                values,
            ).fetchone()
            assert row is not None
            known = self._streams[key] = int(row[0])
        return known

    def position(self, race_id: str) -> int:
        """See `SampleStore`."""
        with self._connected() as connection:
            row = connection.execute("SELECT position FROM drs_progress WHERE race_id = %s", (race_id,)).fetchone()
        return 0 if row is None else int(row[0])

    def streams(self, race_id: str) -> list[StoredStream]:
        """See `SampleStore`."""
        found: list[StoredStream] = []
        with self._connected() as connection:
            streams = connection.execute(
                "SELECT stream_id, source_id, kind, channels FROM drs_stream WHERE race_id = %s"
                ' ORDER BY source_id COLLATE "C", kind COLLATE "C", stream_id',
                (race_id,),
            ).fetchall()
            for stream, source_id, kind, channels in streams:
                runs = connection.execute(
                    "SELECT run, first_ns, last_ns, samples FROM drs_run WHERE stream_id = %s ORDER BY run", (stream,)
                ).fetchall()
                spans = tuple((run[0], run[1], run[2]) for run in runs)
                found.append(StoredStream(source_id, kind, tuple(channels), sum(run[3] for run in runs), spans))
        return found

    def rows(self, race_id: str, source_id: str, channel: str, start_ns: int, end_ns: int) -> list[Samples]:
        """See `SampleStore`."""
        found: list[Samples] = []
        with self._connected() as connection:
            for stream, kind, channels in _streams_with(connection, race_id, source_id, channel):
                rows = connection.execute(
                    "SELECT time_ns, run, values FROM drs_sample"
                    " WHERE stream_id = %s AND time_ns >= %s AND time_ns < %s ORDER BY time_ns, run",
                    (stream, start_ns, end_ns),
                    binary=True,
                ).fetchall()
                if rows:
                    times, run, values = zip(*rows, strict=True)
                    found.append(
                        Samples(
                            source_id,
                            kind,
                            tuple(channels),
                            np.array(times, dtype=np.int64),
                            np.array(run, dtype=np.int32),
                            np.array(values, dtype=np.float32),
                        )
                    )
        return found

    def series(
        self, race_id: str, source_id: str, channel: str, start_ns: int, end_ns: int, points: int
    ) -> ThinnedSeries:
        """See `SampleStore`."""
        step_ns = thin.step_for(start_ns, end_ns, points)
        first, last = thin.first_and_last_step(start_ns, end_ns, step_ns)
        parts = []
        with self._connected() as connection:
            for stream, _, channels in _streams_with(connection, race_id, source_id, channel):
                at = channels.index(channel) + 1
                if step_ns < NS_PER_S:
                    ask = (
                        f"SELECT time_ns / %s, nullif(values[{at}], 'NaN') AS low, nullif(values[{at}], 'NaN') AS high"
                        " FROM drs_sample WHERE stream_id = %s AND time_ns >= %s AND time_ns < %s"
                    )
                    bounds = (step_ns, stream, first * step_ns, (last + 1) * step_ns)
                else:
                    seconds = step_ns // NS_PER_S
                    ask = (
                        f"SELECT second / %s, nullif(low[{at}], 'NaN') AS low, nullif(high[{at}], 'NaN') AS high"
                        " FROM drs_extremes WHERE stream_id = %s AND second >= %s AND second < %s"
                    )
                    bounds = (seconds, stream, first * seconds, (last + 1) * seconds)
                rows = connection.execute(
                    f"SELECT step, min(low), max(high) FROM ({ask}) AS part(step, low, high) GROUP BY step",
                    bounds,
                    binary=True,
                ).fetchall()
                numbers = np.array([row[0] for row in rows], dtype=np.int64)
                low = np.array([row[1] for row in rows], dtype=np.float32)  # None becomes NaN
                parts.append((numbers, low, np.array([row[2] for row in rows], dtype=np.float32)))
        return thin.series_of(source_id, channel, step_ns, parts)

    def delete(self, race_id: str) -> None:
        """See `SampleStore`."""
        with self._connected() as connection, connection.transaction():
            of_race = "stream_id IN (SELECT stream_id FROM drs_stream WHERE race_id = %s)"
            spans = f"SELECT min(first_ns), max(last_ns) FROM drs_run WHERE {of_race}"
            span = connection.execute(spans, (race_id,)).fetchone()
            if span is not None and span[0] is not None:
                connection.execute(
                    f"DELETE FROM drs_sample WHERE {of_race} AND time_ns BETWEEN %s AND %s", (race_id, *span)
                )
            for table in ("drs_extremes", "drs_run"):
                connection.execute(f"DELETE FROM {table} WHERE {of_race}", (race_id,))
            connection.execute("DELETE FROM drs_stream WHERE race_id = %s", (race_id,))
            connection.execute("DELETE FROM drs_progress WHERE race_id = %s", (race_id,))
            self._streams.clear()

    def close(self) -> None:
        """See `SampleStore`."""
        with self._lock:
            self._closed = True
            self._drop()

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        import psycopg  # noqa: PLC0415

        with self._lock:
            if self._closed:
                raise StoreGone("the sample store is closed")
            try:
                if self._connection is None:
                    connection = psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_S)
                    try:
                        self.hypertable = prepare(connection)
                    except BaseException:
                        connection.close()
                        raise
                    self._connection = connection
                yield self._connection
            except psycopg.Error as error:
                self._drop()
                first_line = str(error).strip().partition("\n")[0]
                raise StoreGone(f"the PostgreSQL database can't be used: {first_line}") from error

    def _drop(self) -> None:
        # what was learned from a transaction that may not have been committed is forgotten with the connection
        self._streams.clear()
        self._partitions.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _streams_with(
    connection: psycopg.Connection[tuple[Any, ...]], race_id: str, source_id: str, channel: str
) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT stream_id, kind, channels FROM drs_stream"
        " WHERE race_id = %s AND source_id = %s AND %s = ANY (channels) ORDER BY stream_id",
        (race_id, source_id, channel),
    ).fetchall()


def _copy_rows(stream: int, samples: Samples) -> bytes:
    """Rows in the binary format of COPY (PostgreSQL manual, COPY, "Binary Format"), all of one size."""
    count = len(samples.channels)
    pair = np.dtype([("size", ">i4"), ("value", ">f4")])
    row = np.dtype(
        [
            ("fields", ">i2"),
            *(("time_size", ">i4"), ("time", ">i8"), ("stream_size", ">i4"), ("stream", ">i4")),
            *(("run_size", ">i4"), ("run", ">i4"), ("array_size", ">i4"), ("dimensions", ">i4")),
            *(("has_null", ">i4"), ("type", ">i4"), ("length", ">i4"), ("lower", ">i4")),
            ("values", pair, (count,)),
        ]
    )
    rows = np.zeros(len(samples), dtype=row)
    rows["fields"] = 4
    rows["time_size"], rows["time"] = 8, samples.time_ns
    rows["stream_size"], rows["stream"] = 4, stream
    rows["run_size"], rows["run"] = 4, samples.run
    rows["array_size"], rows["dimensions"] = 20 + pair.itemsize * count, 1
    rows["type"], rows["length"], rows["lower"] = _FLOAT4_OID, count, 1
    rows["values"]["size"], rows["values"]["value"] = 4, samples.values
    return rows.tobytes()
