"""An agent and a real S3-compatible server, with a proxy between them that makes trouble; and what only moto does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fault_proxy import FaultProxy
from tests.support.ports import free_port
from tests.support.small_server import Handler, Reply, login_page, lose_answer
from tests.support.upload_world import UploadWorld, wait_until
from transfer_core.events import JobState
from transfer_core.service import NewDestination

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed: uploads to buckets are NOT tested")
pytest.importorskip("nanio", reason="nanio is not installed: uploads to buckets are NOT tested")

MB = 1_000_000
KEY, SECRET = "AKIDEXAMPLE", "a-secret-for-tests-only"
START_S = 60.0


class Bucket:
    """A server with one bucket, reached through a proxy."""

    def __init__(self, port: int, secret: str = SECRET) -> None:
        self.proxy = FaultProxy(port)
        self.proxy.start()
        config = boto3.session.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1})
        where = f"http://127.0.0.1:{port}"
        self.client: Any = boto3.client(
            "s3", "us-east-1", endpoint_url=where, config=config, aws_access_key_id=KEY, aws_secret_access_key=secret
        )
        if not self.client.list_buckets()["Buckets"]:
            self.client.create_bucket(Bucket="race")

    def options(self) -> dict[str, str]:
        return {"endpoint": self.proxy.url, "key_id": KEY}

    def content(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket="race", Key=key)["Body"].read())

    def keys(self) -> set[str]:
        return {each["Key"] for each in self.client.list_objects_v2(Bucket="race").get("Contents", [])}

    def unfinished(self) -> list[Any]:
        return list(self.client.list_multipart_uploads(Bucket="race").get("Uploads", []))

    def abort_all(self) -> None:
        for upload in self.unfinished():
            self.client.abort_multipart_upload(Bucket="race", Key=upload["Key"], UploadId=upload["UploadId"])

    def close(self) -> None:
        self.client.close()
        self.proxy.stop()


def wait_for_port(port: int) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="module")
def nanio_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port, folder = free_port(), tmp_path_factory.mktemp("nanio")
    words = [sys.executable, "-m", "nanio", "serve", "--data-dir", folder, "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "NANIO_ACCESS_KEY": KEY, "NANIO_SECRET_KEY": SECRET}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
        try:
            wait_for_port(port)
            yield port
        finally:
            process.terminate()
            process.wait(60.0)


@pytest.fixture
def bucket(nanio_port: int) -> Iterator[Bucket]:
    made = Bucket(nanio_port)
    for key in sorted(made.keys()):
        made.client.delete_object(Bucket="race", Key=key)
    made.abort_all()
    yield made
    made.close()


def add(world: UploadWorld, bucket: Bucket) -> None:
    world.destination("s3://race/runs", token=SECRET, **bucket.options())


def test_a_large_file_arrives_in_parts_and_a_small_one_at_once(world: UploadWorld, bucket: Bucket) -> None:
    large, small, empty = world.file("lap.bin", 12 * MB), world.file("note.txt", 500), world.file("empty.bin", 0)
    add(world, bucket)
    job = world.arrive(world.queue(large))
    assert job.stored_as == "runs/lap.bin"
    world.arrive(world.queue(small))
    world.arrive(world.queue(empty))
    assert bucket.content("runs/lap.bin") == large.read_bytes()
    assert bucket.content("runs/note.txt") == small.read_bytes()
    assert bucket.keys() == {"runs/lap.bin", "runs/note.txt", "runs/empty.bin"}


def test_names_that_need_care_arrive_as_they_are(world: UploadWorld, bucket: Bucket) -> None:
    source = world.file("Runde 1 + ä&x=#'(1)~.bin", 2000)
    add(world, bucket)
    world.arrive(world.queue(source))
    assert bucket.keys() == {f"runs/{source.name}"}


def test_what_has_the_name_already_is_not_overwritten(world: UploadWorld, bucket: Bucket) -> None:
    source = world.file("lap.bin", 12 * MB)
    bucket.client.put_object(Bucket="race", Key="runs/lap.bin", Body=b"of yesterday")
    add(world, bucket)
    file_id = world.queue(source)
    job = world.arrive(file_id)
    assert bucket.content("runs/lap.bin") == b"of yesterday"
    assert job.stored_as == f"runs/lap-{file_id[:8]}.bin"
    assert bucket.content(job.stored_as) == source.read_bytes()


def test_a_file_that_is_there_already_is_not_sent_again(world: UploadWorld, bucket: Bucket) -> None:
    source = world.file("note.txt", 500)
    add(world, bucket)
    world.arrive(world.queue(source))
    world.arrive(world.queue(source))
    assert bucket.keys() == {"runs/note.txt"}
    assert bucket.proxy.piece_bytes_received == 500


@pytest.mark.parametrize("size", [500, 12 * MB])
def test_lost_answers_leave_one_whole_object(world: UploadWorld, bucket: Bucket, size: int) -> None:
    source = world.file("lap.bin", size)
    lost: list[str] = []

    def lose_each_once(handler: Handler) -> Reply | None:
        kind = f"{handler.command} {handler.path.partition('?')[2].partition('=')[0]}"
        if handler.command in ("PUT", "POST") and kind not in lost:
            lost.append(kind)
            return lose_answer(handler)
        return None

    add(world, bucket)
    bucket.proxy.on_request = lose_each_once
    job = world.arrive(world.queue(source))
    assert len(lost) == (1 if size == 500 else 3)
    assert bucket.content("runs/lap.bin") == source.read_bytes()
    assert job.stored_as == "runs/lap.bin"
    assert bucket.keys() == {"runs/lap.bin"}


def test_an_upload_goes_on_with_the_next_part_after_the_agent_was_restarted(world: UploadWorld, bucket: Bucket) -> None:
    source = world.file("lap.bin", 22 * MB)
    bucket.proxy.rate_bytes_per_s = 20e6
    add(world, bucket)
    file_id = world.queue(source)
    wait_until(lambda: world.job(file_id).bytes_done >= 5 * MB, "the first part")
    world.restart()
    bucket.proxy.rate_bytes_per_s = None
    world.arrive(file_id)
    assert bucket.content("runs/lap.bin") == source.read_bytes()
    firsts = [path for _, path in bucket.proxy.requests if re.search(r"partNumber=1(&|$)", path)]
    assert len(firsts) == 1
    # what the proxy has whole when the agent goes gets to the bucket after the next agent has asked what is there
    assert bucket.proxy.piece_bytes_received < 22 * MB + 2 * 6 * MB
    assert bucket.unfinished() == []


def test_an_object_that_was_put_together_before_the_agent_died_is_known_again(
    world: UploadWorld, bucket: Bucket
) -> None:
    source = world.file("lap.bin", 12 * MB)
    done: list[bool] = []

    def die_at_the_end(handler: Handler) -> Reply | None:
        if done:
            return handler.hang_up()
        if handler.command == "POST" and "uploadId" in handler.path:
            done.append(True)
            return lose_answer(handler)
        return None

    add(world, bucket)
    bucket.proxy.on_request = die_at_the_end
    file_id = world.queue(source)
    wait_until(lambda: bool(done), "the end of the upload")
    world.restart()
    bucket.proxy.on_request = None
    job = world.arrive(file_id)
    assert job.stored_as == "runs/lap.bin"
    assert bucket.keys() == {"runs/lap.bin"}
    assert bucket.proxy.piece_bytes_received == 12 * MB


def test_an_upload_that_was_aborted_at_the_server_begins_again(world: UploadWorld, bucket: Bucket) -> None:
    source = world.file("lap.bin", 12 * MB)

    def abort_all(handler: Handler) -> Reply:
        bucket.abort_all()
        return handler.answer()

    add(world, bucket)
    bucket.proxy.faults.append(Handler.answer)
    bucket.proxy.faults.append(abort_all)
    world.arrive(world.queue(source))
    assert bucket.content("runs/lap.bin") == source.read_bytes()


def test_a_cancelled_upload_leaves_no_parts_behind_that_cost_money(world: UploadWorld, bucket: Bucket) -> None:
    bucket.proxy.rate_bytes_per_s = 20e6
    add(world, bucket)
    file_id = world.queue(world.file("lap.bin", 22 * MB))
    wait_until(lambda: world.job(file_id).bytes_done >= 5 * MB, "the first part")
    bucket.proxy.rate_bytes_per_s = None
    world.agent.cancel([file_id])
    wait_until(lambda: bucket.unfinished() == [], "that the parts are dropped")


def test_an_upload_that_was_paused_before_it_was_removed_leaves_no_parts_either(
    world: UploadWorld, bucket: Bucket
) -> None:
    bucket.proxy.rate_bytes_per_s = 20e6
    add(world, bucket)
    file_id = world.queue(world.file("lap.bin", 22 * MB))
    wait_until(lambda: world.job(file_id).bytes_done >= 5 * MB, "the first part")
    world.agent.pause([file_id])
    world.wait_for(file_id, JobState.PAUSED)
    bucket.proxy.rate_bytes_per_s = None
    assert bucket.unfinished()
    world.agent.remove([file_id])
    wait_until(lambda: bucket.unfinished() == [], "that the parts are dropped")


def test_a_part_that_was_damaged_on_its_way_is_sent_again(world: UploadWorld, bucket: Bucket) -> None:
    source = world.file("lap.bin", 12 * MB)

    def damage(handler: Handler) -> Reply:
        handler.content = b"x" + handler.content[1:]
        return handler.answer()

    add(world, bucket)
    bucket.proxy.faults.append(damage)
    world.arrive(world.queue(source))
    assert bucket.content("runs/lap.bin") == source.read_bytes()


def test_a_busy_server_and_a_login_page_are_waited_for(world: UploadWorld, bucket: Bucket) -> None:
    slow_down = 503, {"Content-Type": "application/xml"}, b"<Error><Code>SlowDown</Code><Message>less</Message></Error>"
    source = world.file("lap.bin", 12 * MB)
    add(world, bucket)
    bucket.proxy.faults.extend([lambda _: slow_down, login_page])
    world.arrive(world.queue(source))
    assert bucket.content("runs/lap.bin") == source.read_bytes()


def test_a_wrong_secret_and_a_bucket_that_is_not_there_are_told(world: UploadWorld, bucket: Bucket) -> None:
    wrong = NewDestination("box", "s3://race", "", "another secret", bucket.options())
    assert world.agent.uploads.test_destination(wrong).error == "E_SERVER_REFUSED"
    assert "secret" in world.agent.uploads.test_destination(wrong).hint
    lost = NewDestination("box", "s3://no-such-bucket", "", SECRET, bucket.options())
    assert "bucket" in world.agent.uploads.test_destination(lost).hint.lower()


def test_a_server_with_conditions_is_never_made_to_overwrite(world: UploadWorld) -> None:
    moto_server = pytest.importorskip("moto.server", reason="moto is not installed: conditions are NOT tested")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    bucket = Bucket(server.get_host_and_port()[1])
    source = world.file("lap.bin", 12 * MB)
    done: list[bool] = []

    def somebody_is_faster(handler: Handler) -> Reply | None:
        if handler.command == "POST" and "uploadId" in handler.path and not done:
            done.append(True)
            bucket.client.put_object(Bucket="race", Key="runs/lap.bin", Body=b"of somebody else")
        return None

    try:
        bucket.proxy.on_request = somebody_is_faster
        bucket.proxy.faults.append(Handler.hang_up)  # so that it is asked which parts it has
        add(world, bucket)
        file_id = world.queue(source)
        job = world.arrive(file_id)
        assert bucket.content("runs/lap.bin") == b"of somebody else"
        assert bucket.content(job.stored_as) == source.read_bytes()
        assert job.status is JobState.COMPLETED
        assert job.stored_as == f"runs/lap-{file_id[:8]}.bin"
        assert bucket.unfinished() == []
    finally:
        bucket.close()
        server.stop()


def test_a_destination_lists_no_secret(world: UploadWorld, bucket: Bucket, tmp_path: Path) -> None:
    add(world, bucket)
    assert SECRET not in repr(world.agent.destinations())
