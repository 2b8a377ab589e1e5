"""The sample store in SQLite: one compressed chunk for each stream and second, and its extremes beside it.

A chunk's row id is the stream's number and the second, so a stretch of time is one range of ids. A second that is not
over yet is written again, longer, with the next batch. The extremes lie in a table of their own, so that a picture of
an hour reads some hundred kilobytes and no chunk.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import zstandard

from transfer_core.clock import Clock
from transfer_core.errors import StateError, StoreGone
from transfer_core.events.telemetry import ThinnedSeries
from transfer_core.storage.database import Quarantined, open_database, transaction
from transfer_core.telemetry.sampler import Samples
from transfer_core.telemetry.samples import thin
from transfer_core.telemetry.samples.base import StoredStream
from transfer_core.units import NS_PER_S, utc_iso

_SECOND_BITS = 34
_LEVEL = 1
_SCHEMA = """
CREATE TABLE stream (
    stream_id INTEGER PRIMARY KEY,
    race_id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    channels TEXT NOT NULL,
    UNIQUE (race_id, source_id, kind, channels)
) STRICT;
CREATE TABLE run (
    stream_id INTEGER NOT NULL,
    run INTEGER NOT NULL,
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    PRIMARY KEY (stream_id, run)
) STRICT, WITHOUT ROWID;
CREATE TABLE chunk (chunk_id INTEGER PRIMARY KEY, rows INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
CREATE TABLE extremes (chunk_id INTEGER PRIMARY KEY, low BLOB NOT NULL, high BLOB NOT NULL) STRICT;
CREATE TABLE progress (race_id TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT;
"""


class SqliteSamples:
    """See `base.SampleStore`."""

    name = "sqlite"

    def __init__(self, path: Path, clock: Clock) -> None:
        """StateError, DiskFull. A damaged file is set aside as `quarantined` says; it can be made again from logs."""
        self.quarantined: Quarantined | None
        self._connection, self.quarantined = open_database(
            path, [_SCHEMA], now_text=utc_iso(clock.wall_ns()), check=False
        )
        self._reading = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._reading.row_factory = sqlite3.Row
        self._lock, self._read_lock = threading.Lock(), threading.Lock()
        self._streams: dict[tuple[str, str, str, tuple[str, ...]], int] = {}
        self._open: dict[int, tuple[int, Samples]] = {}  # the newest second of each stream, as stored
        self._closed = False

    def append(self, race_id: str, batch: Sequence[Samples], position: int) -> None:
        """See `SampleStore`."""
        with self._lock, self._guarded():
            before = dict(self._open)
            try:
                with transaction(self._connection):
                    for samples in batch:
                        self._append_one(race_id, samples)
                    self._connection.execute(
                        "INSERT INTO progress VALUES (?, ?) ON CONFLICT DO UPDATE SET position = excluded.position",
                        (race_id, position),
                    )
            except BaseException:
                self._open = before
                self._streams.clear()
                raise

    def _append_one(self, race_id: str, samples: Samples) -> None:
        stream = self._stream_id(race_id, samples)
        for second, rows in thin.by_second(samples):
            earlier = self._stored_second(stream, second, samples)
            whole = rows if earlier is None else thin.joined(earlier, rows)
            self._open[stream] = (second, whole)
            chunk_id = stream << _SECOND_BITS | second
            low, high = thin.extremes(whole.values)
            self._connection.execute(
                "INSERT OR REPLACE INTO chunk VALUES (?, ?, ?)", (chunk_id, len(whole), _packed(whole))
            )
            self._connection.execute(
                "INSERT OR REPLACE INTO extremes VALUES (?, ?, ?)",
                (chunk_id, low.astype("<f4").tobytes(), high.astype("<f4").tobytes()),
            )
        self._connection.executemany(
            "INSERT INTO run VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " last_ns = excluded.last_ns, samples = samples + excluded.samples",
            [(stream, run, first, last, count) for run, first, last, count in thin.runs_of(samples)],
        )

    def _stored_second(self, stream: int, second: int, like: Samples) -> Samples | None:
        kept = self._open.get(stream)
        if kept is not None:
            return kept[1] if kept[0] == second else None
        row = self._connection.execute(
            "SELECT rows, data FROM chunk WHERE chunk_id = ?", (stream << _SECOND_BITS | second,)
        ).fetchone()
        return None if row is None else _unpacked(like.source_id, like.kind, like.channels, row["rows"], row["data"])

    def _stream_id(self, race_id: str, samples: Samples) -> int:
        key = (race_id, samples.source_id, samples.kind, samples.channels)
        known = self._streams.get(key)
        if known is None:
            values = (race_id, samples.source_id, samples.kind, json.dumps(samples.channels))
            self._connection.execute(
                "INSERT OR IGNORE INTO stream (race_id, source_id, kind, channels) VALUES (?, ?, ?, ?)", values
            )
            (known,) = self._connection.execute(
                "SELECT stream_id FROM stream WHERE race_id = ? AND source_id = ? AND kind = ? AND channels = ?", values
            ).fetchone()
            self._streams[key] = int(known)
        return int(known)

    def position(self, race_id: str) -> int:
        """See `SampleStore`."""
        with self._reader() as reading:
            row = reading.execute("SELECT position FROM progress WHERE race_id = ?", (race_id,)).fetchone()
        return 0 if row is None else int(row["position"])

    def streams(self, race_id: str) -> list[StoredStream]:
        """See `SampleStore`."""
        with self._reader() as reading:
            streams = reading.execute(
                "SELECT * FROM stream WHERE race_id = ? ORDER BY source_id, kind, stream_id", (race_id,)
            ).fetchall()
            runs = {
                row["stream_id"]: reading.execute(
                    "SELECT run, first_ns, last_ns, samples FROM run WHERE stream_id = ? ORDER BY run",
                    (row["stream_id"],),
                ).fetchall()
                for row in streams
            }
        return [
            StoredStream(
                row["source_id"],
                row["kind"],
                tuple(json.loads(row["channels"])),
                sum(run["samples"] for run in runs[row["stream_id"]]),
                tuple((run["run"], run["first_ns"], run["last_ns"]) for run in runs[row["stream_id"]]),
            )
            for row in streams
        ]

    def rows(self, race_id: str, source_id: str, channel: str, start_ns: int, end_ns: int) -> list[Samples]:
        """See `SampleStore`."""
        found: list[Samples] = []
        with self._reader() as reading:
            for stream in _streams_with(reading, race_id, source_id, channel):
                channels = tuple(json.loads(stream["channels"]))
                ids = _ids(stream["stream_id"], start_ns // NS_PER_S, max(start_ns, end_ns - 1) // NS_PER_S)
                chunks = reading.execute(
                    "SELECT rows, data FROM chunk WHERE chunk_id BETWEEN ? AND ? ORDER BY chunk_id", ids
                )
                for chunk in chunks:
                    whole = _unpacked(source_id, stream["kind"], channels, chunk["rows"], chunk["data"])
                    within = _within(whole, start_ns, end_ns)
                    if len(within):
                        found.append(within)
        return found

    def series(
        self, race_id: str, source_id: str, channel: str, start_ns: int, end_ns: int, points: int
    ) -> ThinnedSeries:
        """See `SampleStore`."""
        step_ns = thin.step_for(start_ns, end_ns, points)
        first, last = thin.first_and_last_step(start_ns, end_ns, step_ns)
        if step_ns < NS_PER_S:
            rows = self.rows(race_id, source_id, channel, first * step_ns, (last + 1) * step_ns)
            return thin.series_of(source_id, channel, step_ns, [thin.part_of(each, channel, step_ns) for each in rows])
        seconds = step_ns // NS_PER_S
        parts = []
        with self._reader() as reading:
            for stream in _streams_with(reading, race_id, source_id, channel):
                at = 4 * json.loads(stream["channels"]).index(channel) + 1
                ids = _ids(stream["stream_id"], first * seconds, (last + 1) * seconds - 1)
                cursor = reading.cursor()
                cursor.row_factory = None  # plain tuples are half the work
                found = cursor.execute(
                    f"SELECT chunk_id, substr(low, {at}, 4), substr(high, {at}, 4) FROM extremes"
                    " WHERE chunk_id BETWEEN ? AND ? ORDER BY chunk_id",
                    ids,
                ).fetchall()
                numbers = np.array([row[0] for row in found], dtype=np.int64) & ((1 << _SECOND_BITS) - 1)
                low = np.frombuffer(b"".join(row[1] for row in found), dtype="<f4")
                high = np.frombuffer(b"".join(row[2] for row in found), dtype="<f4")
                parts.append((numbers // seconds, low, high))
        return thin.series_of(source_id, channel, step_ns, parts)

    def delete(self, race_id: str) -> None:
        """See `SampleStore`."""
        with self._lock, self._guarded(), transaction(self._connection) as connection:
            for (stream,) in connection.execute(
                "SELECT stream_id FROM stream WHERE race_id = ?", (race_id,)
            ).fetchall():
                ids = _ids(stream, 0, (1 << _SECOND_BITS) - 1)
                connection.execute("DELETE FROM chunk WHERE chunk_id BETWEEN ? AND ?", ids)
                connection.execute("DELETE FROM extremes WHERE chunk_id BETWEEN ? AND ?", ids)
                connection.execute("DELETE FROM run WHERE stream_id = ?", (stream,))
            connection.execute("DELETE FROM stream WHERE race_id = ?", (race_id,))
            connection.execute("DELETE FROM progress WHERE race_id = ?", (race_id,))
            self._streams.clear()
            self._open.clear()

    def close(self) -> None:
        """See `SampleStore`."""
        with self._lock, self._read_lock:
            if not self._closed:
                self._closed = True
                self._reading.close()
                self._connection.close()

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """Reading has a connection of its own, so that a long question does not hold up what arrives."""
        with self._read_lock, self._guarded():
            yield self._reading

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        if self._closed:
            raise StoreGone("the sample store is closed")
        try:
            yield
        except StateError as error:
            raise StoreGone(error.message, hint=error.hint) from error
        except sqlite3.Error as error:
            raise StoreGone(f"the sample store can't be used: {error}") from error


def _packed(samples: Samples) -> bytes:
    """Times, runs, then column after column, which packs better than row after row."""
    parts = (
        samples.time_ns.astype("<i8").tobytes(),
        samples.run.astype("<i4").tobytes(),
        samples.values.astype("<f4").T.tobytes(),
    )
    return zstandard.ZstdCompressor(level=_LEVEL).compress(b"".join(parts))


def _unpacked(source_id: str, kind: str, channels: tuple[str, ...], rows: int, data: bytes) -> Samples:
    plain = zstandard.ZstdDecompressor().decompress(data)
    times = np.frombuffer(plain, dtype="<i8", count=rows)
    run = np.frombuffer(plain, dtype="<i4", count=rows, offset=8 * rows)
    values = np.frombuffer(plain, dtype="<f4", offset=12 * rows).reshape(len(channels), rows).T
    return Samples(source_id, kind, channels, times, run, values)


def _within(samples: Samples, start_ns: int, end_ns: int) -> Samples:
    first, last = np.searchsorted(samples.time_ns, [start_ns, end_ns], side="left").tolist()
    if first == 0 and last == len(samples):
        return samples
    return Samples(
        samples.source_id,
        samples.kind,
        samples.channels,
        samples.time_ns[first:last],
        samples.run[first:last],
        samples.values[first:last],
    )


def _ids(stream: int, first_second: int, last_second: int) -> tuple[int, int]:
    most = (1 << _SECOND_BITS) - 1
    return stream << _SECOND_BITS | max(0, first_second), stream << _SECOND_BITS | min(most, max(0, last_second))


def _streams_with(reading: sqlite3.Connection, race_id: str, source_id: str, channel: str) -> list[sqlite3.Row]:
    streams = reading.execute(
        "SELECT stream_id, kind, channels FROM stream WHERE race_id = ? AND source_id = ? ORDER BY stream_id",
        (race_id, source_id),
    ).fetchall()
    return [stream for stream in streams if channel in json.loads(stream["channels"])]
