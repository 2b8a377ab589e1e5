from __future__ import annotations

import json


def test_limits_are_shown_and_changed_one_by_one(drs, tmp_path) -> None:
    state = ("--state", tmp_path, "--json")
    usual = json.loads(drs("telemetry", "limits", *state)[1])
    assert usual == {"battery_low": 0.25, "battery_empty": 0.1, "loss": 0.02, "heavy_loss": 0.2, "rules": []}
    changed = drs("telemetry", "limits", "--loss", "0.05", "--rule", "Speed > 40 critical", *state)
    assert json.loads(changed[1]) == usual | {"loss": 0.05, "rules": ["Speed > 40 critical"]}
    assert json.loads(drs("telemetry", "limits", *state)[1])["rules"] == ["Speed > 40 critical"]
    assert json.loads(drs("telemetry", "limits", "--no-rules", *state)[1])["rules"] == []


def test_what_can_not_be_is_wrong_usage_and_changes_nothing(drs, tmp_path) -> None:
    for wrong in (("--loss", "2"), ("--rule", "Speed is much"), ("--loss", "0.9")):
        answer = drs("telemetry", "limits", *wrong, "--state", tmp_path)
        assert answer[0] == 2
    assert "heavy loss: 20%" in drs("telemetry", "limits", "--state", tmp_path)[1]
    assert json.loads(drs("telemetry", "limits", "--state", tmp_path, "--json")[1])["loss"] == 0.02
