"""What is laid down for links, from another process, while an agent sends: it works by it at once and keeps count."""

from __future__ import annotations

import os
import time
from pathlib import Path

import requests

from tests.support.field import Field, data_of
from transfer_core.cli import compose
from transfer_core.service.link_limits import LinkLimits, limits_of

SIZE = 9_000_000
QUOTA_LINKS = """
[[link]]
name = "wifi"
rate_mbps = 60
delay_ms = 5
[[link]]
name = "lte"
rate_mbps = 8
delay_ms = 15
"""
SLOW_LINKS = """
[[link]]
name = "wifi"
rate_mbps = 8
delay_ms = 5
[[link]]
name = "lte"
rate_mbps = 4
delay_ms = 15
"""


def _lap(field: Field, name: str) -> Path:
    path = field.folder / name
    path.write_bytes(data_of(SIZE, seed=len(name)))
    return path


def test_caps_quotas_and_policies_hold_at_once_and_a_quota_outlives_the_agent(field: Field) -> None:
    field.links.write_text(QUOTA_LINKS)
    field.start_relay()
    field.pair()
    agent = field.start_agent()
    agent.wait_for("destination", online=True)
    assert field.say("link", "set", "wifi", "--cap", "12").code == 0
    assert field.say("link", "set", "lte", "--quota", "1MB", "--reset-day", "31").code == 0
    (job,) = field.upload(_lap(field, "lap.bin"))
    ended = field.wait_job(lambda each: each["file_id"] == job["file_id"] and each["status"] == "completed")
    assert ended["links"]["lte"] < 3_000_000  # looked at five times a second; without a quota it were 3.6 MB
    assert ended["duration_s"] > (SIZE - 3_000_000) * 8 / 12e6
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
    answer = field.say("link", "set", "lte", "--reset-day", "15")
    assert answer.code == 2
    assert "no quota" in answer.err
    answer = field.say("link", "policy", "fastest")
    assert answer.code == 2


def _carried(field: Field, file_id: str, seconds: float) -> dict[str, int]:
    """What each link has carried of a file in that time."""
    before = field.wait_job(lambda each: each["file_id"] == file_id)["links"]
    time.sleep(seconds)
    after = field.wait_job(lambda each: each["file_id"] == file_id)["links"]
    return {link: after.get(link, 0) - before.get(link, 0) for link in ("wifi", "lte")}


def test_policy_and_roles_change_by_the_api_while_a_file_is_under_way(field: Field) -> None:
    field.links.write_text(SLOW_LINKS)
    field.start_relay()
    field.pair()
    agent = field.start_agent("--api", "127.0.0.1:0")
    agent.wait_for("destination", online=True)
    (field.folder / "long.bin").touch()
    os.truncate(field.folder / "long.bin", 400_000_000)  # more than there is time for
    (job,) = field.upload(field.folder / "long.bin")
    where = f"http://{agent.wait_for('ready')['api']}/api"

    def carries(links: set[str]) -> bool:
        moved = _carried(field, job["file_id"], 0.5)
        return {link for link, moved_bytes in moved.items() if moved_bytes > 20_000} == links

    def soon(links: set[str]) -> None:
        end = time.monotonic() + 60.0
        while not carries(links):
            assert time.monotonic() < end, links

    soon({"wifi", "lte"})
    assert requests.put(f"{where}/policy", json={"policy": "best"}, timeout=60).json() == {"policy": "best"}
    soon({"wifi"})
    requests.put(f"{where}/policy", json={"policy": "bonded"}, timeout=60)
    soon({"wifi", "lte"})
    requests.put(f"{where}/links/lte/limits", json={"role": "backup"}, timeout=60)
    soon({"wifi"})
    requests.post(f"{where}/simulator/kill-link", json={"link": "wifi"}, timeout=60)
    soon({"lte"})
    (tile,) = [link for link in requests.get(f"{where}/links", timeout=60).json() if link["name"] == "lte"]
    assert tile["role"] == "backup"
    assert tile["used_bytes"] > 0


def test_a_quota_keeps_its_renewal_day_when_only_its_size_changes(field: Field) -> None:
    assert field.say("link", "set", "lte", "--quota", "2GB", "--reset-day", "15").code == 0
    assert field.say("link", "set", "lte", "--quota", "3GB").code == 0
    with compose.open_service(field.folder / "a") as service:
        assert limits_of(service.settings(), "lte") == LinkLimits(quota_bytes=3 * 10**9, reset_day=15)
