"""The reference's protocol as its client speaks it, and as a bad one does, over loopback."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import blake3
import httpx
import pytest

from tests.support.http_relay import HttpRelay, ReferenceClient, http_config, random_bytes, until
from transfer_core.server.uploads.writing import BLOCK_BYTES_MAX

CHUNK = 100_000
DATA = random_bytes(1_234_567)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[HttpRelay]:
    with HttpRelay(tmp_path, http_config(body_timeout_s=60.0, upload_bytes_max=50_000_000)) as relay:
        yield relay


@pytest.fixture
def client(relay: HttpRelay) -> Iterator[ReferenceClient]:
    client = ReferenceClient(relay.url, DATA, chunk=CHUNK)
    yield client
    client.close()


def assert_error(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error", "code", "hint"}
    assert body["code"] == code
    assert body["error"]
    assert body["hint"]


def test_the_references_client_uploads_a_file(client: ReferenceClient, relay: HttpRelay) -> None:
    answer = client.init()
    assert answer.json() == {"upload_id": client.upload_id, "success": True}
    first = client.send(0)
    assert first.json() == {"received_chunks": 1, "total_chunks": 13, "progress": 7.69}
    for index in range(1, client.total):
        last = client.send(index)
    assert last.json() == {"received_chunks": 13, "total_chunks": 13, "progress": 100.0}
    assert [path.suffix for path in relay.files()] == [".part"]
    done = client.finalize().json()
    assert done["success"] is True
    assert Path(done["file_path"]).read_bytes() == DATA
    assert relay.files() == [Path(done["file_path"])]
    assert done["file_hash"] == "blake3:" + blake3.blake3(DATA).hexdigest()
    (listed,) = client.http.get("/uploads").json()["uploads"]
    assert (listed["filename"], listed["filesize"]) == (client.name, len(DATA))
    assert listed["metadata"]["component"] == "robot_arm"
    (event,) = relay.events
    assert (event["event"], event["path"], event["size"]) == ("received", client.name, len(DATA))


def test_progress_is_cut_not_rounded(relay: HttpRelay) -> None:
    client = ReferenceClient(relay.url, random_bytes(215 * 64), chunk=64)
    client.init()
    assert client.send(0).json() == {"received_chunks": 1, "total_chunks": 215, "progress": 0.46}
    client.close()


def test_health_needs_nothing(client: ReferenceClient) -> None:
    assert client.http.get("/health").json()["status"] == "healthy"


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK])
def test_files_of_every_size_arrive(relay: HttpRelay, size: int) -> None:
    client = ReferenceClient(relay.url, random_bytes(size), chunk=CHUNK)
    done = client.upload()
    assert Path(done.json()["file_path"]).read_bytes() == client.data
    client.close()


@pytest.mark.parametrize("seed", range(4))
def test_chunks_in_any_order_and_twice_make_the_file(client: ReferenceClient, seed: int) -> None:
    client.init()
    order = [*range(client.total), *range(client.total)]
    random.Random(seed).shuffle(order)
    for index in order:
        assert client.send(index).status_code == 200
    assert Path(client.finalize().json()["file_path"]).read_bytes() == DATA


def test_chunks_at_once_make_the_file(relay: HttpRelay, client: ReferenceClient) -> None:
    client.init()
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda index=index: answers.append(client.send(index).status_code))
        for index in range(client.total)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [200] * client.total
    assert Path(client.finalize().json()["file_path"]).read_bytes() == DATA


def test_two_clients_on_one_upload_make_one_file(relay: HttpRelay, client: ReferenceClient) -> None:
    client.init(chunk_size=CHUNK)
    statuses: set[int] = set()

    def push(seed: int) -> None:
        twin = ReferenceClient(relay.url, DATA, chunk=CHUNK)
        twin.upload_id = client.upload_id
        order = list(range(twin.total))
        random.Random(seed).shuffle(order)
        for index in order:
            while (status := twin.send(index).status_code) == 409:
                continue  # the other one has taken over this very chunk
            statuses.add(status)
        statuses.add(twin.finalize().status_code)
        twin.close()

    threads = [threading.Thread(target=push, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == {200}
    assert [path.read_bytes() for path in relay.files()] == [DATA]
    assert len(relay.events) == 1


def test_an_upload_goes_on_after_a_restart_of_the_relay(relay: HttpRelay, client: ReferenceClient) -> None:
    client.init()
    for index in (0, 1, 5):
        client.send(index)
    relay.stop()
    relay.start()
    after = ReferenceClient(relay.url, DATA, chunk=CHUNK)
    after.upload_id = client.upload_id
    status = after.status()
    assert (status["uploaded_chunks"], status["next_chunk"], status["bytes_uploaded"]) == ([0, 1, 5], 2, 3 * CHUNK)
    for index in set(range(client.total)) - {0, 1, 5}:
        after.send(index)
    assert Path(after.finalize().json()["file_path"]).read_bytes() == DATA
    after.close()


def test_a_relay_without_its_state_says_so(client: ReferenceClient) -> None:
    client.upload_id = "00000000-0000-0000-0000-000000000000"
    assert_error(client.send(0), 404, "E_NOT_FOUND")
    assert_error(client.finalize(), 404, "E_NOT_FOUND")
    assert_error(client.http.get(f"/upload/status/{client.upload_id}"), 404, "E_NOT_FOUND")


def test_a_part_file_that_is_gone_is_begun_anew(relay: HttpRelay, client: ReferenceClient) -> None:
    client.init()
    client.send(0)
    relay.files()[0].unlink()
    assert_error(client.send(1), 404, "E_NOT_FOUND")
    assert client.upload().json()["success"]


def test_finalize_may_be_asked_again_and_names_what_lacks(client: ReferenceClient) -> None:
    client.init()
    client.send(0)
    lacking = client.finalize()
    assert_error(lacking, 409, "E_CONFLICT")
    assert "1, 2, 3" in lacking.json()["hint"]
    for index in range(1, client.total):
        client.send(index)
    assert client.finalize().json() == client.finalize().json()


def test_a_chunk_of_a_finished_upload_is_answered_and_changes_nothing(client: ReferenceClient) -> None:
    done = client.upload().json()
    again = client.send(3, b"x" * CHUNK)
    assert again.json()["progress"] == 100.0
    assert Path(done["file_path"]).read_bytes() == DATA


@pytest.mark.parametrize("algorithm", ["md5", "sha256", "blake3"])
def test_a_file_that_is_not_what_was_declared_is_refused_and_dropped(
    relay: HttpRelay, client: ReferenceClient, algorithm: str
) -> None:
    wrong = {"md5": "0" * 32, "sha256": "0" * 64, "blake3": "blake3:" + "0" * 64}[algorithm]
    client.init(checksum=wrong)
    for index in range(client.total):
        client.send(index)
    assert_error(client.finalize(checksum=wrong), 422, "E_FILE_HASH")
    assert client.status()["status"] == "failed"
    assert relay.files() == []
    assert_error(client.send(0), 409, "E_CONFLICT")
    assert_error(client.finalize(), 409, "E_CONFLICT")


def test_a_chunk_that_is_not_what_its_checksum_says_is_dropped(client: ReferenceClient) -> None:
    client.init()
    good = hashlib.sha256(client.piece(0)).hexdigest()
    assert_error(client.send(0, b"x" * CHUNK, checksum=good), 422, "E_FILE_HASH")
    assert client.status()["received_chunks"] == 0
    assert client.send(0, checksum=good).status_code == 200
    for index in range(1, client.total):
        client.send(index)
    assert client.finalize().json()["success"]


def test_a_file_that_changes_between_is_noticed_at_the_end(client: ReferenceClient) -> None:
    client.init()
    client.send(0, b"y" * CHUNK)
    for index in range(1, client.total):
        client.send(index)
    assert_error(client.finalize(), 422, "E_FILE_HASH")


@pytest.mark.parametrize(
    ("index", "piece", "more", "status"),
    [
        (13, b"x" * CHUNK, {}, 400),
        (10**14, b"x", {}, 400),
        (0, b"x" * (CHUNK // 2), {}, 400),
        (0, b"x" * (CHUNK * 3), {}, 413),
        (0, None, {"chunk_total": 14}, 400),
        (0, None, {"chunk_index": "-1"}, 400),
        (0, None, {"chunk_index": "first"}, 400),
        (0, None, {"checksum": "nonsense"}, 400),
        (0, None, {"upload_id": "../../etc/passwd"}, 404),
    ],
)
def test_a_chunk_that_can_not_be_is_refused_and_loses_nothing(
    client: ReferenceClient, index: int, piece: bytes | None, more: dict[str, Any], status: int
) -> None:
    client.init()
    assert client.send(index, piece, **more).status_code == status
    assert client.status()["received_chunks"] == 0
    for each in range(client.total):
        assert client.send(each).status_code == 200
    assert client.send(2, b"short").status_code == 200
    assert Path(client.finalize().json()["file_path"]).read_bytes() == DATA


def test_a_chunk_of_another_size_than_the_first_is_refused(client: ReferenceClient) -> None:
    client.init()
    client.send(0)
    assert client.send(1, b"x" * (CHUNK - 1)).status_code in (400, 409)
    assert client.send(1, b"x" * (CHUNK + 1)).status_code == 413
    assert client.status()["received_chunks"] == 1


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "", "a\0b", "x/" * 80 + "y"])
def test_a_name_that_leads_elsewhere_is_refused(relay: HttpRelay, client: ReferenceClient, name: str) -> None:
    assert client.init(filename=name).status_code == 400
    assert relay.files() == []


def test_a_name_with_folders_is_kept_below_the_relays(relay: HttpRelay) -> None:
    client = ReferenceClient(relay.url, b"lap", name="monza/quali/lap.bin")
    done = client.upload().json()
    assert Path(done["file_path"]) == relay.directory / "uploads" / "monza" / "quali" / "lap.bin"
    client.close()


def test_two_files_of_one_name_are_both_kept(relay: HttpRelay) -> None:
    for data in (b"one", b"two", b"one"):
        client = ReferenceClient(relay.url, data, name="lap.bin")
        assert client.upload().status_code == 200
        client.close()
    assert [path.read_bytes() for path in relay.files()] == [b"two", b"one"]


@pytest.mark.parametrize(
    "more",
    [
        {"filesize": -1},
        {"filesize": 1 << 70},
        {"chunks": 0},
        {"chunks": 200_000},
        {"chunks": 10**9},
        {"chunks": 3, "chunk_size": 10},
        {"filename": 7},
        {"checksum": "zz"},
        {"metadata": {"x": "y" * 70_000}},
    ],
)
def test_what_can_not_be_begun_is_refused(client: ReferenceClient, more: dict[str, Any]) -> None:
    answer = client.init(**more)
    assert 400 <= answer.status_code < 500
    assert set(answer.json()) == {"error", "code", "hint"}


def test_more_than_the_relay_takes_is_refused_at_once(client: ReferenceClient) -> None:
    assert_error(client.init(filesize=50_000_001, chunks=100), 413, "E_TOO_LARGE")


def test_what_is_no_json_and_no_form_is_refused(client: ReferenceClient) -> None:
    assert_error(client.http.post("/upload/init", content=b"{"), 400, "E_USAGE")
    assert_error(client.http.post("/upload/init", content=b" " * (2 << 20)), 413, "E_TOO_LARGE")
    assert_error(client.http.post("/upload/chunk", content=b"x"), 415, "E_MEDIA_TYPE")
    assert_error(client.http.post("/upload/chunk", data={"a": "b"}, files={"c": b"d"}), 400, "E_USAGE")
    assert_error(client.http.get("/nowhere"), 404, "E_NOT_FOUND")
    assert_error(client.http.delete("/health"), 405, "E_CONFLICT")


def test_a_page_of_another_site_is_refused(client: ReferenceClient) -> None:
    assert_error(client.http.get("/uploads", headers={"Host": "evil.example"}), 403, "E_SECURITY")
    assert_error(client.http.get("/uploads", headers={"Origin": "https://evil.example"}), 403, "E_SECURITY")


def raw_chunk(client: ReferenceClient, index: int, sent_bytes: int) -> socket.socket:
    """A connection that sends a part of a chunk, and then nothing."""
    body = (
        f'--b\r\nContent-Disposition: form-data; name="upload_id"\r\n\r\n{client.upload_id}\r\n'
        f'--b\r\nContent-Disposition: form-data; name="chunk_index"\r\n\r\n{index}\r\n'
        f'--b\r\nContent-Disposition: form-data; name="chunk_total"\r\n\r\n{client.total}\r\n'
        f'--b\r\nContent-Disposition: form-data; name="chunk"; filename="c"\r\n\r\n'
    ).encode()
    length = len(body) + len(client.piece(index)) + len(b"\r\n--b--\r\n")
    head = (
        f"POST /upload/chunk HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    ).encode()
    url = client.http.base_url
    connection = socket.create_connection((url.host, url.port or 80), 60)
    connection.sendall(head + body + client.piece(index)[:sent_bytes])
    return connection


def test_a_client_that_stalls_holds_up_nobody(client: ReferenceClient) -> None:
    client.init()
    client.send(0)
    with raw_chunk(client, 1, CHUNK // 2) as stalled:
        for index in range(2, client.total):
            assert client.send(index).status_code == 200
        stalled.setblocking(False)
        with pytest.raises(BlockingIOError):  # it is waited for still
            stalled.recv(65536)


def test_a_client_that_stalls_is_cut(tmp_path: Path) -> None:
    with HttpRelay(tmp_path, http_config(body_timeout_s=2.0)) as relay:
        client = ReferenceClient(relay.url, DATA, chunk=CHUNK)
        client.init()
        client.send(0)
        with raw_chunk(client, 1, CHUNK // 2) as stalled:
            answer = stalled.recv(65536)
            assert b"408" in answer.split(b"\r\n", 1)[0]
        assert client.status()["next_chunk"] == 1
        for index in range(1, client.total):
            assert client.send(index).status_code == 200
        assert client.finalize().json()["success"]
        client.close()


def test_a_newcomer_takes_over_from_a_request_that_hangs(tmp_path: Path) -> None:
    chunk = BLOCK_BYTES_MAX + 100_000
    data = random_bytes(3 * chunk - 1)
    with HttpRelay(tmp_path, http_config(body_timeout_s=60.0)) as relay:
        client = ReferenceClient(relay.url, data, chunk=chunk)
        client.init()
        client.send(0)
        with raw_chunk(client, 1, chunk - 50_000) as hanging:
            hanging.settimeout(60.0)
            until(lambda: relay.files()[0].read_bytes()[chunk : chunk + 9] == data[chunk : chunk + 9], "nothing came")
            started = time.monotonic()
            assert client.send(1).status_code == 200
            assert time.monotonic() - started < 30  # a body may take 60 s
            assert b"409" in hanging.recv(65536).split(b"\r\n", 1)[0]
        client.send(2)
        assert Path(client.finalize().json()["file_path"]).read_bytes() == data
        client.close()


def test_a_chunk_that_breaks_off_is_not_counted(client: ReferenceClient) -> None:
    client.init()
    client.send(0)
    raw_chunk(client, 1, CHUNK // 2).close()
    assert client.send(2).status_code == 200
    assert client.status()["uploaded_chunks"] == [0, 2]
    for index in range(client.total):
        client.send(index)
    assert client.finalize().json()["success"]


def test_an_upload_that_is_given_up_leaves_nothing(relay: HttpRelay, client: ReferenceClient) -> None:
    client.init()
    client.send(0)
    where = f"/upload/{client.upload_id}"
    assert client.http.delete(where).status_code == 204
    assert relay.files() == []
    assert_error(client.http.delete(where), 404, "E_NOT_FOUND")
    assert client.send(1).status_code == 404


def test_giving_up_ends_a_request_that_writes(client: ReferenceClient, relay: HttpRelay) -> None:
    client.init()
    client.send(0)
    with raw_chunk(client, 1, CHUNK // 2) as hanging:
        hanging.settimeout(60.0)
        assert client.http.delete(f"/upload/{client.upload_id}").status_code == 204
        assert b"HTTP/1.1 4" in hanging.recv(65536)
    assert relay.files() == []


def test_a_file_that_has_arrived_stays_with_its_receipt(client: ReferenceClient) -> None:
    done = client.upload().json()
    assert client.http.delete(f"/upload/{client.upload_id}").status_code == 204
    assert Path(done["file_path"]).read_bytes() == DATA
    assert client.http.get(f"/upload/receipt/{client.upload_id}").json() == done["receipt"]


def test_idle_uploads_are_discarded(tmp_path: Path) -> None:
    with HttpRelay(tmp_path, http_config(idle_expiry_s=0.0)) as relay:
        client = ReferenceClient(relay.url, DATA, chunk=CHUNK)
        client.init()
        client.send(0)
        relay.stop()
        relay.start()
        until(lambda: relay.files() == [], "the part was not discarded")
        client.close()


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_chunk_size_named_before_holds_for_files_of_every_size(relay: HttpRelay, size: int) -> None:
    client = ReferenceClient(relay.url, random_bytes(size), chunk=CHUNK)
    client.total = max(1, client.total)
    client.init(chunk_size=CHUNK)
    for index in reversed(range(client.total)):
        assert client.send(index).status_code == 200
    assert Path(client.finalize().json()["file_path"]).read_bytes() == client.data
    client.close()
