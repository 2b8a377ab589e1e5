"""A race that is recorded at the track goes to the factory by itself when it is over, as a file of the queue."""

from __future__ import annotations

from mcap.reader import make_reader

from tests.support.field import Field
from tests.support.telemetry_world import Pilot


def test_a_finished_recording_is_a_job_of_priority_2_that_goes_over_all_links(field: Field) -> None:
    field.start_relay()
    field.pair()
    recorder = field.start("telemetry", "record", "heat 1", "--listen", "127.0.0.1:0", "--to", "pit")
    pilot = Pilot(recorder.wait_for("ready")["udp_port"])
    pilot.fly(500)
    recorder.wait_for("recording", datagrams=500)
    assert recorder.stop() == 0
    pilot.close()
    (job,) = field.jobs()
    assert (job["priority"], job["status"]) == (2, "pending")
    answer = field.run("agent", "--once", "--simulate", field.links)
    assert answer.code == 0, answer.err
    ((name, data),) = field.arrived().items()
    assert name.startswith("races/")
    assert name.endswith(" heat 1.mcap")
    saved = field.folder / "came.mcap"
    saved.write_bytes(data)
    with saved.open("rb") as file:
        raw = [message.data for _, channel, message in make_reader(file).iter_messages() if "/raw/" in channel.topic]
    assert raw == pilot.sent
