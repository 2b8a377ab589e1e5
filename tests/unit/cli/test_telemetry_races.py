"""`telemetry record`, `races`, `replay` and `export` on a state directory of a test."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.telemetry_world import Pilot, desk_in, pilots, wait_until
from transfer_core.telemetry.decoders.registry import LIFTOFF_FULL, make_decoder


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Path, Pilot]:
    """A state directory with one race of 100 datagrams."""
    state = tmp_path / "s"
    with desk_in(state / "telemetry") as desk:
        race = desk.create_race("heat 1", 0)
        with pilots(race.udp_port) as (pilot,):
            pilot.fly(100)
            wait_until(lambda: desk.race(race.race_id).datagrams == 100)
        desk.save_race(race.race_id)
    return state, pilot


def test_a_port_is_recorded_until_its_time_is_over(drs, tmp_path) -> None:
    port = free_port()
    pilot, landed = Pilot(port), threading.Event()

    def fly() -> None:
        while not landed.wait(0.001):
            pilot.fly(1)

    flying = threading.Thread(target=fly)
    flying.start()
    try:
        wait_until(lambda: pilot.sent)
        listen = f"127.0.0.1:{port}"
        words = ("telemetry", "record", "heat 1", "--listen", listen, "--duration", "1s", "--state", tmp_path)
        code, out, err = drs(*words, "--json")
    finally:
        landed.set()
        flying.join()
        pilot.close()
    assert (code, err) == (0, "")
    ready, *_, stopped = [json.loads(line) for line in out.splitlines()]
    assert (ready["event"], ready["udp_port"]) == ("ready", port)
    assert (stopped["event"], stopped["state"], stopped["sources"]) == ("stopped", "saved", [pilot.source_id])
    assert 0 < stopped["datagrams"] <= len(pilot.sent)
    assert Path(stopped["path"]).is_file()


def test_a_recording_is_listed_exported_replayed_and_deleted(recorded, drs, tmp_path) -> None:
    state, pilot = recorded
    code, out, _ = drs("telemetry", "races", "--state", state, "--json")
    (race,) = json.loads(out)
    assert (code, race["name"], race["state"], race["datagrams"]) == (0, "heat 1", "saved", len(pilot.sent))
    assert "heat 1" in drs("telemetry", "races", "--state", state)[1]

    code, out, _ = drs("telemetry", "export", race["race_id"][:6], tmp_path / "out.csv", "--state", state, "--json")
    assert (code, json.loads(out)["rows"]) == (0, len(pilot.sent))
    assert drs("telemetry", "export", "heat 1", tmp_path / "out.csv", "--state", state)[0] == 1
    assert drs("telemetry", "export", "heat 1", tmp_path / "out.xls", "--state", state)[0] == 2
    assert drs("telemetry", "export", "no such race", tmp_path / "x.csv", "--state", state)[0] == 1

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(60.0)
        to = f"127.0.0.1:{ear.getsockname()[1]}"
        code, out, _ = drs("telemetry", "replay", "heat 1", "--to", to, "--speed", "20", "--state", state, "--json")
        assert code == 0
        assert json.loads(out.splitlines()[-1])["sent"] == len(pilot.sent)
        assert [ear.recv(2048) for _ in pilot.sent] == pilot.sent

    code, out, _ = drs("telemetry", "races", "--delete", "heat 1", "--state", state)
    assert (code, "deleted" in out) == (0, True)
    assert json.loads(drs("telemetry", "races", "--state", state, "--json")[1]) == []


def test_a_file_from_elsewhere_is_exported_as_it_is(recorded, drs, tmp_path) -> None:
    state, pilot = recorded
    (race,) = json.loads(drs("telemetry", "races", "--state", state, "--json")[1])
    code, out, err = drs("telemetry", "export", race["path"], tmp_path / "x.csv", "--state", tmp_path / "t", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["rows"] == len(pilot.sent)
    first = (tmp_path / "x.csv").read_text().splitlines()[1].split(",")
    head = (tmp_path / "x.csv").read_text().splitlines()[0].split(",")
    sent = make_decoder(LIFTOFF_FULL).named(pilot.sent[0])
    assert float(first[head.index("PositionX")]) == pytest.approx(sent["PositionX"], rel=1e-7)


@pytest.mark.parametrize("speed", ["0.05", "51"])
def test_a_speed_that_can_not_be_played_is_wrong_usage(recorded, drs, speed) -> None:
    code, _, err = drs("telemetry", "replay", "heat 1", "--speed", speed, "--state", recorded[0])
    assert (code, err[:7]) == (2, "E_USAGE")


def test_a_port_that_is_taken_and_an_address_that_is_none_say_so(drs, tmp_path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        code, _, err = drs("telemetry", "record", "--listen", listen, "--state", tmp_path)
    assert (code, err[:14]) == (1, "E_PORT_IN_USE:")
    assert drs("telemetry", "record", "--listen", "nowhere", "--state", tmp_path)[0] == 2
    assert drs("telemetry", "record", "--duration", "soon", "--state", tmp_path)[0] == 2
