"""An agent and a tus server: what breaks is gone on with from the offset that the server has."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.small_server import Handler, Reply, lose_answer
from tests.support.tus_server import TusServer
from tests.support.upload_world import UploadWorld, wait_until
from transfer_core.errors import BadAnswer
from transfer_core.events import JobState
from transfer_core.jobs.store import Command, JobStore

MB = 1_000_000


@pytest.fixture
def server() -> Iterator[TusServer]:
    started = TusServer()
    started.start()
    yield started
    started.stop()


def test_the_kind_is_found_out_and_a_file_arrives_whole(world: UploadWorld, server: TusServer) -> None:
    source = world.file("lap.bin", 12 * MB)
    world.destination(server.url + "/files")
    assert world.agent.destinations()[0].kind == "tus"
    job = world.arrive(world.queue(source))
    assert server.completed() == {"lap.bin": source.read_bytes()}
    assert 2 <= server.count("PATCH " + next(iter(server.files))) <= 3  # 5 MB first, then as the link is
    assert job.stored_as.startswith(server.url)


def test_an_empty_file_arrives(world: UploadWorld, server: TusServer) -> None:
    world.destination(server.url + "/files")
    world.arrive(world.queue(world.file("empty.bin", 0)))
    assert server.completed() == {"empty.bin": b""}


def test_what_is_queued_while_the_clerk_takes_in_earlier_changes_is_sent_as_well(
    world: UploadWorld, server: TusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, read_commands, queued = world.file("lap.bin", 1000), JobStore.commands, list[str]()

    def queue_meanwhile(store: JobStore) -> list[Command]:
        if not queued:  # destinations were read before this, jobs are read after it
            world.destination(server.url + "/files", kind="tus")
            queued.append(world.queue(source))
        return read_commands(store)

    monkeypatch.setattr(JobStore, "commands", queue_meanwhile)
    world.restart()
    wait_until(lambda: bool(queued), "the clerk looked")
    world.arrive(queued[0])


def test_a_slice_whose_answer_was_lost_is_not_sent_again(world: UploadWorld, server: TusServer) -> None:
    source = world.file("lap.bin", 12 * MB)
    server.faults.append(lose_answer)
    world.destination(server.url + "/files")
    job = world.arrive(world.queue(source))
    assert server.piece_bytes_received == 12 * MB
    assert job.resent_bytes == 0
    assert server.completed() == {"lap.bin": source.read_bytes()}


def test_what_arrived_of_a_slice_that_broke_off_is_not_sent_again(world: UploadWorld, server: TusServer) -> None:
    source = world.file("lap.bin", 12 * MB)

    def keep_half(handler: Handler) -> Reply:
        handler.broken_off(handler.content[: 2 * MB])
        return handler.hang_up()

    server.faults.append(keep_half)
    world.destination(server.url + "/files")
    job = world.arrive(world.queue(source))
    assert server.completed() == {"lap.bin": source.read_bytes()}
    assert job.resent_bytes == 3 * MB


def test_a_server_that_forgot_the_upload_gets_it_from_the_start(world: UploadWorld, server: TusServer) -> None:
    source = world.file("lap.bin", 12 * MB)

    def forget(_: Handler) -> Reply:
        server.wipe()
        return 404, {}, b""

    server.faults.append(forget)
    world.destination(server.url + "/files")
    world.arrive(world.queue(source))
    assert server.completed() == {"lap.bin": source.read_bytes()}


def test_a_slice_that_was_damaged_on_its_way_is_sent_again(world: UploadWorld, server: TusServer) -> None:
    source = world.file("lap.bin", 6 * MB)

    def damage(handler: Handler) -> Reply:
        handler.content = b"x" + handler.content[1:]
        return handler.answer()

    server.faults.append(damage)
    world.destination(server.url + "/files")
    world.arrive(world.queue(source))
    assert server.completed() == {"lap.bin": source.read_bytes()}


def test_an_upload_that_somebody_else_holds_is_waited_for(world: UploadWorld, server: TusServer) -> None:
    server.faults.append(lambda _: (423, {}, b""))
    world.destination(server.url + "/files")
    world.arrive(world.queue(world.file("lap.bin", MB)))
    assert set(server.completed()) == {"lap.bin"}


def test_an_upload_goes_on_where_it_was_after_the_agent_was_restarted(world: UploadWorld, server: TusServer) -> None:
    source = world.file("lap.bin", 20 * MB)
    server.rate_bytes_per_s = 20e6
    world.destination(server.url + "/files")
    file_id = world.queue(source)
    wait_until(lambda: world.job(file_id).bytes_done >= 5 * MB, "the first slice")
    world.restart()
    server.rate_bytes_per_s = None
    world.arrive(file_id)
    assert server.completed() == {"lap.bin": source.read_bytes()}
    assert len(server.files) == 1
    assert server.piece_bytes_received <= 20 * MB


def test_a_job_that_is_cancelled_is_dropped_at_the_server(world: UploadWorld, server: TusServer) -> None:
    server.rate_bytes_per_s = 20e6
    world.destination(server.url + "/files")
    file_id = world.queue(world.file("lap.bin", 20 * MB))
    wait_until(lambda: world.job(file_id).bytes_done >= 5 * MB, "the first slice")
    server.rate_bytes_per_s = None
    world.agent.cancel([file_id])
    wait_until(lambda: not server.files, "that it is dropped")
    assert world.job(file_id).status is JobState.CANCELLED


def test_a_job_that_is_cancelled_and_wanted_again_goes_on_where_it_was(tmp_path: Path, server: TusServer) -> None:
    world = UploadWorld(tmp_path, given_up_kept_s=600)
    try:
        server.rate_bytes_per_s = 20e6
        world.destination(server.url + "/files")
        source = world.file("lap.bin", 20 * MB)
        file_id = world.queue(source)
        wait_until(lambda: world.job(file_id).bytes_done >= 5 * MB, "the first slice")
        world.agent.cancel([file_id])
        wait_until(lambda: world.agent.engine().rate_bps == 0, "that it stops")
        server.rate_bytes_per_s = None
        world.agent.retry([file_id])
        world.arrive(file_id)
        assert server.piece_bytes_received < 30 * MB
        assert server.completed() == {"lap.bin": source.read_bytes()}
    finally:
        world.stop()


def test_a_job_that_is_cancelled_before_the_agent_ends_is_dropped_at_the_server(
    tmp_path: Path, server: TusServer
) -> None:
    world = UploadWorld(tmp_path, given_up_kept_s=600)
    try:
        server.rate_bytes_per_s = 20e6
        world.destination(server.url + "/files")
        file_id = world.queue(world.file("lap.bin", 20 * MB))
        wait_until(lambda: world.job(file_id).bytes_done >= 5 * MB, "the first slice")
        world.agent.cancel([file_id])
        wait_until(lambda: world.agent.engine().rate_bps == 0, "that it stops")
        assert server.files
        server.rate_bytes_per_s = None
    finally:
        world.stop()
    wait_until(lambda: not server.files, "that it is dropped")


def test_an_upload_is_not_sent_on_to_another_machine(world: UploadWorld, server: TusServer) -> None:
    world.destination(server.url + "/files", token="secret")

    def elsewhere(handler: Handler) -> Reply | None:
        if handler.command == "POST":
            return 201, {"Location": "http://evil.example/files/1", "Tus-Resumable": "1.0.0"}, b""
        return None

    server.on_request = elsewhere
    file_id = world.queue(world.file("lap.bin", MB))
    wait_until(lambda: world.job(file_id).error == BadAnswer.code, "the reason")
    assert "evil.example" in world.job(file_id).reason


def test_a_link_whose_connections_hang_is_noticed(world: UploadWorld, server: TusServer) -> None:
    world.destination(server.url + "/files")
    server.on_request = Handler.hang_up
    file_id = world.queue(world.file("lap.bin", MB))
    wait_until(lambda: world.agent.destinations()[0].online is False, "offline")
    assert world.job(file_id).status is JobState.PENDING
    server.on_request = None
    world.arrive(file_id)
    assert socket.gethostbyname("127.0.0.1") in server.peers
