"""tus 1.0.0 as its text says it, and as bad clients speak it, over loopback."""

from __future__ import annotations

import base64
import hashlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import blake3
import httpx
import pytest

from tests.support.http_relay import HttpRelay, http_config, random_bytes, until

DATA = random_bytes(3_000_000)
OFFSET_TYPE = "application/offset+octet-stream"


class Tus:
    """A client, step by step."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60, headers={"Tus-Resumable": "1.0.0"})

    def create(self, size: int | None, name: str = "lap.bin", **headers: str) -> httpx.Response:
        encoded = base64.b64encode(name.encode()).decode()
        sizes = {} if size is None else {"Upload-Length": str(size)}
        fields = {"Upload-Metadata": f"filename {encoded}"} if name else {}
        return self.http.post("/files/", headers={**sizes, **fields, **headers})

    def begin(self, size: int, name: str = "lap.bin", **headers: str) -> str:
        answer = self.create(size, name, **headers)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["Location"])

    def patch(self, where: str, offset: int, data: Any, **headers: str) -> httpx.Response:
        sent = {"Upload-Offset": str(offset), "Content-Type": OFFSET_TYPE, **headers}
        return self.http.patch(where, content=data, headers=sent)

    def offset(self, where: str) -> int:
        answer = self.http.head(where)
        assert answer.status_code == 200
        return int(answer.headers["Upload-Offset"])

    def send(self, data: bytes, name: str = "lap.bin", **headers: str) -> str:
        where = self.begin(len(data), name, **headers)
        if data:
            assert self.patch(where, 0, data).status_code == 204
        return where


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[HttpRelay]:
    with HttpRelay(tmp_path, http_config(body_timeout_s=60.0, upload_bytes_max=50_000_000)) as relay:
        yield relay


@pytest.fixture
def tus(relay: HttpRelay) -> Iterator[Tus]:
    client = Tus(relay.url)
    yield client
    client.http.close()


def checksum(data: bytes, algorithm: str = "sha1") -> dict[str, str]:
    digest = hashlib.new(algorithm, data, usedforsecurity=False).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


def assert_error(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    body = answer.json()
    assert body["code"] == code
    assert body["hint"]


def raw_patch(relay: HttpRelay, where: str, offset: int, length: int, data: bytes) -> socket.socket:
    """A connection that sends a part of a body, and then nothing."""
    url = httpx.URL(relay.url)
    connection = socket.create_connection((url.host, url.port or 80), 60)
    head = (
        f"PATCH {where} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n"
        f"Content-Type: {OFFSET_TYPE}\r\nContent-Length: {length}\r\n\r\n"
    )
    connection.sendall(head.encode() + data)
    return connection


def test_options_says_what_is_spoken(tus: Tus) -> None:
    answer = tus.http.options("/files/")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Max-Size"] == "50000000"
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        *("creation", "creation-with-upload", "checksum", "termination", "expiration", "concatenation")
    }
    assert "sha1" in answer.headers["Tus-Checksum-Algorithm"].split(",")


def test_a_file_comes_in_pieces_and_is_named_when_it_is_whole(relay: HttpRelay, tus: Tus) -> None:
    where = tus.begin(len(DATA), "monza/lap.bin")
    offset = 0
    while offset < len(DATA):
        assert [path.suffix for path in relay.files()] in ([], [".part"])
        answer = tus.patch(where, offset, DATA[offset : offset + 700_000])
        assert answer.status_code == 204
        offset = int(answer.headers["Upload-Offset"])
    (path,) = relay.files()
    assert path == relay.directory / "uploads" / "monza" / "lap.bin"
    assert path.read_bytes() == DATA
    assert relay.events[0]["hash"] == "blake3:" + blake3.blake3(DATA).hexdigest()
    head = tus.http.head(where)
    assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == (str(len(DATA)),) * 2
    assert head.headers["Cache-Control"] == "no-store"
    assert base64.b64decode(head.headers["Upload-Metadata"].split()[1]) == b"monza/lap.bin"


def test_the_first_bytes_may_come_with_the_creation(relay: HttpRelay, tus: Tus) -> None:
    answer = tus.http.post(
        "/files/", content=DATA[:1000], headers={"Upload-Length": str(len(DATA)), "Content-Type": OFFSET_TYPE}
    )
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "1000")
    assert tus.patch(answer.headers["Location"], 1000, DATA[1000:]).status_code == 204
    (path,) = relay.files()
    assert path.read_bytes() == DATA


def test_an_empty_file_is_there_at_once(relay: HttpRelay, tus: Tus) -> None:
    tus.begin(0, "empty.bin")
    assert [path.read_bytes() for path in relay.files()] == [b""]


@pytest.mark.parametrize("seed", range(3))
def test_pieces_of_any_size_with_and_without_checksums_make_the_file(relay: HttpRelay, tus: Tus, seed: int) -> None:
    chance = random.Random(seed)
    where, offset = tus.begin(len(DATA)), 0
    while offset < len(DATA):
        piece = DATA[offset : offset + chance.randrange(1, 900_000)]
        kind = chance.choice(("", "", "sha1", "md5", "sha512"))
        if chance.random() < 0.2:
            assert tus.patch(where, offset, piece[:-1] + b"?", **checksum(piece)).status_code in (204, 460)
        if tus.offset(where) == offset:
            assert tus.patch(where, offset, piece, **(checksum(piece, kind) if kind else {})).status_code == 204
        offset = tus.offset(where)
    assert relay.files()[0].read_bytes() == DATA


def test_a_body_of_unknown_length_is_taken(relay: HttpRelay, tus: Tus) -> None:
    where = tus.begin(len(DATA))
    assert tus.patch(where, 0, iter([DATA[:1_000_000], DATA[1_000_000:]])).status_code == 204
    assert relay.files()[0].read_bytes() == DATA


def test_a_wrong_checksum_is_460_and_counts_nothing(relay: HttpRelay, tus: Tus) -> None:
    where = tus.begin(len(DATA))
    answer = tus.patch(where, 0, DATA[:1_200_000], **checksum(DATA[:999]))
    assert_error(answer, 460, "E_FILE_HASH")
    assert answer.headers["Upload-Offset"] == "0"
    assert tus.offset(where) == 0
    assert tus.patch(where, 0, DATA, **checksum(DATA)).status_code == 204
    assert relay.files()[0].read_bytes() == DATA


@pytest.mark.parametrize("text", ["crc32 AAAA", "sha1 ???", "sha1", "sha1 AAAA"])
def test_a_checksum_that_can_not_be_is_refused(tus: Tus, text: str) -> None:
    where = tus.begin(10)
    assert_error(tus.patch(where, 0, b"0123456789", **{"Upload-Checksum": text}), 400, "E_USAGE")
    assert tus.offset(where) == 0


def test_a_file_declared_with_its_hash_is_refused_if_it_is_another(relay: HttpRelay, tus: Tus) -> None:
    declared = base64.b64encode(f"blake3:{blake3.blake3(b'other').hexdigest()}".encode()).decode()
    where = tus.begin(4, "", **{"Upload-Metadata": f"filename bGFw,checksum {declared}"})
    assert_error(tus.patch(where, 0, b"this"), 422, "E_FILE_HASH")
    assert tus.http.head(where).status_code == 410
    assert relay.files() == []


def test_a_wrong_offset_is_409_and_names_the_right_one(tus: Tus) -> None:
    where = tus.begin(len(DATA))
    tus.patch(where, 0, DATA[:500])
    for offset in (0, 499, 501, len(DATA), 10**15):
        answer = tus.patch(where, offset, b"x" * 10)
        assert_error(answer, 409, "E_CONFLICT")
        assert answer.headers["Upload-Offset"] == "500"


def test_more_than_was_announced_is_refused(relay: HttpRelay, tus: Tus) -> None:
    where = tus.begin(1000)
    assert_error(tus.patch(where, 0, b"x" * 1001), 413, "E_TOO_LARGE")
    assert_error(tus.patch(where, 0, iter([b"x" * 600, b"x" * 600])), 413, "E_TOO_LARGE")
    offset = tus.offset(where)
    assert offset <= 1000
    assert tus.patch(where, offset, b"x" * (1000 - offset)).status_code == 204
    assert relay.files()[0].read_bytes() == b"x" * 1000
    assert_error(tus.create(50_000_001), 413, "E_TOO_LARGE")


def test_bytes_of_a_finished_upload_change_nothing(relay: HttpRelay, tus: Tus) -> None:
    where = tus.send(DATA)
    assert_error(tus.patch(where, 0, b"x" * 1000), 409, "E_CONFLICT")
    assert tus.patch(where, len(DATA), b"").status_code == 204
    assert relay.files()[0].read_bytes() == DATA


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Tus-Resumable": "0.2.2"}, 412),
        ({"Content-Type": "text/plain"}, 415),
        ({"Upload-Offset": "-1"}, 400),
        ({"Upload-Offset": "many"}, 400),
        ({"Upload-Offset": "9" * 30}, 400),
    ],
)
def test_requests_that_break_the_protocol_are_refused(tus: Tus, headers: dict[str, str], status: int) -> None:
    where = tus.begin(10)
    answer = tus.patch(where, 0, b"0123456789", **headers)
    assert answer.status_code == status
    assert (answer.headers.get("Tus-Version") == "1.0.0") == (status == 412)
    assert tus.offset(where) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Upload-Length": "-1"},
        {"Upload-Length": "1e3"},
        {"Upload-Length": "5", "Upload-Metadata": "filename ???"},
        {"Upload-Length": "5", "Upload-Metadata": "a bGFw,a bGFw"},
        {"Upload-Length": "5", "Upload-Metadata": "filename " + base64.b64encode(b"../x").decode()},
        {"Upload-Length": "5", "Upload-Concat": "half"},
        {"Upload-Concat": "final;"},
        {"Upload-Concat": "final;/files/a /files/a"},
        {},
    ],
)
def test_what_can_not_be_begun_is_refused(relay: HttpRelay, tus: Tus, headers: dict[str, str]) -> None:
    assert tus.create(None, "", **headers).status_code == 400
    assert relay.files() == []


def test_unknown_uploads_are_404(tus: Tus) -> None:
    assert tus.http.head("/files/nobody").status_code == 404
    assert_error(tus.patch("/files/nobody", 0, b"x"), 404, "E_NOT_FOUND")
    assert_error(tus.http.delete("/files/nobody"), 404, "E_NOT_FOUND")
    assert_error(tus.http.get("/files/nobody"), 405, "E_CONFLICT")


def test_an_upload_is_given_up_by_delete(relay: HttpRelay, tus: Tus) -> None:
    where = tus.begin(len(DATA))
    tus.patch(where, 0, DATA[:1000])
    assert len(relay.files()) == 1
    assert tus.http.delete(where).status_code == 204
    assert relay.files() == []
    assert tus.http.head(where).status_code == 404


def test_delete_never_takes_a_file_that_has_arrived(relay: HttpRelay, tus: Tus) -> None:
    where = tus.send(DATA)
    assert tus.http.delete(where).status_code == 204
    assert tus.http.head(where).status_code == 404
    assert relay.files()[0].read_bytes() == DATA


def test_methods_may_come_as_post(tus: Tus) -> None:
    where = tus.begin(4)
    headers = {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
    assert tus.http.post(where, content=b"1234", headers=headers).status_code == 204


def test_idle_uploads_say_when_they_expire_and_do(tmp_path: Path) -> None:
    with HttpRelay(tmp_path, http_config(idle_expiry_s=3600.0)) as relay:
        tus = Tus(relay.url)
        where = tus.begin(len(DATA))
        answer = tus.patch(where, 0, DATA[:1000])
        expires = parsedate_to_datetime(answer.headers["Upload-Expires"]).timestamp()
        assert 3500 < expires - time.time() < 3700
        relay.stop()
        relay.config = http_config(idle_expiry_s=0.0)
        relay.start()
        until(lambda: relay.files() == [], "the part was not discarded")
        tus.http.close()


def test_partial_uploads_become_one_file(relay: HttpRelay, tus: Tus) -> None:
    pieces = [DATA[:1_000_000], DATA[1_000_000:1_000_001], b"", DATA[1_000_001:]]
    parts = [tus.send(piece, "", **{"Upload-Concat": "partial"}) for piece in pieces]
    assert all(path.suffix == ".part" for path in relay.files())
    concat = {"Upload-Concat": "final;" + " ".join([relay.url + parts[0], *parts[1:]])}
    answer = tus.create(None, "whole.bin", **concat)
    assert answer.status_code == 201
    (path,) = relay.files()
    assert (path.name, path.read_bytes()) == ("whole.bin", DATA)
    head = tus.http.head(answer.headers["Location"])
    assert head.headers["Upload-Concat"] == concat["Upload-Concat"]
    assert head.headers["Upload-Length"] == head.headers["Upload-Offset"] == str(len(DATA))
    again = tus.create(None, "whole.bin", **concat)
    assert again.headers["Location"] == answer.headers["Location"]
    assert tus.patch(answer.headers["Location"], len(DATA), b"").status_code == 403


def test_partial_uploads_that_are_not_whole_become_nothing(relay: HttpRelay, tus: Tus) -> None:
    where = tus.begin(10, "", **{"Upload-Concat": "partial"})
    tus.patch(where, 0, b"12345")
    assert_error(tus.create(None, "w", **{"Upload-Concat": f"final;{where}"}), 409, "E_CONFLICT")
    assert_error(tus.create(None, "w", **{"Upload-Concat": "final;/files/nobody"}), 404, "E_NOT_FOUND")
    assert tus.http.head(where).headers["Upload-Concat"] == "partial"
    assert tus.patch(where, 5, b"67890").status_code == 204


def test_what_came_before_a_connection_broke_counts(relay: HttpRelay, tus: Tus) -> None:
    where = tus.begin(len(DATA))
    raw_patch(relay, where, 0, len(DATA), DATA[:1_000_000]).close()
    status = f"/upload/status/{where.rpartition('/')[2]}"  # asking this way ends no request, as HEAD does
    until(lambda: tus.http.get(status).json()["bytes_uploaded"] == 1_000_000, "what came does not count")
    assert tus.offset(where) == 1_000_000
    assert tus.patch(where, 1_000_000, DATA[1_000_000:]).status_code == 204
    assert relay.files()[0].read_bytes() == DATA


def test_a_client_that_stalls_holds_up_nobody(relay: HttpRelay, tus: Tus) -> None:
    where = tus.begin(len(DATA))
    with raw_patch(relay, where, 0, len(DATA), DATA[:1_000_000]) as stalled:
        tus.send(DATA, "other.bin")
        assert tus.http.options("/files/").status_code == 204
        stalled.setblocking(False)
        with pytest.raises(BlockingIOError):  # it is waited for still
            stalled.recv(65536)


def test_a_client_that_stalls_is_cut_and_keeps_its_bytes(tmp_path: Path) -> None:
    with HttpRelay(tmp_path, http_config(body_timeout_s=2.0)) as relay:
        tus = Tus(relay.url)
        where = tus.begin(len(DATA))
        with raw_patch(relay, where, 0, len(DATA), DATA[:1_000_000]) as stalled:
            answer = stalled.recv(65536)
            assert b"408" in answer.split(b"\r\n", 1)[0]
            assert b"upload-offset: 1000000" in answer.lower()
        assert tus.offset(where) == 1_000_000
        tus.http.close()


@pytest.mark.parametrize("by_head", [True, False])
def test_a_newcomer_takes_over_from_a_request_that_hangs(tmp_path: Path, by_head: bool) -> None:
    with HttpRelay(tmp_path, http_config(body_timeout_s=60.0)) as relay:
        tus = Tus(relay.url)
        where = tus.begin(len(DATA))
        with raw_patch(relay, where, 0, len(DATA), DATA[:2_500_000]) as hanging:
            hanging.settimeout(60.0)
            until(lambda: len(relay.files()) == 1, "nothing was written")
            started = time.monotonic()
            if by_head:
                offset = tus.offset(where)
            else:
                answer = tus.patch(where, 0, DATA)
                assert_error(answer, 409, "E_CONFLICT")
                offset = int(answer.headers["Upload-Offset"])
            assert 0 < offset <= 2_500_000
            assert time.monotonic() - started < 30  # a body may take 60 s
            assert b"409" in hanging.recv(65536).split(b"\r\n", 1)[0]
        assert tus.patch(where, offset, DATA[offset:]).status_code == 204
        assert relay.files()[0].read_bytes() == DATA
        tus.http.close()


def test_two_clients_on_one_upload_make_one_file(relay: HttpRelay) -> None:
    owner = Tus(relay.url)
    where = owner.begin(len(DATA))
    failures: list[str] = []

    def push(seed: int) -> None:
        client, chance = Tus(relay.url), random.Random(seed)
        for _ in range(200):
            offset = client.offset(where)
            if offset == len(DATA):
                break
            answer = client.patch(where, offset, DATA[offset : offset + chance.randrange(1, 400_000)])
            if answer.status_code not in (204, 409):
                failures.append(answer.text)
        client.http.close()

    threads = [threading.Thread(target=push, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert [path.read_bytes() for path in relay.files()] == [DATA]
    owner.http.close()


def test_an_upload_goes_on_after_a_restart_of_the_relay(relay: HttpRelay, tus: Tus) -> None:
    where = tus.begin(len(DATA))
    tus.patch(where, 0, DATA[:1_500_000])
    relay.stop()
    relay.start()
    after = Tus(relay.url)
    assert after.offset(where) == 1_500_000
    assert after.patch(where, 1_500_000, DATA[1_500_000:]).status_code == 204
    assert relay.files()[0].read_bytes() == DATA
    after.http.close()


def test_status_and_list_tell_of_tus_uploads_too(relay: HttpRelay, tus: Tus) -> None:
    where = tus.begin(len(DATA))
    tus.patch(where, 0, DATA[:1_500_000])
    status = tus.http.get(f"/upload/status/{where.rpartition('/')[2]}").json()
    assert (status["protocol"], status["bytes_uploaded"], status["progress"]) == ("tus", 1_500_000, 50.0)
    assert status["metadata"] == {"filename": "lap.bin"}
    tus.patch(where, 1_500_000, DATA[1_500_000:])
    (listed,) = tus.http.get("/uploads").json()["uploads"]
    assert listed["filename"] == "lap.bin"
