from __future__ import annotations

import errno
import os
import threading

from tests.support.telemetry_world import wait_until
from tests.unit.telemetry.test_log import all_of, some
from transfer_core.telemetry.log import LogWriter
from transfer_core.telemetry.recorder import Recorder


def test_all_that_was_taken_is_on_the_disk_when_it_closes(tmp_path) -> None:
    recorder = Recorder(LogWriter.create(tmp_path / "race.drslog", {}))
    for batch in range(50):
        recorder.take(some(20, batch * 1000))
    recorder.close()
    assert (recorder.datagrams, recorder.lost, recorder.unsynced_s) == (1000, 0, 0.0)
    assert len(all_of(tmp_path / "race.drslog")) == 1000
    assert (recorder.start_ns, recorder.end_ns) == (0, 49_190)


def test_what_was_appended_is_synced_within_a_second(tmp_path) -> None:
    recorder = Recorder(LogWriter.create(tmp_path / "race.drslog", {}))
    recorder.take(some(1))
    wait_until(lambda: recorder.datagrams == 1)
    wait_until(lambda: recorder.unsynced_s == 0.0)
    recorder.close()


def test_a_full_disk_is_said_and_what_waits_is_recorded_when_there_is_room(tmp_path, monkeypatch) -> None:
    recorder = Recorder(LogWriter.create(tmp_path / "race.drslog", {}))
    recorder.take(some(5))
    wait_until(lambda: recorder.datagrams == 5)
    real, full = os.write, threading.Event()
    full.set()

    def write(fd: int, data) -> int:
        if full.is_set() and len(data) > 40:
            raise OSError(errno.ENOSPC, "full")
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    recorder.take(some(5, 1000))
    recorder.take(some(5, 2000))
    wait_until(lambda: "E_DISK_FULL" in recorder.error)
    assert recorder.datagrams == 5
    full.clear()
    wait_until(lambda: recorder.datagrams == 15)
    assert recorder.error == ""
    recorder.close()
    assert [time for _, time, _ in all_of(tmp_path / "race.drslog")] == [
        *range(0, 50, 10),
        *range(1000, 1050, 10),
        *range(2000, 2050, 10),
    ]
