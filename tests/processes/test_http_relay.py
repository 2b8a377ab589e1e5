"""The relay's HTTP side as a process: killed in the middle of uploads, out of room, robbed of its state."""

from __future__ import annotations

import os
import random
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from tests.support.field import Field, Running, data_of
from tests.support.http_relay import ReferenceClient
from transfer_core.engine.system import SystemClock
from transfer_core.jobs.store import JobStore
from transfer_core.protocol.security.receipts import verify_receipt

MB = 1_000_000
CHUNK = 500_000
KILLS = int(os.environ.get("DRS_KILLS", "2"))
OWN_DISK = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=24m tmpfs "$0" && exec "$@"')


class Client(Protocol):
    """An upload in pieces of CHUNK, over any number of connections."""

    def begin(self, url: str) -> None: ...
    def lacks(self, url: str) -> int | None:
        """The first byte that the relay lacks; None: nothing."""
        ...

    def send(self, url: str, offset: int, body: Iterator[bytes]) -> httpx.Response: ...
    def end(self, url: str) -> None: ...


class Tus:
    def __init__(self, data: bytes, name: str = "lap.bin") -> None:
        self.data, self.where = data, ""

    def begin(self, url: str) -> None:
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(self.data)), "Upload-Metadata": "filename bGFw"}
        answer = httpx.post(f"{url}/files/", headers=headers, timeout=60)
        answer.raise_for_status()
        self.where = answer.headers["Location"]

    def lacks(self, url: str) -> int | None:
        answer = httpx.head(url + self.where, headers={"Tus-Resumable": "1.0.0"}, timeout=60)
        answer.raise_for_status()
        offset = int(answer.headers["Upload-Offset"])
        return None if offset == len(self.data) else offset

    def send(self, url: str, offset: int, body: Iterator[bytes]) -> httpx.Response:
        headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset)}
        headers["Content-Type"] = "application/offset+octet-stream"
        return httpx.patch(url + self.where, content=body, headers=headers, timeout=60)

    def end(self, url: str) -> None:
        return


