from __future__ import annotations

import json
from pathlib import Path

import pytest

from transfer_core.errors import ConfigError, WriteFailed
from transfer_core.events import Severity
from transfer_core.events.alarm_limits import AlarmLimits, ChannelRule, parse_rule, parse_rules
from transfer_core.telemetry.alarm_file import FILE, read_limits, write_limits


def test_without_a_file_they_are_the_usual_ones(tmp_path: Path) -> None:
    assert read_limits(tmp_path) == AlarmLimits()


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    limits = AlarmLimits(0.5, 0.2, 0.01, 0.9, parse_rules("Speed > 40 critical\n\nBatteryVoltage < 13.5"))
    write_limits(tmp_path, limits)
    assert read_limits(tmp_path) == limits
    assert json.loads((tmp_path / FILE).read_text())["rules"] == ["Speed > 40 critical", "BatteryVoltage < 13.5"]
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_file_of_people_may_leave_most_out(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"rules": ["MotorRPM1 > 3e4 serious"]}')
    assert read_limits(tmp_path).rules == (ChannelRule("MotorRPM1", True, 30000.0, Severity.SERIOUS),)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "can't be read"),
        ("[]", "no object"),
        ('{"batery_low": 1}', "batery_low"),
        ('{"loss": "much"}', "loss"),
        ('{"loss": true}', "loss"),
        ('{"loss": 2}', "loss"),
        ('{"loss": 0.5, "heavy_loss": 0.1}', "heavy_loss"),
        ('{"rules": "Speed > 4"}', "rules"),
        ('{"rules": ["Speed is much"]}', "Speed is much"),
        ("[" * 100_000, "can't be read"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfigError, match=named):
        read_limits(tmp_path)


def test_a_folder_that_takes_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed):
        write_limits(tmp_path / "gone", AlarmLimits())


@pytest.mark.parametrize(
    "text", ["", "Speed", "Speed = 4", "Speed > nan", "Speed > inf", "Speed > 4 info", "1 > 2", "A > 1 x"]
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_rule(text)


def test_a_rule_is_written_as_it_is_read() -> None:
    for text in ("Speed > 40", "BatteryVoltage < 13.5 critical", "Height < -2 serious"):
        assert str(parse_rule(text)) == text
