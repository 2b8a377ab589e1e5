"""Fills the sample store from a race's log, while it is written or later, always from where the store says it is.

The log is the spool: while the database is gone nothing is read, and when it is back reading goes on. Rows depend on
what came before them (runs), so the log is decoded from its start, and what the store has already is left out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from transfer_core.errors import DrsError
from transfer_core.telemetry.decoders.base import Decoder
from transfer_core.telemetry.log import MAGIC, LogReader
from transfer_core.telemetry.sampler import Sampler, Samples
from transfer_core.telemetry.samples.base import SampleStore
from transfer_core.telemetry.samples.thin import joined
from transfer_core.units import NS_PER_S

GROUP_S = 0.35  # samples are durable within a second of their arrival
ROWS_MAX = 20_000  # in one transaction
RETRY_S = 1.0


class Filler:
    """One recording's way into the store. `more` wakes it; `ended` says that the log grows no more."""

    def __init__(
        self,
        race_id: str,
        log: Path,
        decoder: Decoder,
        store: SampleStore,
        more: threading.Event,
        ended: Callable[[], bool],
    ) -> None:
        self._race_id, self._log, self._store, self._more, self._ended = race_id, log, store, more, ended
        self._stop = threading.Event()
        self._sampler = Sampler(decoder)
        self.error = ""
        self.done = threading.Event()  # all of an ended log is stored
        self.stored_ns: int | None = None  # the time up to which samples are stored
        self._thread = threading.Thread(target=self._run, name="telemetry-fill", daemon=True)
        self._thread.start()

    @property
    def samples(self) -> int:
        """Decoded so far."""
        return self._sampler.samples

    def behind_s(self, newest_ns: int | None) -> float:
        """How much of what is recorded up to then is not in the store."""
        if newest_ns is None or self.stored_ns is None or self.done.is_set():
            return 0.0
        return max(0.0, (newest_ns - self.stored_ns) / NS_PER_S)

    def stop(self) -> None:
        """End it where it is; another one goes on from there."""
        self._stop.set()
        self._more.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                position = self._store.position(self._race_id)
                with LogReader(self._log) as reader:
                    self._fill(reader, position)
                return
            except DrsError as error:
                self.error = error.one_line()
                self._stop.wait(RETRY_S)

    def _fill(self, reader: LogReader, position: int) -> None:
        at, group = len(MAGIC), _Group()
        while not self._stop.is_set():
            ended = self._ended()  # asked first: what was appended before that is read below
            self._more.clear()
            started = time.monotonic()
            while (record := reader.read(at)) is not None and not self._stop.is_set():
                at = record.end
                if record.arrivals is not None:
                    rows = self._sampler.take(record.arrivals)
                    newest_ns = record.arrivals.time_ns[-1]
                    if at <= position:
                        self.stored_ns = newest_ns
                        continue
                    group.add(rows, newest_ns)
                if group.rows >= ROWS_MAX or time.monotonic() - started > GROUP_S:
                    position = self._store_group(group, at, position)
                    started = time.monotonic()
            if at > position:
                position = self._store_group(group, at, position)
            if ended:
                self.done.set()
                return
            self._more.wait()
            self._stop.wait(GROUP_S)

    def _store_group(self, group: _Group, at: int, position: int) -> int:
        """Try until the store has it; the new position."""
        while not self._stop.is_set():
            try:
                if self.error and self._store.position(self._race_id) >= at:
                    break  # it was taken after all, only the answer was lost
                self._store.append(self._race_id, group.batch(), at)
                break
            except DrsError as error:
                self.error = error.one_line()
                self._stop.wait(RETRY_S)
        else:
            return position
        self.error = ""
        self.stored_ns = group.newest_ns or self.stored_ns
        group.clear()
        return at


class _Group:
    """Rows of several records, put together by stream."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin again."""
        self._streams: dict[tuple[str, str, tuple[str, ...]], list[Samples]] = {}
        self.rows = 0
        self.newest_ns: int | None = None

    def add(self, rows: list[Samples], newest_ns: int) -> None:
        """Keep these too."""
        for samples in rows:
            self._streams.setdefault((samples.source_id, samples.kind, samples.channels), []).append(samples)
            self.rows += len(samples)
        self.newest_ns = newest_ns

    def batch(self) -> list[Samples]:
        """One piece for each stream."""
        return [parts[0] if len(parts) == 1 else joined(*parts) for parts in self._streams.values()]
