"""'Receive here': a relay in this process, over UDP alone or over HTTP too."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.ports import free_port
from tests.support.upload_world import UploadWorld, wait_until
from transfer_core.engine import destination_verbs
from transfer_core.engine.local_service import LocalService
from transfer_core.errors import PortInUse, TokenUsed
from transfer_core.events import JobState, RelayChanged, RelayView
from transfer_core.protocol.security.tokens import parse_token
from transfer_core.server.relay import Relay

ASKED_AGAIN_S = 4.0  # the relay is probed once more in that time


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalService]:
    for wait in ("PAIR_WAIT_S", "PAIR_HTTP_WAIT_S"):
        monkeypatch.setattr(destination_verbs, wait, 60.0)
    service = LocalService(tmp_path / "host")
    yield service
    service.stop()


def test_with_an_address_for_http_it_listens_there_and_its_tokens_name_it(host: LocalService, tmp_path: Path) -> None:
    relay = host.start_relay(str(tmp_path / "in"), "127.0.0.1:0", "127.0.0.1:0")
    assert httpx.get(f"{relay.http}/health", timeout=60).json()["status"] == "healthy"
    http = parse_token(host.relay_token().text).http
    assert http is not None
    assert http.url("127.0.0.1") == relay.http
    host.stop_relay()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{relay.http}/health", timeout=60)
    assert not host.relay().http


def test_over_udp_alone_its_tokens_name_no_http_even_if_it_had_one_before(host: LocalService, tmp_path: Path) -> None:
    host.start_relay(str(tmp_path / "in"), "127.0.0.1:0", "127.0.0.1:0")
    host.stop_relay()
    assert host.start_relay(str(tmp_path / "in"), "127.0.0.1:0").http == ""
    assert parse_token(host.relay_token().text).http is None


def test_a_port_for_http_that_is_in_use_leaves_nothing_running(host: LocalService, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(PortInUse, match="in use"):
            host.start_relay(str(tmp_path / "in"), "127.0.0.1:0", taken)
    assert not host.relay().running
    assert host.start_relay(str(tmp_path / "in"), "127.0.0.1:0").running


def test_an_agent_whose_udp_does_not_get_through_sends_to_it_over_http(host: LocalService, tmp_path: Path) -> None:
    relay = host.start_relay(str(tmp_path / "in"), "127.0.0.1:0", "127.0.0.1:0")
    world = UploadWorld(tmp_path / "agent")
    try:
        assert world.agent.pair(host.relay_token().text, "pit").online
        host.stop_relay()
        host.start_relay(str(tmp_path / "in"), f"127.0.0.1:{free_port()}", relay.http.removeprefix("http://"))
        source = world.file("stint.bin", 3_000_000)
        job = world.arrive(world.queue(source, to="pit"))
        assert job.status is JobState.COMPLETED
    finally:
        world.stop()
    (arrived,) = [view for view in host.incoming() if view.completed_at]
    assert (tmp_path / "in" / arrived.stored_as).read_bytes() == source.read_bytes()
    shown = host.relay()
    assert (shown.files_done, shown.bytes_received) == (1, 3_000_000)


def test_one_whose_token_somebody_else_has_used_waits_and_says_so_instead_of_failing(
    host: LocalService, tmp_path: Path
) -> None:
    host.start_relay(str(tmp_path / "in"), "127.0.0.1:0", "127.0.0.1:0")
    token = host.relay_token(addresses=(f"127.0.0.1:{free_port()}",))  # pairing is left to HTTP
    first, second = UploadWorld(tmp_path / "first"), UploadWorld(tmp_path / "second")
    try:
        assert first.agent.pair(token.text, "pit").name == "pit"
        assert first.arrive(first.queue(first.file("stint.bin", 1000), to="pit")).status is JobState.COMPLETED
        with pytest.raises(TokenUsed):
            second.agent.pair(token.text, "pit")
        job = second.queue(second.file("stint.bin", 1000), to="pit")
        wait_until(lambda: "token" in second.job(job).reason, "the reason")
        end = time.monotonic() + ASKED_AGAIN_S
        while time.monotonic() < end:
            assert "token" in second.job(job).reason
            time.sleep(0.05)
        assert second.job(job).status is JobState.PENDING
    finally:
        first.stop()
        second.stop()


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (ZeroDivisionError("what no test foresaw"), "ZeroDivisionError: what no test foresaw"),
        (OSError(errno.EIO, "Input/output error", "/drop/lap.bin.part"), "input/output error: /drop/lap.bin.part"),
        (OSError(errno.ENETDOWN, "Network is down"), "network is down"),
    ],
)
def test_a_loop_that_fails_is_told_of_at_once_and_the_relay_can_be_started_again(
    host: LocalService,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    expect_log: Callable[[str], None],
    failure: Exception,
    words: str,
) -> None:
    expect_log("the relay loop ended")
    listen = host.start_relay(str(tmp_path / "in"), "127.0.0.1:0").listen
    heard = host.subscribe()
    heard.drain()

    def break_down(relay: Relay, now_ns: int) -> None:
        raise failure

    with monkeypatch.context() as broken:
        broken.setattr(threading, "excepthook", lambda _: None)
        broken.setattr(Relay, "on_turn", break_down)
        told: list[RelayView] = []

        def is_told() -> bool:
            events = heard.drain()
            told.extend(event.relay for event in events if isinstance(event, RelayChanged) and event.relay.why)
            return bool(told)

        wait_until(is_told, "word of it")
    assert told[-1].why == words
    host.stop_relay()
    again = host.start_relay(str(tmp_path / "in"), listen)
    assert (again.running, again.why, again.listen) == (True, "", listen)
