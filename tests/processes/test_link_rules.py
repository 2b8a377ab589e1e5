"""What is laid down for links, from another process, while an agent sends: it works by it at once and keeps count."""

from __future__ import annotations

from pathlib import Path

from tests.support.field import Field, data_of

SIZE = 6_000_000


def _lap(field: Field, name: str) -> Path:
    path = field.folder / name
    path.write_bytes(data_of(SIZE, seed=len(name)))
    return path


def test_caps_quotas_and_policies_hold_at_once_and_a_quota_outlives_the_agent(field: Field) -> None:
    field.start_relay()
    field.pair()
    agent = field.start_agent()
    agent.wait_for("destination", online=True)
    assert field.say("link", "set", "wifi", "--cap", "12").code == 0
    assert field.say("link", "set", "lte", "--quota", "1MB", "--reset-day", "31").code == 0
    (job,) = field.upload(_lap(field, "lap.bin"))
    ended = field.wait_job(lambda each: each["file_id"] == job["file_id"] and each["status"] == "completed")
    assert ended["links"]["lte"] < 2_000_000  # looked at five times a second
    assert ended["duration_s"] > (SIZE - 2_000_000) * 8 / 12e6
    agent.kill()
    agent = field.start_agent()
    assert field.say("link", "set", "wifi", "--cap", "0").code == 0
    (job,) = field.upload(_lap(field, "lap2.bin"))
    ended = field.wait_job(lambda each: each["file_id"] == job["file_id"] and each["status"] == "completed")
    assert ended["links"].get("lte", 0) == 0
    assert field.say("link", "set", "lte", "--quota", "0").code == 0
    (job,) = field.upload(_lap(field, "lap03.bin"))
    ended = field.wait_job(lambda each: each["file_id"] == job["file_id"] and each["status"] == "completed")
    assert ended["links"]["lte"] > 0
    assert field.say("link", "policy", "redundant").code == 0
    (job,) = field.upload(_lap(field, "lap004.bin"))
    field.wait_job(lambda each: each["file_id"] == job["file_id"] and each["status"] == "completed")
    assert len(field.arrived()) == 4


def test_what_can_not_be_laid_down_is_refused_and_changes_nothing(field: Field) -> None:
    for words in (("--role", "best"), ("--cap", "-1"), ("--quota", "lots"), ("--quota", "1GB", "--reset-day", "32")):
        answer = field.say("link", "set", "lte", *words)
        assert answer.code == 2, words
        assert answer.err.startswith(("E_CONFIG: ", "E_USAGE: ")), answer.err
    answer = field.say("link", "policy", "fastest")
    assert answer.code == 2
