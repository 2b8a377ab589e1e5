"""Agents and servers over HTTP: of what was given up nothing stays at the other end, whoever was away meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http_relay import HttpRelay
from tests.support.small_server import Handler, Reply, json_reply
from tests.support.tus_server import TusServer
from tests.support.upload_world import UploadWorld, wait_until
from transfer_core.engine.system import SystemClock
from transfer_core.engine.uploads import dropping
from transfer_core.events import JobState
from transfer_core.jobs.store import JobStore
from transfer_core.service import UploadLimits

MB = 1_000_000
SLOW_BPS = 80e6  # the file takes two seconds


@pytest.fixture
def server() -> Iterator[TusServer]:
    made = TusServer()
    made.start()
    yield made
    made.stop()


def paused(world: UploadWorld, url: str) -> str:
    """A file that was paused when a part of it had arrived."""
    world.destination(url)
    world.agent.uploads.change_limits(UploadLimits(all_bps=SLOW_BPS))
    file_id = world.queue(world.file("lap.bin", 20 * MB))
    wait_until(lambda: world.job(file_id).bytes_done >= 2 * MB, "a part of it")
    world.agent.pause([file_id])
    world.wait_for(file_id, JobState.PAUSED)
    wait_until(lambda: world.agent.engine().rate_bps == 0, "that the engine has followed")
    return file_id


def left(world: UploadWorld) -> int:
    store = JobStore(world.folder / "state", SystemClock())
    try:
        return len(store.left_uploads())
    finally:
        store.close()


def deletes(server: TusServer) -> int:
    return sum(method == "DELETE" for method, _ in server.requests)


def told(world: UploadWorld) -> list[str]:
    return [each.text for each in world.agent.notices() if "given up" in each.text]


@pytest.mark.parametrize("verb", ["remove", "cancel"])
def test_a_file_that_was_paused_before_it_was_given_up_leaves_no_part(
    world: UploadWorld, server: TusServer, verb: str
) -> None:
    file_id = paused(world, server.url + "/files")
    getattr(world.agent, verb)([file_id])
    wait_until(lambda: not server.files, "that it is dropped")
    wait_until(lambda: not left(world), "that this is known")
    assert world.job(file_id).bytes_done == 0


def test_a_relay_is_told_over_its_chunk_api(world: UploadWorld, tmp_path: Path) -> None:
    with HttpRelay(tmp_path / "relay") as relay:
        file_id = paused(world, relay.url)
        assert [path.suffix for path in relay.files()] == [".part"]
        world.agent.remove([file_id])
        wait_until(lambda: not relay.files(), "that it is dropped")


def test_what_was_removed_while_no_agent_ran_is_dropped_by_the_next_one(world: UploadWorld, server: TusServer) -> None:
    file_id = paused(world, server.url + "/files")
    world.agent.stop()
    alone = JobStore(world.folder / "state", SystemClock())
    alone.remove([file_id])
    alone.close()
    assert server.files
    world.restart()
    wait_until(lambda: not server.files, "that it is dropped")


def test_a_server_that_was_away_is_told_when_it_is_back(world: UploadWorld, server: TusServer) -> None:
    file_id = paused(world, server.url + "/files")
    server.on_request = Handler.hang_up
    asked = len(server.requests)
    world.agent.remove([file_id])
    wait_until(lambda: len(server.requests) > asked, "a question that nobody answers")
    assert left(world) == 1
    world.restart()
    assert left(world) == 1
    server.on_request = None
    wait_until(lambda: not server.files, "that it is dropped")
    wait_until(lambda: not left(world), "that this is known")


def test_what_the_server_has_forgotten_itself_counts_as_dropped(world: UploadWorld, server: TusServer) -> None:
    file_id = paused(world, server.url + "/files")
    server.wipe()
    world.agent.remove([file_id])
    wait_until(lambda: deletes(server) == 1 and not left(world), "that this is known")
    assert told(world) == []


def test_a_server_that_refuses_for_good_is_asked_a_bounded_number_of_times_and_that_is_told(
    world: UploadWorld, server: TusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "FIRST_WAIT_NS", 0)
    file_id = paused(world, server.url + "/files")

    def refuse(handler: Handler) -> Reply | None:
        return json_reply(403, error="not yours") if handler.command == "DELETE" else None

    server.on_request = refuse
    world.agent.remove([file_id])
    wait_until(lambda: not left(world), "that it is given up")
    wait_until(lambda: bool(told(world)), "that it is told")
    (text,) = told(world)
    assert "box keeps its part of an upload that was given up" in text
    assert "not yours" in text
    assert deletes(server) == dropping.REFUSALS_MAX


def test_a_server_that_knows_no_such_request_is_asked_once(world: UploadWorld, server: TusServer) -> None:
    file_id = paused(world, server.url + "/files")
    server.on_request = lambda handler: json_reply(405) if handler.command == "DELETE" else None
    world.agent.remove([file_id])
    wait_until(lambda: bool(told(world)), "that it is told")
    assert deletes(server) == 1
    assert not left(world)


def test_what_the_server_has_of_an_older_state_of_the_file_is_dropped(world: UploadWorld, server: TusServer) -> None:
    file_id = paused(world, server.url + "/files")
    (world.folder / "lap.bin").write_bytes(b"another" * 1000)
    world.agent.uploads.change_limits(UploadLimits())
    world.agent.resume([file_id])
    world.arrive(file_id)
    wait_until(lambda: len(server.files) == 1, "that the older one is dropped")
    assert server.completed() == {"lap.bin": b"another" * 1000}


def test_what_was_left_and_is_wanted_again_is_not_dropped(tmp_path: Path, server: TusServer) -> None:
    world = UploadWorld(tmp_path, given_up_kept_s=600)
    try:
        file_id = paused(world, server.url + "/files")
        world.agent.remove([file_id])
        world.agent.undo()
        world.restart()
        world.agent.uploads.change_limits(UploadLimits())
        world.agent.resume([file_id])
        world.arrive(file_id)
        assert server.piece_bytes_received < 30 * MB
        assert deletes(server) == 0
    finally:
        world.stop()
