"""A recording process that is killed in the middle of a race: less than a second is lost, and the file still opens."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.support.telemetry_world import Around, Pilot, desk_in, wait_until
from transfer_core.events.telemetry import RaceState
from transfer_core.telemetry.log import LogReader

RATE_HZ = 200


def record(state: Path) -> tuple[subprocess.Popen[str], int]:
    words = ("telemetry", "record", "heat", "--listen", "127.0.0.1:0", "--state", str(state), "--json")
    recorder = subprocess.Popen([sys.executable, "-m", "transfer_core.cli", *words], stdout=subprocess.PIPE, text=True)
    assert recorder.stdout is not None
    return recorder, int(json.loads(recorder.stdout.readline())["udp_port"])


def test_less_than_a_second_is_lost_and_the_rest_is_whole(tmp_path) -> None:
    recorder, port = record(tmp_path)
    pilot = Pilot(port)
    sent_at: list[float] = []
    late_s = 0.0  # how long this machine lets a program wait that has something to do
    try:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            pilot.fly(1)
            sent_at.append(time.monotonic())
            time.sleep(1 / RATE_HZ)
            late_s = max(late_s, time.monotonic() - sent_at[-1] - 1 / RATE_HZ)
        killed_at = time.monotonic()
        recorder.kill()
        recorder.wait(60.0)
    finally:
        recorder.kill()
        assert recorder.stdout is not None
        recorder.stdout.close()
        pilot.close()

    (log,) = (tmp_path / "telemetry" / "races").rglob("*.drslog")
    with LogReader(log) as reader:
        kept = [each for record in reader.records() if record.arrivals for each in record.arrivals.datagrams]
    assert kept == pilot.sent[: len(kept)]
    lost = [at for at in sent_at[len(kept) :] if at < killed_at]
    assert killed_at - min(lost, default=killed_at) < 1.0 + 5 * late_s

    around = Around()
    with desk_in(tmp_path / "telemetry", around) as desk:
        wait_until(lambda: desk.races()[0].state is RaceState.SAVED)
        (race,) = desk.races()
        assert race.datagrams == len(kept)
        assert desk.wait_until_stored(race.race_id, 60)
        assert sum(each.samples for each in desk.recorded_sources(race.race_id)) == len(kept)
        wait_until(lambda: around.queued)
        replay = desk.open_replay(race.race_id)
        assert desk.seek(replay.replay_id, 10**12).position_ns == replay.duration_ns
    assert "cut off" in around.said[0]
