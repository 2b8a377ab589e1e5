"""An agent and a server of the chunk protocol in one process, and everything that goes wrong between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chunk_server import ChunkServer
from tests.support.small_server import Handler, Reply, json_reply, login_page, lose_answer
from tests.support.upload_world import UploadWorld, wait_until
from transfer_core.errors import BadAnswer, ConfigError, ConflictError, ServerSilent, UsageError
from transfer_core.events import JobState
from transfer_core.service import NewDestination, Settings, UploadLimits

MB = 1_000_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChunkServer]:
    started = ChunkServer(tmp_path / "server")
    started.start()
    yield started
    started.stop()


def test_a_file_arrives_whole_and_the_history_says_how_it_came(world: UploadWorld, server: ChunkServer) -> None:
    source = world.file("lap.bin", 12 * MB)
    world.destination(server.url + "/upload")
    job = world.arrive(world.queue(source))
    assert server.completed() == {"lap.bin": source.read_bytes()}
    assert server.count("/chunk") in range(3, 7)  # 5 MB each by default, less once a link turns out to be slow
    assert job.links == {"lo": 12 * MB}
    assert job.stored_as.endswith("/lap.bin")
    assert job.file_hash.startswith("blake3:")
    assert job.duration_s is not None
    assert world.agent.history()[0].file_id == job.file_id


def test_an_empty_file_arrives(world: UploadWorld, server: ChunkServer) -> None:
    world.destination(server.url)
    world.arrive(world.queue(world.file("empty.bin", 0)))
    assert server.completed() == {"empty.bin": b""}


def test_a_chunk_whose_answer_was_lost_is_not_sent_again(world: UploadWorld, server: ChunkServer) -> None:
    source = world.file("lap.bin", 12 * MB)
    server.faults.append(lose_answer)
    world.destination(server.url)
    job = world.arrive(world.queue(source))
    assert server.piece_bytes_received == 12 * MB
    assert job.resent_bytes == 0
    assert server.completed() == {"lap.bin": source.read_bytes()}


def test_a_server_that_forgot_everything_gets_the_file_from_the_start(world: UploadWorld, server: ChunkServer) -> None:
    source = world.file("lap.bin", 12 * MB)

    def forget(handler: Handler) -> Reply:
        server.wipe()
        return json_reply(404, error="Upload not found")

    server.faults.extend([Handler.answer, forget])
    world.destination(server.url)
    world.arrive(world.queue(source))
    assert server.completed() == {"lap.bin": source.read_bytes()}
    assert server.count("/init") == 2


def test_a_login_page_that_answers_200_is_called_offline_and_nothing_is_lost(
    world: UploadWorld, server: ChunkServer
) -> None:
    source = world.file("lap.bin", 12 * MB)
    world.destination(server.url)
    server.faults.append(Handler.answer)
    server.faults.append(login_page)
    file_id = world.queue(source)
    wait_until(lambda: server.count("/chunk") >= 1, "a chunk")
    server.on_request = login_page
    wait_until(lambda: world.agent.destinations()[0].online is False, "offline")
    (destination,) = world.agent.destinations()
    assert "text/html" in destination.why
    assert world.job(file_id).status is JobState.PENDING
    server.on_request = None
    world.arrive(file_id)
    assert server.completed() == {"lap.bin": source.read_bytes()}


def test_a_server_that_says_when_to_come_again_is_left_alone_until_then(
    world: UploadWorld, server: ChunkServer
) -> None:
    server.faults.append(lambda _: json_reply(429, {"Retry-After": "1"}, error="too many"))
    world.destination(server.url)
    file_id = world.queue(world.file("lap.bin", MB))
    wait_until(lambda: "too many" in world.job(file_id).reason, "the reason")
    job = world.job(file_id)
    assert job.status is JobState.PENDING
    assert job.next_try_at is not None
    job = world.arrive(file_id)
    assert server.count("/chunk") == 2


def test_a_permanent_refusal_fails_the_job_at_once_and_retrying_all_brings_it_back(
    world: UploadWorld, server: ChunkServer
) -> None:
    server.faults.append(lambda _: json_reply(413, error="chunk too large for me"))
    world.destination(server.url)
    file_id = world.queue(world.file("lap.bin", MB))
    job = world.wait_for(file_id, JobState.FAILED)
    assert job.error == "E_SERVER_REFUSED"
    assert "chunk too large for me" in job.reason
    assert world.agent.uploads.retry_failed("elsewhere") == 0
    assert world.agent.uploads.retry_failed() == 1
    world.arrive(file_id)


def test_a_server_that_fails_again_and_again_without_progress_is_given_up(
    world: UploadWorld, server: ChunkServer
) -> None:
    server.faults.extend([lambda _: json_reply(500, error="broken")] * 3)
    world.destination(server.url)
    job = world.wait_for(world.queue(world.file("lap.bin", MB)), JobState.FAILED)
    assert job.attempts == 3
    assert job.error == "E_SERVER_BUSY"


def test_a_person_says_how_often_a_job_is_tried(world: UploadWorld, server: ChunkServer) -> None:
    world.agent.change_settings(Settings(attempts_max=1))
    server.faults.append(lambda _: json_reply(500, error="broken"))
    world.destination(server.url)
    job = world.wait_for(world.queue(world.file("lap.bin", MB)), JobState.FAILED)
    assert job.attempts == 1
    with pytest.raises(ConfigError):
        world.agent.change_settings(Settings(attempts_max=0))


def test_a_full_server_is_waited_for(world: UploadWorld, server: ChunkServer) -> None:
    server.faults.append(lambda _: json_reply(507, error="disk full"))
    world.destination(server.url)
    file_id = world.queue(world.file("lap.bin", MB))
    wait_until(lambda: world.job(file_id).error == "E_DISK_FULL", "the reason")
    assert world.job(file_id).status is JobState.PENDING
    world.arrive(file_id)


def test_an_upload_goes_on_where_it_was_after_the_agent_was_restarted(world: UploadWorld, server: ChunkServer) -> None:
    source = world.file("lap.bin", 20 * MB)
    server.rate_bytes_per_s = 20e6
    world.destination(server.url)
    file_id = world.queue(source)
    wait_until(lambda: world.job(file_id).bytes_done >= 5 * MB, "the first chunk")
    # what the kernel still holds of chunks under way is the server's, too, but it cannot tell of it yet
    world.restart(lambda: wait_until(lambda: not server.connections, "the server has read what had been sent"))
    server.rate_bytes_per_s = None
    job = world.arrive(file_id)
    assert server.completed() == {"lap.bin": source.read_bytes()}
    assert server.count("/init") == 1
    assert job.attempts <= 2
    assert server.piece_bytes_received == 20 * MB


def test_the_first_priority_goes_first(world: UploadWorld, server: ChunkServer) -> None:
    world.agent.uploads.change_limits(UploadLimits(concurrent=1))
    world.destination(server.url)
    world.agent.pause_all()
    ids = [world.queue(world.file(f"p{priority}.bin", 1000), priority=priority) for priority in (8, 3, 1)]
    world.agent.resume_all()
    for file_id in ids:
        world.arrive(file_id)
    ended = [Path(job.path).name for job in reversed(world.agent.history())]
    assert ended == ["p1.bin", "p3.bin", "p8.bin"]


def test_everything_paused_stops_an_upload_and_it_goes_on_later(world: UploadWorld, server: ChunkServer) -> None:
    server.rate_bytes_per_s = 20e6
    world.destination(server.url)
    file_id = world.queue(world.file("lap.bin", 20 * MB))
    wait_until(lambda: world.job(file_id).bytes_done >= 5 * MB, "the first chunk")
    world.agent.pause_all()
    wait_until(lambda: world.job(file_id).status is JobState.PENDING, "pending")
    assert world.job(file_id).reason == "everything is paused"
    server.rate_bytes_per_s = None
    world.agent.resume_all()
    world.arrive(file_id)
    assert server.count("/init") == 1


def test_a_cap_is_kept_to(world: UploadWorld, server: ChunkServer) -> None:
    world.agent.uploads.change_limits(UploadLimits(by_destination={"box": 16e6}))
    world.destination(server.url)
    job = world.arrive(world.queue(world.file("lap.bin", 2 * MB)))
    assert job.duration_s is not None
    assert job.duration_s > 0.8  # 2 MB at 2 MB/s, but for what the bucket holds


def test_the_cap_of_a_link_holds_for_uploads_over_it(world: UploadWorld, server: ChunkServer) -> None:
    world.destination(server.url)
    (link,) = world.arrive(world.queue(world.file("first.bin", 1000))).links
    world.agent.change_settings(Settings(link_caps_mbps={link: 16.0, "another": 0.1}))
    job = world.arrive(world.queue(world.file("lap.bin", 2 * MB)))
    assert job.duration_s is not None
    assert job.duration_s > 0.8  # 2 MB at 2 MB/s, but for what the bucket holds


def test_an_hour_in_which_nothing_goes_is_kept_to_and_said(world: UploadWorld, server: ChunkServer) -> None:
    server.rate_bytes_per_s = 20e6
    world.destination(server.url)
    file_id = world.queue(world.file("lap.bin", 20 * MB))
    wait_until(lambda: world.job(file_id).bytes_done >= 5 * MB, "the first chunk")
    world.agent.uploads.change_limits(UploadLimits(timetable=(0.0,) * 168))
    wait_until(lambda: world.job(file_id).status is JobState.PENDING, "that it stops")
    assert "timetable" in world.job(file_id).reason
    later = world.queue(world.file("later.bin", 1000))
    world.restart()
    wait_until(lambda: "timetable" in world.job(file_id).reason, "that a new agent keeps to it")
    assert {world.job(each).status for each in (file_id, later)} == {JobState.PENDING}
    world.agent.uploads.change_limits(UploadLimits())
    world.arrive(file_id)
    world.arrive(later)
    assert server.count("/init") == 2


def test_the_cap_of_all_holds_for_an_agent_that_starts(world: UploadWorld, server: ChunkServer) -> None:
    world.agent.uploads.change_limits(UploadLimits(all_bps=16e6))
    world.destination(server.url)
    world.restart()  # caps are looked at when it begins, and every second
    job = world.arrive(world.queue(world.file("lap.bin", 2 * MB)))
    assert job.duration_s is not None
    assert job.duration_s > 0.8


def test_a_link_whose_quota_is_used_up_carries_no_upload(world: UploadWorld, server: ChunkServer) -> None:
    world.agent.change_settings(Settings(link_quotas={"lo": {"limit_bytes": 3_000_000}}))
    world.destination(server.url)
    file_id = world.queue(world.file("lap.bin", 12 * MB))
    wait_until(lambda: "quota" in world.job(file_id).reason + world.agent.destinations()[0].why, "the reason")
    assert world.job(file_id).status is JobState.PENDING
    world.agent.change_settings(Settings())
    world.arrive(file_id)


def test_a_destination_that_is_not_there_is_refused_or_kept_when_its_kind_is_given(world: UploadWorld) -> None:
    with pytest.raises(ServerSilent, match="refused"):
        world.destination("http://127.0.0.1:9")
    world.destination("http://127.0.0.1:9", kind="chunked")
    with pytest.raises(ConflictError):
        world.destination("http://127.0.0.1:9", kind="chunked")
    wait_until(lambda: world.agent.destinations()[0].online is False, "offline")
    assert "refused" in world.agent.destinations()[0].why


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "http://", "http://me:secret@host/", "just words", "http://[::1", "s3:///x"]
)
def test_what_is_no_address_is_no_destination(world: UploadWorld, url: str) -> None:
    with pytest.raises(UsageError):
        world.destination(url, kind="chunked")


def test_a_destination_can_be_tried_before_it_is_kept(world: UploadWorld, server: ChunkServer) -> None:
    good = world.agent.uploads.test_destination(NewDestination("box", server.url))
    assert (good.is_good, good.kind, good.link) == (True, "chunked", "lo")
    server.on_request = login_page
    bad = world.agent.uploads.test_destination(NewDestination("box", server.url))
    assert (bad.is_good, bad.error) == (False, BadAnswer.code)
    assert world.agent.destinations() == []
