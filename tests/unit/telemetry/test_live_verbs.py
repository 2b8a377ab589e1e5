from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.telemetry_world import Around, Pilot, desk_in, wait_until
from transfer_core.errors import ConfigError, NotFoundError
from transfer_core.telemetry.desk import TelemetryDesk
from transfer_core.telemetry.relayed import ABOUT_BYTES_MAX, About, decode_about, encode_about


@pytest.fixture
def around() -> Around:
    return Around()


@pytest.fixture
def desk(tmp_path: Path, around: Around) -> Iterator[TelemetryDesk]:
    with desk_in(tmp_path / "telemetry", around) as opened:
        yield opened


def test_what_comes_to_a_port_is_passed_on_byte_for_byte_and_recorded_all_the_same(desk, around) -> None:
    race = desk.create_race("heat", 0)
    pilot = Pilot(race.udp_port)
    try:
        pilot.fly(5)
        wait_until(lambda: desk.race(race.race_id).datagrams == 5)
        listener = desk.forward(race.udp_port, "pit", name="heat")
        assert (listener.forwards_to, listener.forward_error) == ("pit", "")
        pilot.fly(20)
        wait_until(lambda: desk.race(race.race_id).datagrams == 25)
        wait_until(lambda: len(around.passed_on) == 20)
        assert [data for _, _, data in around.passed_on] == pilot.sent[5:]
        desk.stop_forwarding(race.udp_port)
        pilot.fly(5)
        wait_until(lambda: desk.race(race.race_id).datagrams == 30)
        assert len(around.passed_on) == 20
    finally:
        pilot.close()
    relay, port, about = around.offered[0]
    assert (relay, port, json.loads(about)["name"]) == ("pit", race.udp_port, "heat")
    assert around.offered[-1] == ("pit", race.udp_port, b"")


def test_the_relay_hears_what_drones_are_called(desk, around) -> None:
    port = desk.listen(0).port
    pilot = Pilot(port)
    try:
        pilot.fly(3)
        wait_until(desk.sources)
        desk.forward(port, "pit")
        desk.name_source(pilot.source_id, "Ada")
    finally:
        pilot.close()
    assert decode_about(around.offered[-1][2]).pilots == {pilot.source_id: "Ada"}


def test_another_relay_takes_the_place_of_the_first_and_closing_the_port_ends_it(desk, around) -> None:
    port = desk.listen(0).port
    desk.forward(port, "pit")
    desk.forward(port, "factory")
    assert [(relay, bool(about)) for relay, _, about in around.offered] == [
        ("pit", True),
        ("pit", False),
        ("factory", True),
    ]
    desk.stop_listening(port)
    assert around.offered[-1] == ("factory", port, b"")


def test_a_desk_that_stops_says_that_no_more_comes(tmp_path: Path, around: Around) -> None:
    with desk_in(tmp_path / "telemetry", around) as desk:
        port = desk.listen(0).port
        desk.forward(port, "pit")
    assert around.offered[-1] == ("pit", port, b"")


def test_a_port_that_is_not_listened_on_can_not_be_passed_on(desk) -> None:
    for verb in (lambda: desk.forward(9, "pit"), lambda: desk.stop_forwarding(9)):
        with pytest.raises(NotFoundError):
            verb()


def test_what_is_said_of_a_feed_fits_a_message_however_many_fly() -> None:
    pilots = {f"192.168.1.{number}:50123": f"pilot {number}" for number in range(200)}
    text = encode_about(About("heat", 9001, {"decoder": "f1"}, pilots))
    assert len(text) <= ABOUT_BYTES_MAX
    assert 10 < len(decode_about(text).pilots) < 200
    with pytest.raises(ConfigError):
        encode_about(About("heat", 9001, {"StreamFormat": ["PositionX"] * 200}))
