"""The HTTP side as a whole: who may ask, over what, how often, and what else lives on its port."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from tests.support.http_relay import HttpRelay, ReferenceClient, http_config, random_bytes, until
from transfer_core.engine.system import SystemEntropy
from transfer_core.errors import ConfigError, PortInUse, SecurityError, UsageError
from transfer_core.protocol.security.http_bearer import bearer_of_agent
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.receipts import verify_receipt
from transfer_core.protocol.security.tokens import HttpTrust
from transfer_core.server.companion import RelayGround
from transfer_core.server.coordinator.coordinator import Coordinator
from transfer_core.server.http_facts import keep_http, kept_http
from transfer_core.server.pairing import make_token
from transfer_core.server.relay import Relay
from transfer_core.server.uploads.credentials import make_http_token
from transfer_core.server.uploads.http_side import Tls
from transfer_core.server.uploads.records import UploadDatabase
from transfer_core.sim.seeded_entropy import SeededEntropy
from transfer_core.storage.relay_store import Verdict

AGENT = KeyPair.generate(SeededEntropy(11))
OTHER = KeyPair.generate(SeededEntropy(12))
DATA = random_bytes(300_000)


def pair(relay: HttpRelay, agent: KeyPair, name: str) -> dict[str, str]:
    """What an agent that has paired sends."""
    secret = name.encode().ljust(16, b"\0")
    relay.store.keep_token(secret, 1 << 40)
    assert relay.store.judge(agent.public, 1, name, secret) is Verdict.ACCEPT
    return {"Authorization": f"Bearer {bearer_of_agent(agent, relay.identity.public)}"}


def new_token(relay: HttpRelay, name: str) -> dict[str, str]:
    """What another program sends."""
    database = UploadDatabase(relay.folder / "state", relay.clock)
    try:
        token = make_http_token(database, name, SystemEntropy().token_bytes)
    finally:
        database.close()
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[HttpRelay]:
    """A relay to which others come through a proxy, so that it asks for credentials."""
    with HttpRelay(tmp_path, http_config(), {"behind_proxy": True}) as relay:
        yield relay


def upload(relay: HttpRelay, headers: dict[str, str], name: str = "lap.bin") -> httpx.Response:
    client = ReferenceClient(relay.url, DATA, name=name, chunk=100_000)
    client.http.headers.update(headers)
    try:
        answer = client.init()
        if answer.status_code != 200:
            return answer
        for index in range(client.total):
            client.send(index)
        return client.finalize()
    finally:
        client.close()


# --- credentials


def test_agents_and_tokens_upload_each_into_their_folder(guarded: HttpRelay) -> None:
    assert upload(guarded, pair(guarded, AGENT, "car-7")).status_code == 200
    assert upload(guarded, new_token(guarded, "logger box")).status_code == 200
    folders = [path.relative_to(guarded.directory).as_posix() for path in guarded.files()]
    assert sorted(folders) == ["car-7/lap.bin", "logger-box/lap.bin"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer drsh_wrong"},
        {"Authorization": "Bearer aaaa-bbbb-cccc-dddd.wrong"},
        {"Authorization": "Basic dTpw"},
        {"Authorization": f"Bearer {bearer_of_agent(OTHER, AGENT.public)}"},
    ],
)
def test_a_wrong_credential_is_401(guarded: HttpRelay, headers: dict[str, str]) -> None:
    pair(guarded, AGENT, "car-7")
    for path in ("/uploads", "/upload/status/x", "/files/x", "/docs", "/openapi.json"):
        answer = httpx.get(guarded.url + path, headers=headers, timeout=60)
        assert answer.status_code == 401
        assert answer.json()["code"] == "E_CREDENTIAL"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert upload(guarded, headers).status_code == 401
    assert httpx.get(guarded.url + "/health", timeout=60).status_code == 200
    assert guarded.files() == []


def test_a_wrong_credential_is_refused_on_loopback_too(tmp_path: Path) -> None:
    with HttpRelay(tmp_path, http_config()) as relay:
        assert upload(relay, {"Authorization": "Bearer drsh_wrong"}).status_code == 401
        assert upload(relay, {}).status_code == 200


def test_one_that_is_revoked_ends_at_once(guarded: HttpRelay) -> None:
    agent, token = pair(guarded, AGENT, "car-7"), new_token(guarded, "logger")
    assert httpx.get(guarded.url + "/uploads", headers=agent, timeout=60).status_code == 200
    guarded.store.revoke("car-7")
    answer = httpx.get(guarded.url + "/uploads", headers=agent, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (403, "E_UNKNOWN_PEER")
    database = UploadDatabase(guarded.folder / "state", guarded.clock)
    assert database.revoke_token("logger") == 1
    database.close()
    assert httpx.get(guarded.url + "/uploads", headers=token, timeout=60).status_code == 401


def test_one_that_is_revoked_while_it_sends_is_cut(guarded: HttpRelay) -> None:
    headers = pair(guarded, AGENT, "car-7")
    tus = {"Tus-Resumable": "1.0.0", **headers}
    where = httpx.post(guarded.url + "/files/", headers={**tus, "Upload-Length": "1000000"}, timeout=60).headers[
        "Location"
    ]

    def trickle() -> Iterator[bytes]:
        for number in range(100):
            if number == 5:
                guarded.store.revoke("car-7")
            time.sleep(0.05)
            yield b"x" * 100

    sent = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    answer = httpx.patch(guarded.url + where, content=trickle(), headers=sent, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (403, "E_UNKNOWN_PEER")


def test_nobody_sees_the_uploads_of_another(guarded: HttpRelay) -> None:
    first, second = pair(guarded, AGENT, "car-7"), pair(guarded, OTHER, "car-8")
    upload_id = upload(guarded, first).json()["receipt"]["file"]
    assert upload_id == "car-7/lap.bin"
    listed = httpx.get(guarded.url + "/uploads", headers=first, timeout=60).json()["uploads"]
    assert httpx.get(guarded.url + "/uploads", headers=second, timeout=60).json()["count"] == 0
    status = f"{guarded.url}/upload/status/{listed[0]['upload_id']}"
    assert httpx.get(status, headers=first, timeout=60).status_code == 200
    assert httpx.get(status, headers=second, timeout=60).status_code == 404


def test_tokens_are_kept_as_hashes(guarded: HttpRelay) -> None:
    token = new_token(guarded, "logger")["Authorization"].removeprefix("Bearer ")
    guarded.stop()
    raw = b"".join(path.read_bytes() for path in (guarded.folder / "state").iterdir() if path.is_file())
    assert token.encode() not in raw
    guarded.start()


# --- TLS and where it listens


def pin_seen(url: httpx.URL) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((url.host, url.port or 443), 60) as plain, context.wrap_socket(plain) as tls:
        return hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest()


def test_its_own_certificate_stays_the_same_and_is_what_the_pin_says(tmp_path: Path) -> None:
    with HttpRelay(tmp_path, http_config(), {"tls": Tls()}) as relay:
        assert relay.url.startswith("https://127.0.0.1:")
        pin = relay.facts["pin"]
        assert pin_seen(httpx.URL(relay.url)) == pin
        assert httpx.get(relay.url + "/health", verify=False, timeout=60).status_code == 200
        relay.stop()
        relay.start()
        assert relay.facts["pin"] == pin == pin_seen(httpx.URL(relay.url))
        assert ((tmp_path / "state" / "relay-http.pem").stat().st_mode & 0o077) == 0


def test_a_certificate_of_the_users_own_is_taken(tmp_path: Path) -> None:
    with HttpRelay(tmp_path / "a", http_config(), {"tls": Tls()}) as relay:
        pem = relay.folder / "state" / "relay-http.pem"
        pin = relay.facts["pin"]
    with HttpRelay(tmp_path / "b", http_config(), {"tls": Tls(pem, pem)}) as relay:
        assert pin_seen(httpx.URL(relay.url)) == pin
        assert "pin" not in relay.facts
        kept = kept_http(tmp_path / "b" / "state")
        assert kept is not None
        assert kept.trust is HttpTrust.SYSTEM


def test_a_certificate_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "cert.pem"
    broken.write_text("nothing")
    with pytest.raises(ConfigError, match=r"cert\.pem"):
        HttpRelay(tmp_path, http_config(), {"tls": Tls(broken, broken)}).start()


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with HttpRelay(tmp_path, http_config(), {"tls": Tls()}):
        pass
    (tmp_path / "state" / "relay-http.pem").chmod(0o644)
    with pytest.raises(SecurityError, match="others"):
        HttpRelay(tmp_path, http_config(), {"tls": Tls()}).start()


def test_it_does_not_listen_beyond_loopback_without_tls(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        with pytest.raises(UsageError, match="without TLS"):
            HttpRelay(tmp_path, http_config(), listen=(host, 0)).start()


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with HttpRelay(tmp_path / "a", http_config()) as relay, pytest.raises(PortInUse, match="in use"):
        HttpRelay(tmp_path / "b", http_config(), listen=("127.0.0.1", httpx.URL(relay.url).port or 0)).start()


def test_a_pairing_token_names_the_http_side(tmp_path: Path) -> None:
    from transfer_core.protocol.security.tokens import parse_token

    with HttpRelay(tmp_path, http_config(), {"tls": Tls()}) as relay:
        text = make_token(tmp_path / "state", relay.clock, ("192.0.2.7:9000",), 600).text
        http = parse_token(text).http
        assert http is not None
        assert http.url("127.0.0.1") == relay.url
        assert http.pin.hex() == relay.facts["pin"]


def test_a_token_for_other_machines_names_no_http_without_tls(tmp_path: Path) -> None:
    from transfer_core.protocol.security.tokens import parse_token

    with HttpRelay(tmp_path, http_config()) as relay:
        there = make_token(tmp_path / "state", relay.clock, ("192.0.2.7:9000",), 600)
        here = make_token(tmp_path / "state", relay.clock, ("127.0.0.1:9000",), 600)
        assert parse_token(there.text).http is None
        http = parse_token(here.text).http
        assert http is not None
        assert http.url("127.0.0.1") == relay.url


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"port": "x", "trust": 1, "pin": ""}', '{"port":1,"trust":9,"pin":""}']
)
def test_what_is_kept_of_the_http_side_may_be_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "relay.http").write_text(text)
    assert kept_http(tmp_path) is None
    keep_http(tmp_path, None)
    assert kept_http(tmp_path) is None


# --- limits


def is_cut_while_trickling(connection: socket.socket) -> bool:
    for sign in b"GET /health HTTP/1.1\r\nX: " + b"y" * 10_000:
        try:
            connection.sendall(bytes((sign,)))
            if not connection.recv(1):
                return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False


def test_a_head_that_comes_byte_by_byte_is_cut(tmp_path: Path) -> None:
    with HttpRelay(tmp_path, http_config(header_timeout_s=2.0)) as relay:
        url = httpx.URL(relay.url)
        with socket.create_connection((url.host, url.port or 80), 60) as slow:
            slow.settimeout(0.02)
            started = time.monotonic()
            assert is_cut_while_trickling(slow)
            assert time.monotonic() - started < 60  # it would take 200 s to say all
        with httpx.Client(base_url=relay.url, timeout=60) as client:
            client.get("/health")
            until(lambda: client.get("/health").status_code == 200, "a second request does not go")


def test_a_request_that_takes_longer_than_a_head_may_is_not_cut(tmp_path: Path) -> None:
    with HttpRelay(tmp_path, http_config(header_timeout_s=2.0)) as relay:

        def slowly() -> Iterator[bytes]:
            for start in range(10):
                time.sleep(0.25)  # all of it longer than a head may take
                yield DATA[start * 30_000 : (start + 1) * 30_000]

        tus = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(DATA))}
        headers = {**tus, "Content-Type": "application/offset+octet-stream"}
        assert httpx.post(relay.url + "/files/", content=slowly(), headers=headers, timeout=60).status_code == 201
        assert relay.files()[0].read_bytes() == DATA


def test_more_uploads_than_may_be_open_are_429(tmp_path: Path) -> None:
    with HttpRelay(tmp_path, http_config(open_uploads_max=2)) as relay:
        client = ReferenceClient(relay.url, DATA, chunk=100_000)
        assert [client.init().status_code for _ in range(3)] == [200, 200, 429]
        assert client.init().headers["Retry-After"]
        client.close()


def test_a_quota_counts_what_is_on_its_way(tmp_path: Path) -> None:
    config = http_config()
    config = type(config)(**{**{f: getattr(config, f) for f in config.__slots__}, "quota_bytes_per_agent": 500_000})
    with HttpRelay(tmp_path, config) as relay:
        client = ReferenceClient(relay.url, DATA, chunk=100_000)
        assert client.init().status_code == 200
        answer = client.init()
        assert (answer.status_code, answer.json()["code"]) == (507, "E_QUOTA")
        client.close()


# --- receipts


def test_a_receipt_says_what_arrived_and_is_signed(guarded: HttpRelay) -> None:
    headers = pair(guarded, AGENT, "car-7")
    receipt = upload(guarded, headers).json()["receipt"]
    verify_receipt(receipt)
    assert (receipt["file"], receipt["size"]) == ("car-7/lap.bin", len(DATA))
    upload_id = httpx.get(guarded.url + "/uploads", headers=headers, timeout=60).json()["uploads"][0]["upload_id"]
    assert httpx.get(f"{guarded.url}/upload/receipt/{upload_id}", headers=headers, timeout=60).json() == receipt
    forged = json.loads(json.dumps(receipt).replace(str(len(DATA)), "1"))
    with pytest.raises(SecurityError):
        verify_receipt(forged)


# --- others on the same port


class Greeter:
    """Another application."""

    prefixes = ("/api/greet",)

    def __init__(self) -> None:
        self.closed = 0

    def open(self, ground: RelayGround) -> ASGIApp:
        async def greet(request: Request) -> PlainTextResponse:
            return PlainTextResponse(f"{request.url.path} below {ground.directory.name}")

        async def talk(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_text(await websocket.receive_text())
            await websocket.close()

        return Starlette(routes=[Route("/api/greet/{name}", greet), WebSocketRoute("/api/greet/ws/{name}", talk)])

    def document(self) -> dict[str, Any]:
        return {"paths": {"/api/greet/{name}": {"get": {"summary": "Greet"}}, "/health": {}}}

    def close(self) -> None:
        self.closed += 1


def test_one_document_shows_all_that_the_relay_answers(tmp_path: Path) -> None:
    options: dict[str, Any] = {"mounted": [Greeter(), Coordinator()]}
    options["mounted"][1].serve(Relay(tmp_path / "unused", tmp_path / "in", ("127.0.0.1", 0)))
    with HttpRelay(tmp_path, http_config(), options) as relay:
        assert httpx.get(relay.url + "/docs", timeout=60).status_code == 200
        paths = httpx.get(relay.url + "/openapi.json", timeout=60).json()["paths"]
        assert {"/upload/init", "/files/", "/api/greet/{name}", "/api/register", "/api/metrics"} <= set(paths)
        assert "get" in paths["/health"]


def test_another_application_lives_below_its_prefix(tmp_path: Path) -> None:
    greeter = Greeter()
    options: dict[str, Any] = {"mounted": [greeter], "behind_proxy": True}
    with HttpRelay(tmp_path, http_config(header_timeout_s=2.0), options) as relay:
        assert httpx.get(relay.url + "/api/greet/you", timeout=60).text == "/api/greet/you below in"
        assert httpx.get(relay.url + "/api/greetings", timeout=60).status_code == 401
        assert httpx.get(relay.url + "/health", timeout=60).json()["status"] == "healthy"
        with connect(relay.url.replace("http", "ws") + "/api/greet/ws/you") as websocket:
            time.sleep(2.5)  # longer than a head may take
            websocket.send("hello")
            assert websocket.recv() == "hello"
    assert greeter.closed == 1
