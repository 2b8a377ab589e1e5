from __future__ import annotations

import json

import pytest

from transfer_core.errors import ConfigError
from transfer_core.telemetry.decoders.stream_format import FULL_FORMAT, parse_configuration, stream_format


def test_the_full_format_with_four_motors_takes_97_bytes() -> None:
    layout = stream_format(FULL_FORMAT)
    assert layout.size_bytes() == 97
    assert [layout.size_bytes(motors) for motors in (0, 6, 8)] == [81, 105, 113]
    assert layout.components[:4] == ("Timestamp", "PositionX", "PositionY", "PositionZ")


def test_groups_and_single_components_may_be_mixed_in_any_order() -> None:
    layout = stream_format(["InputRoll", "Timestamp", "BatteryVoltage", "MotorRPM", "PositionY"])
    assert layout.before_motors == ("InputRoll", "Timestamp", "BatteryVoltage")
    assert layout.after_motors == ("PositionY",)
    assert layout.size_bytes(6) == 41


def test_the_game_s_file_is_read_with_a_byte_order_mark_and_other_keys() -> None:
    text = "\ufeff" + json.dumps({"EndPoint": "127.0.0.1:9001", "StreamFormat": ["Timestamp", "Gyro"]})
    assert parse_configuration(text).components == ("Timestamp", "GyroPitch", "GyroRoll", "GyroYaw")


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        (["Timestamp", "Positon"], "entry 2, 'Positon'"),
        (["timestamp"], "'timestamp'"),
        (["Timestamp", 7], "entry 2, 7"),
        (["Position", "PositionX"], "'PositionX', brings PositionX a second time"),
        (["MotorRPM", "MotorRPM"], "'MotorRPM'"),
        ([], "StreamFormat is empty"),
        (["SpeedX", ["Gyro"]], "entry 2, ['Gyro']"),
    ],
)
def test_a_wrong_key_is_named(keys: list[object], named: str) -> None:
    with pytest.raises(ConfigError) as raised:
        stream_format(keys)
    assert named in raised.value.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ("{}", "no StreamFormat"),
        ('{"StreamFormat": "Timestamp"}', "not a list of keys"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_a_file_that_is_no_configuration_says_why(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_configuration(text)
    assert says in raised.value.message