class Chunks:
    def __init__(self, data: bytes) -> None:
        self.data, self.upload_id, self.total = data, "", -(-len(data) // CHUNK)

    def begin(self, url: str) -> None:
        body = {"filename": "lap", "filesize": len(self.data), "chunks": self.total, "chunk_size": CHUNK}
        answer = httpx.post(f"{url}/upload/init", json=body, timeout=60)
        answer.raise_for_status()
        self.upload_id = answer.json()["upload_id"]

    def lacks(self, url: str) -> int | None:
        answer = httpx.get(f"{url}/upload/status/{self.upload_id}", timeout=60)
        answer.raise_for_status()
        index = answer.json()["next_chunk"]
        return None if index is None else index * CHUNK

    def send(self, url: str, offset: int, body: Iterator[bytes]) -> httpx.Response:
        fields = {"upload_id": self.upload_id, "chunk_index": offset // CHUNK, "chunk_total": self.total}
        head = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
        )
        head += '--b\r\nContent-Disposition: form-data; name="chunk"; filename="c"\r\n\r\n'

        def form() -> Iterator[bytes]:
            yield head.encode()
            yield from body
            yield b"\r\n--b--\r\n"

        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        return httpx.post(f"{url}/upload/chunk", content=form(), headers=headers, timeout=60)

    def end(self, url: str) -> None:
        httpx.post(f"{url}/upload/finalize", json={"upload_id": self.upload_id}, timeout=60).raise_for_status()


def start(field: Field, *more: object, prefix: tuple[str, ...] = ()) -> tuple[Running, str]:
    relay = field.start_relay("--http", "127.0.0.1:0", *more, prefix=prefix)
    return relay, str(relay.wait_for("ready")["http"])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("protocol", [Tus, Chunks])
def test_a_relay_killed_in_the_middle_of_requests_loses_nothing(
    field: Field, protocol: type[Tus] | type[Chunks]
) -> None:
    data = data_of(6 * MB, seed=3)
    client: Client = protocol(data)
    chance = random.Random(protocol.__name__)
    kill_at = sorted(chance.randrange(len(data)) for _ in range(KILLS))
    relay, url = start(field)
    client.begin(url)
    sent_bytes = killed = 0

    def body(offset: int, victim: Running) -> Iterator[bytes]:
        nonlocal sent_bytes
        for start_byte in range(offset, min(offset + CHUNK, len(data)), 32_000):
            if killed < len(kill_at) and start_byte >= kill_at[killed]:
                victim.kill()
            piece = data[start_byte : min(start_byte + 32_000, offset + CHUNK)]
            sent_bytes += len(piece)
            yield piece

    while (offset := client.lacks(url)) is not None:
        try:
            assert client.send(url, offset, body(offset, relay)).status_code in (200, 204)
        except httpx.TransportError:
            assert relay.process.poll() is not None, "the relay cut a connection without being killed"
            killed += 1
            relay, url = start(field)
    client.end(url)
    (arrived,) = [path for path in field.inbox.rglob("*") if path.is_file()]
    assert arrived.read_bytes() == data
    assert killed == KILLS
    again = sent_bytes - len(data)
    sys.stdout.write(f"{protocol.__name__}: {killed} kills of the relay: {again / 1e6:.1f} MB were sent again\n")
    assert sent_bytes - len(data) <= killed * CHUNK


@pytest.mark.skipif(sys.platform != "linux", reason="a disk of its own for the relay needs Linux")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() != 0, reason="a disk of its own needs root")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="a disk of its own needs `unshare` (util-linux)")
@pytest.mark.parametrize("protocol", [Tus, Chunks])
def test_a_full_disk_is_507_and_the_upload_goes_on_when_there_is_room(
    field: Field, protocol: type[Tus] | type[Chunks]
) -> None:
    field.inbox.mkdir()
    relay, url = start(field, "--keep-free", "1MB", prefix=(*OWN_DISK, str(field.inbox)))
    disk = Path(f"/proc/{relay.process.pid}/root") / field.inbox.relative_to("/")
    too_large = httpx.post(f"{url}/upload/init", json={"filename": "x", "filesize": 30 * MB, "chunks": 30}, timeout=60)
    assert (too_large.status_code, too_large.json()["code"]) == (507, "E_DISK_FULL")
    assert too_large.headers["Retry-After"]
    data = data_of(12 * MB, seed=4)
    client: Client = protocol(data)
    client.begin(url)
    (disk / "filler").write_bytes(bytes(16 * MB))  # somebody else was faster
    refused = 0
    while (offset := client.lacks(url)) is not None:
        answer = client.send(url, offset, iter([data[offset : offset + CHUNK]]))
        if answer.status_code in (200, 204):
            continue
        assert (answer.status_code, answer.json()["code"]) == (507, "E_DISK_FULL")
        assert httpx.get(f"{url}/health", timeout=60).json()["status"] == "full"
        refused += 1
        if refused == 3:
            (disk / "filler").unlink()
    client.end(url)
    assert refused == 3
    arrived = [path.read_bytes() for path in disk.rglob("lap*") if path.is_file()]
    assert arrived == [data]


def test_a_relay_that_lost_its_state_lets_the_upload_begin_anew(field: Field) -> None:
    data = data_of(2 * MB, seed=5)
    relay, url = start(field)
    client = ReferenceClient(url, data, name="lap.bin", chunk=CHUNK)
    client.init()
    client.send(0)
    client.close()
    relay.kill()
    shutil.rmtree(field.folder / "r")
    relay, url = start(field)
    again = ReferenceClient(url, data, name="lap.bin", chunk=CHUNK)
    again.upload_id = client.upload_id
    assert again.send(1).status_code == 404
    assert again.upload().status_code == 200
    again.close()
    (arrived,) = [path for path in field.inbox.rglob("*") if path.suffix == ".bin"]
    assert arrived.read_bytes() == data


def test_tokens_are_made_listed_and_revoked_by_commands(field: Field) -> None:
    made = field.say("relay", "http-token", "logger", "--json", state="r").json
    assert made["name"] == "logger"
    (listed,) = field.say("relay", "http-tokens", "--json", state="r").json
    assert (listed["name"], listed["folder"]) == ("logger", "logger")
    assert made["token"] not in str(listed)
    _, url = start(field)
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert httpx.get(f"{url}/uploads", headers=headers, timeout=60).status_code == 200
    assert field.say("relay", "revoke", "logger", state="r").code == 0
    assert httpx.get(f"{url}/uploads", headers=headers, timeout=60).status_code == 401
    assert field.say("relay", "revoke", "logger", state="r").code == 1


