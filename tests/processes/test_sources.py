"""Sources that do not stay as they were while they are sent: each says so, and none is taken for what it is not."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.field import Field, Running, data_of
from transfer_core.storage import reader

SIZE = 3_000_000
SLOW = """
[[link]]
name = "lte"
rate_mbps = 20
delay_ms = 10
"""


class Site:
    """A relay and an agent that run on, over one slow link."""

    def __init__(self, folder: Path) -> None:
        self.field = Field(folder)
        self.field.links.write_text(SLOW)
        self.field.start_relay()
        self.field.pair()
        self.agent: Running = self.field.start_agent()

    def begin(self, name: str) -> tuple[Path, str]:
        """A file of which a part is on its way, slowly until `hurry`; its path and job."""
        assert self.field.say("link", "set", "lte", "--cap", "2").code == 0  # all of it would take twelve seconds
        source = self.field.folder / name
        source.write_bytes(data_of(SIZE, seed=len(name)))
        (job,) = self.field.upload(source)
        self.wait(job["file_id"], lambda job: 0 < job["bytes_done"] < SIZE)
        return source, job["file_id"]

    def hurry(self) -> None:
        """What there was to do to the source is done."""
        assert self.field.say("link", "set", "lte", "--cap", "0").code == 0

    def wait(self, file_id: str, is_so: Any) -> dict[str, Any]:
        """What the agent says of a job, as soon as that holds."""
        end = time.monotonic() + 60.0
        while time.monotonic() < end:
            said = [event for event in tuple(self.agent.events) if event.get("file_id") == file_id]
            if said and is_so(said[-1]):
                return said[-1]
            time.sleep(0.02)
        raise AssertionError(f"it never came to that: {said[-3:]}")

    def wait_for_notice(self, source: Path) -> str:
        """What the agent says of a source that is not as it was; the job's own state may be past before it is told."""
        end = time.monotonic() + 60.0
        while time.monotonic() < end:
            for event in tuple(self.agent.events):
                if event["event"] == "notice" and str(source) in event["text"]:
                    return str(event["text"])
            time.sleep(0.02)
        raise AssertionError(f"nothing was said of {source}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("sources"))
    yield site
    site.field.close()


def test_a_source_that_vanishes_fails_its_job_and_leaves_nothing_at_the_relay(site: Site) -> None:
    source, job = site.begin("vanishing.bin")
    source.unlink()
    site.hurry()
    ended = site.wait(job, lambda job: job["status"] == "failed")
    assert ended["error"] == "E_SOURCE_MISSING"
    assert "vanishing.bin" in ended["reason"]
    assert "vanishing.bin" not in site.field.arrived()
    source.write_bytes(b"back again")  # as the error says: put it back and retry
    assert site.field.say("retry", job).code == 0
    site.wait(job, lambda job: job["status"] == "completed")
    assert site.field.arrived()["vanishing.bin"] == b"back again"


def test_a_source_that_shrinks_is_sent_again_as_it_is_then(site: Site) -> None:
    source, job = site.begin("shrinking.bin")
    os.truncate(source, SIZE // 2)
    site.hurry()
    assert "shorter" in site.wait_for_notice(source)
    ended = site.wait(job, lambda job: job["status"] == "completed")
    assert ended["size"] == SIZE // 2
    assert site.field.arrived()["shrinking.bin"] == source.read_bytes()


def test_a_source_that_is_written_to_is_sent_again_as_it_is_then(site: Site) -> None:
    source, job = site.begin("written-to.bin")
    with source.open("r+b") as file:
        file.seek(1000)
        file.write(b"other data")
    site.hurry()
    assert "changed while it was sent" in site.wait_for_notice(source)
    site.wait(job, lambda job: job["status"] == "completed")
    assert site.field.arrived()["written-to.bin"] == source.read_bytes()


def test_a_source_in_whose_place_comes_another_is_not_mixed_with_it(site: Site) -> None:
    source, job = site.begin("replaced.bin")
    other = source.with_name("other")
    other.write_bytes(data_of(SIZE, seed=99))
    other.rename(source)
    site.hurry()
    site.wait(job, lambda job: job["status"] == "completed")
    assert site.field.arrived()["replaced.bin"] == source.read_bytes()


def test_a_source_in_whose_place_comes_a_folder_fails_its_job(site: Site) -> None:
    source, job = site.begin("becomes-folder")
    source.unlink()
    source.mkdir()
    site.hurry()
    ended = site.wait(job, lambda job: job["status"] == "failed")
    assert ended["error"] == "E_SOURCE_UNREADABLE"
    assert "becomes-folder" not in site.field.arrived()


def test_a_source_whose_disk_fails_in_the_middle_fails_its_job_alone(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_at = reader.read_at

    def failing(fd: int, views: Sequence[memoryview], offset: int) -> int:
        if offset + sum(map(len, views)) > 1 << 20 and os.fstat(fd).st_size == SIZE:
            raise OSError(errno.EIO, "Input/output error")
        return read_at(fd, views, offset)

    monkeypatch.setattr(reader, "read_at", failing)
    field.start_relay()
    field.pair()
    for name, size in (("bad.bin", SIZE), ("good.bin", SIZE - 1)):
        (field.folder / name).write_bytes(data_of(size))
    field.upload(field.folder / "bad.bin", field.folder / "good.bin")
    answer = field.say("agent", "--once", "--simulate", field.links)
    assert answer.code == 1
    assert answer.err.startswith("E_SOURCE_UNREADABLE: ")
    assert {job["status"] for job in field.jobs()} == {"completed", "failed"}
    assert list(field.arrived()) == ["good.bin"]
