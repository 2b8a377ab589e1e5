from __future__ import annotations

import json
from pathlib import Path

import pytest

FULL = (
    "000048410000803f00000040000040c0000000000000003f000000000000403f000080c00000803e00000041"
    "000020410000a0c10000f041000080bf0000003e000000bf0000803f0000003f000080410400007a440000fa4400803b4500007a45"
)
MIXED = "0000803f0000484100008041060000c84200004843000096430000c8430000fa430000164400000040"


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    keys = ["InputRoll", "Timestamp", "BatteryVoltage", "MotorRPM", "PositionY"]
    path = tmp_path / "TelemetryConfiguration.json"
    path.write_text(json.dumps({"EndPoint": "127.0.0.1:9001", "StreamFormat": keys}), encoding="utf-8")
    return path


def test_each_datagram_is_one_object_named_by_component(layout, drs) -> None:
    code, out, err = drs("telemetry", "decode", "--format", layout, "--hex", MIXED, MIXED.upper(), "--json")
    assert (code, err) == (0, "")
    expected = {
        "InputRoll": 1.0,
        "Timestamp": 12.5,
        "BatteryVoltage": 16.0,
        "MotorRPM": [100.0, 200.0, 300.0, 400.0, 500.0, 600.0],
        "PositionY": 2.0,
    }
    assert [json.loads(line) for line in out.splitlines()] == [expected, expected]


def test_without_a_format_it_is_all_that_the_game_can_send(drs) -> None:
    code, out, _ = drs("telemetry", "decode", "--hex", FULL, "--json")
    assert code == 0
    assert json.loads(out)["MotorRPM"] == [1000.0, 2000.0, 3000.0, 4000.0]
    code, out, _ = drs("telemetry", "decode", "--hex", FULL)
    assert code == 0
    assert "BatteryVoltage" in out


def test_what_cannot_be_decoded_says_why_in_a_line_each_and_the_rest_is_shown(layout, drs) -> None:
    nan = MIXED[:8] + "0000c07f" + MIXED[16:]
    code, out, err = drs(
        "telemetry", "decode", "--format", layout, "--json", "--hex", MIXED[:-2], "--hex", nan, MIXED, "zz", ""
    )
    assert code == 1
    assert len(out.splitlines()) == 1
    lines = err.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["datagram 1", "datagram 2", "datagram 4", "datagram 5"]
    assert "too short: 40 bytes, with 6 motors this StreamFormat takes 41" in lines[0]
    assert "Timestamp is not a number" in lines[1]
    assert all(line.startswith("E_DATAGRAM: ") for line in lines)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"StreamFormat": ["Timestamp", "Speed"]}', "'Speed'"),
        ("no json", "no JSON"),
        ('{"Format": []}', "StreamFormat"),
    ],
)
def test_a_wrong_format_is_wrong_usage_and_names_the_key(text, named, tmp_path, drs) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text, encoding="utf-8")
    code, out, err = drs("telemetry", "decode", "--format", path, "--hex", FULL, "--json")
    assert (code, out) == (2, "")
    assert err.startswith("E_CONFIG: ")
    assert named in err
    assert len(err.splitlines()) == 1


def test_no_datagram_and_no_file_say_so(drs, tmp_path) -> None:
    assert drs("telemetry", "decode")[0] == 2
    code, _, err = drs("telemetry", "decode", "--format", tmp_path / "none.json", "--hex", FULL)
    assert (code, err[:17]) == (1, "E_SOURCE_MISSING:")
    assert drs("telemetry", "decode", "--decoder", "outrun", "--hex", FULL)[0] == 2
