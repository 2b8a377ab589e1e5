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
from transfer_core.telemetry.arrivals import Arrivals, merged
from transfer_core.telemetry.decoders.base import Decoder
from transfer_core.telemetry.log import MAGIC, LogReader
from transfer_core.telemetry.sampler import Sampler
from transfer_core.telemetry.samples.base import SampleStore
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
        self._decoder = decoder
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
        """Datagrams are decoded some hundred milliseconds at a time: that costs a tenth of record by record."""
        self._sampler = Sampler(self._decoder)
        at, gathered = len(MAGIC), _Gathered()
        while not self._stop.is_set():
            ended = self._ended()  # asked first: what was appended before that is read below
            self._more.clear()
            started = time.monotonic()
            while (record := reader.read(at)) is not None and not self._stop.is_set():
                if at <= position < record.end or (gathered.count >= ROWS_MAX and record.end <= position):
                    self._sampler.take(gathered.take())  # what the store has already, for the runs' sake
                at = record.end
                if record.arrivals is not None:
                    gathered.add(record.arrivals)
                if at > position and (gathered.count >= ROWS_MAX or time.monotonic() - started > GROUP_S):
                    position = self._store_all(gathered, at, position)
                    started = time.monotonic()
            if at > position:
                position = self._store_all(gathered, at, position)
            if ended:
                self.done.set()
                return
            self._more.wait()
            self._stop.wait(GROUP_S)

    def _store_all(self, gathered: _Gathered, at: int, position: int) -> int:
        """Try until the store has it; the new position."""
        arrivals = gathered.take()
        rows = self._sampler.take(arrivals)
        while not self._stop.is_set():
            try:
                if not (self.error and self._store.position(self._race_id) >= at):  # taken, and the answer was lost
                    self._store.append(self._race_id, rows, at)
            except DrsError as error:
                self.error = error.one_line()
                self._stop.wait(RETRY_S)
            else:
                self.error = ""
                self.stored_ns = arrivals.time_ns[-1] if len(arrivals) else self.stored_ns
                return at
        return position


class _Gathered:
    """Datagrams of several records."""

    def __init__(self) -> None:
        self._parts: list[Arrivals] = []
        self.count = 0

    def add(self, arrivals: Arrivals) -> None:
        """Keep these too."""
        self._parts.append(arrivals)
        self.count += len(arrivals)

    def take(self) -> Arrivals:
        """All of them as one, and begin again."""
        parts, self._parts, self.count = self._parts, [], 0
        return merged(parts)
