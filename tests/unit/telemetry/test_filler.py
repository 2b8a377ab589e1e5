from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.support.telemetry_world import wait_until
from tests.unit.telemetry.test_feed import arrivals
from transfer_core.engine.system import SystemClock
from transfer_core.errors import StoreGone
from transfer_core.telemetry.arrivals import source_name
from transfer_core.telemetry.decoders.liftoff import LiftoffDecoder
from transfer_core.telemetry.filler import Filler
from transfer_core.telemetry.flight import FULL, Flight, Stream
from transfer_core.telemetry.log import LogWriter
from transfer_core.telemetry.sampler import Samples
from transfer_core.telemetry.samples.sqlite import SqliteSamples

DECODER = LiftoffDecoder(FULL)
SOURCE = source_name(("10.0.0.1", 5001))
MS = 1_000_000


class Moody(SqliteSamples):
    """A store that is gone when a test says so; perhaps after it has taken what it was given."""

    gone = False
    takes_first = False

    def append(self, race_id: str, batch: Sequence[Samples], position: int) -> None:
        if self.gone and not self.takes_first:
            raise StoreGone("it is not there")
        super().append(race_id, batch, position)
        if self.gone:
            raise StoreGone("the answer was lost")


@pytest.fixture
def store(tmp_path: Path):
    opened = Moody(tmp_path / "samples.db", SystemClock())
    yield opened
    opened.close()


def stored_times(store) -> list[float]:
    parts = store.rows("race", SOURCE, "Timestamp", 0, 2**62)
    return [round(float(value), 2) for part in parts for value in part.values[:, 0]]


def test_a_store_that_was_gone_gets_everything_once(tmp_path, store, monkeypatch) -> None:
    monkeypatch.setattr("transfer_core.telemetry.filler.RETRY_S", 0.02)
    writer = LogWriter.create(tmp_path / "race.drslog", {})
    stream, more, over = Stream(Flight(1)), threading.Event(), threading.Event()
    filler = Filler("race", writer.path, DECODER, store, more, over.is_set)

    def fly(batch: int) -> None:
        writer.append(arrivals(stream.next(50), first_ns=batch * 500 * MS))
        more.set()

    fly(0)
    wait_until(lambda: len(stored_times(store)) == 50)
    store.gone = True
    fly(1)
    wait_until(lambda: "E_STORE_GONE" in filler.error)
    assert filler.behind_s(999 * MS) > 0
    fly(2)
    store.takes_first = True  # the transaction is committed, and the connection breaks
    wait_until(lambda: len(stored_times(store)) >= 100)
    store.gone = False
    fly(3)
    over.set()
    more.set()
    assert filler.done.wait(60.0)
    assert filler.error == ""
    assert stored_times(store) == [round(0.01 * row, 2) for row in range(200)]
    filler.stop()
    writer.close()


def test_one_that_was_stopped_goes_on_where_the_store_is_with_the_same_runs(tmp_path, store) -> None:
    writer = LogWriter.create(tmp_path / "race.drslog", {})
    for batch in range(4):  # each flight begins anew: four runs
        writer.append(arrivals(Stream(Flight(1)).next(30), first_ns=batch * 300 * MS))
    whole = writer.path.read_bytes()
    writer.close()
    (tmp_path / "part.drslog").write_bytes(whole[: len(whole) // 2])
    for path in (tmp_path / "part.drslog", writer.path, writer.path):
        filler = Filler("race", path, DECODER, store, threading.Event(), lambda: True)
        assert filler.done.wait(60.0)
        filler.stop()
    (stream,) = store.streams("race")
    assert stream.samples == 120
    assert [run[0] for run in stream.runs] == [1, 2, 3, 4]
    runs = np.concatenate([part.run for part in store.rows("race", SOURCE, "Timestamp", 0, 2**62)])
    assert runs.tolist() == [run for run in (1, 2, 3, 4) for _ in range(30)]
