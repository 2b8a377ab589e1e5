"""A relay without room: the agent waits, says so, and goes on by itself when there is some."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.field import Field, data_of

MB = 1_000_000
OWN_DISK = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=24m tmpfs "$0" && exec "$@"')


def _laps(field: Field, count: int, size: int) -> dict[str, bytes]:
    laps = {f"lap{i}.bin": data_of(size, seed=i) for i in range(count)}
    for name, data in laps.items():
        (field.folder / name).write_bytes(data)
    field.upload(*(field.folder / name for name in laps))
    return laps


def test_an_agent_over_its_quota_waits_and_goes_on_when_it_is_raised(field: Field) -> None:
    relay = field.start_relay("--quota", "5MB")
    field.pair()
    laps = _laps(field, 3, 2 * MB)
    agent = field.start_agent("--once")
    assert relay.wait_for("full")["code"] == "E_QUOTA"
    waiting = field.wait_job(lambda job: job["error"] == "E_QUOTA")
    assert "quota" in waiting["reason"]
    assert waiting["status"] in ("uploading", "pending")
    agent.wait_for("notice", topic="relay", severity="caution")
    field.wait_job(lambda job: sum(each["status"] == "completed" for each in field.jobs()) == 2)
    assert len(field.arrived()) == 2
    assert relay.stop() == 0
    field.start_relay("--quota", "7MB")
    assert agent.wait() == 0
    assert field.arrived() == laps


@pytest.mark.skipif(sys.platform != "linux", reason="a disk of its own for the relay needs Linux")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() != 0, reason="a disk of its own needs root")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="a disk of its own needs `unshare` (util-linux)")
def test_a_full_disk_makes_the_agent_wait_and_go_on_when_there_is_room(field: Field) -> None:
    field.inbox.mkdir()
    relay = field.start_relay("--keep-free", "1MB", prefix=(*OWN_DISK, str(field.inbox)))
    disk = Path(f"/proc/{relay.process.pid}/root") / field.inbox.relative_to("/")
    filler = disk / "filler"
    filler.write_bytes(bytes(12 * MB))
    field.pair()
    laps = _laps(field, 2, 8 * MB)
    agent = field.start_agent("--once")
    assert relay.wait_for("full")["code"] == "E_DISK_FULL"
    waiting = field.wait_job(lambda job: job["error"] == "E_DISK_FULL")
    assert "free" in waiting["reason"]
    field.wait_job(lambda job: job["status"] == "completed")
    filler.unlink()
    assert agent.wait() == 0
    arrived = {path.name: path.read_bytes() for path in disk.rglob("lap*.bin")}
    assert arrived == laps
    assert [event["event"] for event in relay.events].count("received") == 2
