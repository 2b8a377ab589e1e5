from __future__ import annotations

import json
import socket

from transfer_core.telemetry.decoders.liftoff import LiftoffDecoder
from transfer_core.telemetry.flight import FULL, Flight


def test_every_drone_sends_from_a_port_of_its_own_until_it_has_landed(drs, monkeypatch) -> None:
    monkeypatch.setattr(Flight, "duration_s", 0.5, raising=False)
    monkeypatch.setattr(Flight, "__init__", _short(Flight.__init__))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(60.0)
        to = f"127.0.0.1:{receiver.getsockname()[1]}"
        options = ("--drones", 2, "--laps", 1, "--rate", 50, "--to", to, "--json")
        code, out, err = drs("telemetry", "simulate", *options)
        events = [json.loads(line) for line in out.splitlines()]
        assert (code, err) == (0, "")
        assert [event["event"] for event in events] == ["ready", "stopped"]
        received = [receiver.recvfrom(2048) for _ in range(events[1]["sent"])]
    assert {address[1] for _, address in received} == set(events[0]["ports"])
    assert len(received) == 2 * int(50 * 1.5)
    assert all(LiftoffDecoder(FULL).named(datagram)["BatteryVoltage"] >= 0 for datagram, _ in received)


def _short(original):
    def init(self, *args, **values) -> None:
        original(self, *args, **values)
        self.duration_s = 0.5

    return init


def test_what_cannot_be_flown_is_wrong_usage(drs) -> None:
    for options in (["--drones", "0"], ["--rate", "0"], ["--to", "nowhere"], ["--laps", "-1"]):
        assert drs("telemetry", "simulate", *options)[0] == 2