def test_what_came_over_http_is_listed(field: Field) -> None:
    relay, url = start(field)
    client = ReferenceClient(url, b"lap", name="lap.bin")
    client.upload()
    client.http.post("/upload/init", json={"filename": "next.bin", "filesize": 9, "chunks": 3})
    client.close()
    assert relay.wait_for("received")["path"] == "lap.bin"
    listed = field.say("relay", "list", "--json", state="r").json
    assert [(each["agent"], each["path"], each["status"]) for each in listed] == [
        ("this machine", "next.bin", "uploading"),
        ("this machine", "lap.bin", "completed"),
    ]
    assert "uploads/lap.bin" in field.say("relay", "list", state="r").out
    verify_receipt(field.say("relay", "receipt", listed[1]["file_id"], state="r").json)
    assert field.say("relay", "receipt", listed[0]["file_id"], state="r").err.startswith("E_CONFLICT")
    assert field.say("relay", "receipt", "nothing", state="r").err.startswith("E_NOT_FOUND")


def test_a_relay_signs_for_what_came_over_udp_too(field: Field) -> None:
    field.start_relay()
    field.pair()
    (field.folder / "lap.bin").write_bytes(data_of(100_000))
    field.upload(field.folder / "lap.bin")
    assert field.start_agent("--once").wait() == 0
    (listed,) = field.say("relay", "list", "--json", state="r").json
    receipt = field.say("relay", "receipt", listed["file_id"], state="r").json
    verify_receipt(receipt)
    assert (receipt["file"], receipt["size"]) == (listed["stored_as"], 100_000)
    assert f"blake3:{receipt['blake3']}" == listed["file_hash"]


@pytest.mark.parametrize(
    "words",
    [
        ("--http", "0.0.0.0:0", "--no-tls"),
        ("--tls",),
        ("--http", "127.0.0.1:0", "--tls-cert", "x.pem"),
        ("--http", "127.0.0.1:0", "--no-tls", "--tls-cert", "x.pem", "--tls-key", "x.pem"),
        ("--http", "127.0.0.1:0", "--tls-cert", "x.pem", "--tls-key", "x.pem"),
        ("--http", "example.org:80"),
    ],
)
def test_what_can_not_be_served_is_said_at_once(field: Field, words: tuple[str, ...]) -> None:
    answer = field.say("relay", "--dir", field.inbox, "--listen", "127.0.0.1:0", *words, state="r")
    assert answer.code in (1, 2)
    assert answer.err.count("\n") == 1
    assert answer.err.startswith("E_")


def test_an_agent_that_pairs_learns_of_the_http_side_and_its_certificate(field: Field) -> None:
    relay = field.start_relay("--http", "127.0.0.1:0", "--tls")
    ready = relay.wait_for("ready")
    assert ready["http"].startswith("https://127.0.0.1:")
    field.pair()
    store = JobStore(field.folder / "a", SystemClock())
    (pit,) = store.destinations()
    store.close()
    assert pit.options == {"http": ready["http"], "pin": ready["pin"]}


def test_a_new_machine_pairs_and_uploads_where_udp_does_not_get_through(field: Field) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silence:  # takes datagrams and answers none
        silence.bind(("127.0.0.1", 0))
        relay = field.start_relay("--http", "127.0.0.1:0", "--tls")
        field.pair(f"127.0.0.1:{silence.getsockname()[1]}")
        (field.folder / "lap.bin").write_bytes(data_of(3 * MB))
        field.upload(field.folder / "lap.bin")
        agent = field.start("agent", "--once", "--links", "lo")
        assert agent.wait() == 0, agent.err
    assert field.arrived() == {"lap.bin": data_of(3 * MB)}
    assert relay.wait_for("agent")["over"] == "http"
    relay.kill()
    ready = field.start_relay("--http", "127.0.0.1:0", "--tls").wait_for("ready")
    store = JobStore(field.folder / "a", SystemClock())
    (pit,) = store.destinations()
    store.close()
    assert pit.secret is None
    assert pit.options["pin"] == ready["pin"]


def test_a_used_token_is_refused_over_http_too_and_the_job_says_so(field: Field) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silence:
        silence.bind(("127.0.0.1", 0))
        field.start_relay("--http", "127.0.0.1:0", "--tls")
        where = f"127.0.0.1:{silence.getsockname()[1]}"
        token = field.say("relay", "pair", "--address", where, state="r").out.split()[0]
        for state in ("a", "b"):
            assert field.say("pair", token, "--name", "pit", state=state).code == 0
        (field.folder / "lap.bin").write_bytes(data_of(1000))
        field.upload(field.folder / "lap.bin")
        assert field.start("agent", "--once", "--links", "lo").wait() == 0
        second = field.start("agent", "--links", "lo", state="b")
        said = second.wait_for("notice", topic="relay", severity="serious")
        assert "used already" in said["text"]
        second.stop()
