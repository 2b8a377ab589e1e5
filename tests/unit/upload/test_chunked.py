"""The chunk protocol against a server in memory that forgets, loses answers and answers nonsense."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import BadAnswer, DiskFull, DrsError, FileHashMismatch, ServerBusy, ServerRefused
from transfer_core.upload.chunked import ChunkedUpload, ChunkedUploader
from transfer_core.upload.door import Answer, Finished, Item, NeedDigest, Step

DATA = bytes(range(256)) * 100


def item(size: int = len(DATA), chunk_bytes: int = 10_000) -> Item:
    return Item("id-1", "runs/lap.bin", size, chunk_bytes=chunk_bytes)


class MemoryServer:
    """Keeps chunks of one upload at a time."""

    def __init__(self) -> None:
        self.chunks: dict[int, bytes] = {}
        self.known = ""
        self.total = 0
        self.serial = 0
        self.done: bytes | None = None
        self.received = 0  # chunk requests

    def answer(self, step: Step, data: bytes = DATA) -> Answer:
        if step.url.endswith("/init"):
            self.serial += 1
            self.known, self.chunks = f"up-{self.serial}", {}
            self.total = json.loads(step.head)["chunks"]
            return reply(upload_id=self.known, success=True)
        body = step.head.decode()
        if self.known and self.known not in body + step.url:
            return Answer(404)
        if not self.known:
            return Answer(404, {}, b'{"error": "Upload not found"}')
        if "/status/" in step.url:
            return reply(received_chunks=sorted(self.chunks), total_chunks=self.total, status="uploading")
        if step.url.endswith("/chunk"):
            self.received += 1
            index = int(re.search(r'name="chunk_index"\r\n\r\n(\d+)', body)[1])  # type: ignore[index]
            self.chunks[index] = data[step.offset : step.offset + step.length]
            return reply(received_chunks=len(self.chunks), total_chunks=self.total)
        whole = b"".join(self.chunks[index] for index in sorted(self.chunks))
        if json.loads(step.head)["checksum"] != hashlib.md5(whole).hexdigest():
            return Answer(400, {}, b'{"error": "Checksum mismatch"}')
        self.done = whole
        return reply(success=True, file_path="/uploads/completed/lap.bin")


def reply(**fields: object) -> Answer:
    return Answer(200, {"content-type": "application/json"}, json.dumps(fields).encode())


def begin(resume: str = "", **changes: int) -> ChunkedUpload:
    return ChunkedUploader("http://server:8080/upload").begin(item(**changes), resume)


def drive(upload: ChunkedUpload, server: MemoryServer, fate: list[str] | None = None, data: bytes = DATA) -> Finished:
    """Steps to the end; `fate` says what becomes of each request: ok, lost before it arrived, answer lost, wiped."""
    fates = iter(fate or [])
    for _ in range(300):
        step = upload.next()
        if isinstance(step, Finished):
            return step
        if isinstance(step, NeedDigest):
            upload.take_digest(hashlib.md5(data).hexdigest())
            continue
        what = next(fates, "ok")
        if what == "wiped":
            server.known = ""
        if what != "lost":
            answer = server.answer(step, data)
        if what in ("lost", "answer lost"):
            upload.lost()
        else:
            upload.take(answer)
    raise AssertionError("it never ends")


def test_a_file_goes_through_init_chunks_and_finalize() -> None:
    server = MemoryServer()
    finished = drive(begin(), server)
    assert (finished.stored_as, server.done, server.received) == ("/uploads/completed/lap.bin", DATA, 3)


def test_an_empty_file_is_one_empty_chunk() -> None:
    server = MemoryServer()
    drive(begin(size=0), server, data=b"")
    assert server.done == b""


def test_it_goes_on_at_the_first_chunk_that_the_server_lacks() -> None:
    server = MemoryServer()
    upload = begin()
    for _ in range(3):  # init and two chunks
        step = upload.next()
        assert isinstance(step, Step)
        upload.take(server.answer(step))
    drive(begin(upload.resume_text()), server)
    assert (server.done, server.received) == (DATA, 3)


def test_a_chunk_whose_answer_was_lost_is_not_sent_again() -> None:
    server = MemoryServer()
    drive(begin(), server, ["ok", "ok", "answer lost"])
    assert (server.done, server.received) == (DATA, 3)


def test_chunks_keep_their_size_over_a_restart_with_another_one() -> None:
    server = MemoryServer()
    upload = begin()
    for _ in range(2):
        step = upload.next()
        assert isinstance(step, Step)
        upload.take(server.answer(step))
    drive(begin(upload.resume_text(), chunk_bytes=3_000), server)
    assert server.done == DATA


def test_a_server_whose_state_was_wiped_gets_it_from_the_start() -> None:
    server = MemoryServer()
    drive(begin(), server, ["ok", "ok", "wiped"])
    assert server.done == DATA


def test_a_server_that_forgets_for_ever_is_given_up() -> None:
    server = MemoryServer()
    with pytest.raises(ServerRefused):
        drive(begin(), server, ["ok", "wiped"] * 10)


@given(st.lists(st.sampled_from(["ok", "ok", "ok", "lost", "answer lost"]), max_size=80), st.integers(1, 26_000))
def test_whatever_gets_lost_the_file_arrives_whole(fate: list[str], chunk_bytes: int) -> None:
    server = MemoryServer()
    drive(begin(chunk_bytes=max(1_000, chunk_bytes)), server, fate)
    assert server.done == DATA


def test_the_first_missing_chunk_is_found_from_a_bare_count() -> None:
    upload = begin(json.dumps({"id": "up-1", "chunk_bytes": 10_000}))
    upload.take(reply(received_chunks=2, total_chunks=3))
    step = upload.next()
    assert isinstance(step, Step)
    assert (step.offset, upload.bytes_done) == (20_000, 20_000)


def test_an_upload_that_was_finished_before_the_answer_got_lost_is_done() -> None:
    upload = begin(json.dumps({"id": "up-1", "chunk_bytes": 10_000}))
    upload.take(reply(status="completed", file_path="/in/lap.bin"))
    assert upload.next() == Finished("/in/lap.bin")


def test_a_wrong_checksum_starts_it_from_zero_next_time() -> None:
    server = MemoryServer()
    upload = begin()
    with pytest.raises(FileHashMismatch):
        _finalize_wrong(upload, server)
    assert upload.resume_text() == ""


def _finalize_wrong(upload: ChunkedUpload, server: MemoryServer) -> None:
    while not isinstance(step := upload.next(), NeedDigest):
        assert isinstance(step, Step)
        upload.take(server.answer(step))
    upload.take_digest("0" * 32)
    step = upload.next()
    assert isinstance(step, Step)
    upload.take(server.answer(step))


def test_a_server_that_wants_the_checksum_first_gets_it() -> None:
    upload = begin()
    upload.take(Answer(400, {}, b'{"error": "checksum is required"}'))
    assert upload.next() == NeedDigest("md5")
    upload.take_digest("abc")
    step = upload.next()
    assert isinstance(step, Step)
    assert json.loads(step.head)["checksum"] == "abc"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(200, {"content-type": "text/html"}, b"<html>login</html>"), BadAnswer),
        (Answer(302, {"location": "http://elsewhere/"}), BadAnswer),
        (Answer(507), DiskFull),
        (Answer(503, {"retry-after": "30"}), ServerBusy),
        (Answer(413), ServerRefused),
        (reply(success=False, error="no"), ServerRefused),
        (reply(success=True), BadAnswer),
        (reply(success=True, upload_id="../../etc"), BadAnswer),
        (reply(success=True, upload_id=7), BadAnswer),
    ],
)
def test_a_bad_answer_to_the_start_is_a_clear_error(answer: Answer, error: type[DrsError]) -> None:
    with pytest.raises(error):
        begin().take(answer)


@pytest.mark.parametrize("fields", [{}, {"received_chunks": -1}, {"received_chunks": True}, {"missing_chunks": [9]}])
def test_a_status_that_makes_no_sense_is_refused(fields: dict[str, object]) -> None:
    upload = begin(json.dumps({"id": "up-1", "chunk_bytes": 10_000}))
    with pytest.raises(BadAnswer):
        upload.take(reply(**fields))


@given(st.text(max_size=60) | st.from_type(dict).map(str))
def test_a_damaged_resume_text_means_a_new_upload_or_a_question(text: str) -> None:
    step = begin(text).next()
    assert isinstance(step, Step)
    assert step.url.endswith("/init") or "/status/" in step.url
