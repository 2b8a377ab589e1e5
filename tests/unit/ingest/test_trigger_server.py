from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from transfer_core.errors import NotFoundError, PortInUse, UsageError
from transfer_core.events.watches import TriggerRun
from transfer_core.ingest.trigger_server import TriggerServer, part_envelope

zmq = pytest.importorskip("zmq")
PATIENCE_MS = 10_000
REFERENCE = {"frame_id": "frame_camera01_000046836.jpg", "ball_id": "ball_001"}


def answer(frame_id: str, ball_id: str) -> TriggerRun:
    if "camera09" in frame_id:
        raise NotFoundError("no watch is called 'camera09'")
    if "camera66" in frame_id:
        raise RuntimeError("a fault")
    return TriggerRun("run-1", frame_id, ball_id, "camera01", ("camera01",), f"{ball_id}/camera01")


@pytest.fixture
def server() -> Iterator[TriggerServer]:
    made = TriggerServer("tcp://127.0.0.1:*", answer)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def client(server: TriggerServer) -> Iterator[Any]:
    context = zmq.Context()
    socket = context.socket(zmq.REQ)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
    socket.connect(server.address)
    yield socket
    socket.close()
    context.term()


def test_a_request_is_answered_with_a_job(client: Any) -> None:
    client.send(json.dumps(REFERENCE).encode())
    reply = json.loads(client.recv())
    assert (reply["status"], reply["job_id"], reply["dest_path"]) == ("accepted", "run-1", "ball_001/camera01")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"", "E_USAGE"),
        (b"{", "E_USAGE"),
        (b"\xff\x00\xfe", "E_USAGE"),
        (b'{"frame_id": "../x_1.jpg"}', "E_USAGE"),
        (b"x" * 100_000, "E_USAGE"),
        (b"x" * (1 << 20), "E_USAGE"),
        (b"x" * ((1 << 20) + 1), "E_USAGE"),
        (b"x" * (20 << 20), "E_USAGE"),
        (b'{"frame_id": "frame_camera09_1.jpg"}', "E_NOT_FOUND"),
    ],
)
def test_whatever_is_wrong_there_is_an_answer_and_the_next_request_is_served(
    client: Any, message: bytes, code: str
) -> None:
    client.send(message)
    reply = json.loads(client.recv())
    assert (reply["status"], reply["error"]) == ("error", code)
    client.send(json.dumps(REFERENCE).encode())
    assert json.loads(client.recv())["status"] == "accepted"


def test_a_fault_of_ours_is_answered_too(client: Any, expect_log: Callable[[str], None]) -> None:
    expect_log("unforeseen")
    client.send(b'{"frame_id": "frame_camera66_1.jpg"}')
    assert json.loads(client.recv())["error"] == "E_INTERNAL"


def test_a_client_that_leaves_without_its_answer_blocks_nobody(server: TriggerServer, client: Any) -> None:
    context = zmq.Context()
    for _ in range(20):
        socket = context.socket(zmq.REQ)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(server.address)
        socket.send(json.dumps(REFERENCE).encode())
        socket.close()
    client.send(json.dumps(REFERENCE).encode())
    assert json.loads(client.recv())["status"] == "accepted"
    context.term()


def test_a_dealer_is_answered_with_or_without_the_empty_frame(server: TriggerServer) -> None:
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
    socket.connect(server.address)
    body = json.dumps(REFERENCE).encode()
    for frames in ([body], [b"", body], [b"7", b"", body]):
        socket.send_multipart(frames)
        reply = socket.recv_multipart()
        assert reply[:-1] == frames[:-1]
        assert json.loads(reply[-1])["status"] == "accepted"
    socket.close()
    context.term()


def test_a_message_of_several_parts_is_told_that_a_trigger_is_one(client: Any) -> None:
    body = json.dumps(REFERENCE).encode()
    for parts in ([body, body], [body, b""], [b"", body], [b"x"] * 3000):
        client.send_multipart(parts)
        (reply,) = client.recv_multipart()
        assert (json.loads(reply)["error"], "one part" in json.loads(reply)["message"]) == ("E_USAGE", True)


def test_an_empty_message_of_a_dealer_is_answered(server: TriggerServer) -> None:
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
    socket.connect(server.address)
    socket.send(b"")
    assert json.loads(socket.recv())["error"] == "E_USAGE"
    socket.close()
    context.term()


def test_long_messages_that_come_fast_are_all_answered(client: Any, server: TriggerServer) -> None:
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, 2)
    socket.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
    socket.connect(server.address)
    for _ in range(30):
        socket.send(b"x" * (4 << 20))
    client.send(json.dumps(REFERENCE).encode())
    assert json.loads(client.recv())["status"] == "accepted"
    assert all("too long" in json.loads(socket.recv())["message"] for _ in range(30))
    socket.close()
    context.term()


@pytest.mark.parametrize(
    ("parts", "envelope", "rest"),
    [
        ([b""], [], [b""]),
        ([b"", b"t"], [b""], [b"t"]),
        ([b"7", b"8", b"", b"t"], [b"7", b"8", b""], [b"t"]),
        ([b"t", b"t"], [], [b"t", b"t"]),
        ([b"7", b""], [b"7", b""], []),
        ([b"7" * 5000, b"", b"t"], [], [b"t"]),
        ([b"7"] * 40 + [b"", b"t"], [], [b"7"] * 40 + [b"", b"t"]),
    ],
)
def test_an_envelope_ends_with_the_first_empty_part(
    parts: list[bytes], envelope: list[bytes], rest: list[bytes]
) -> None:
    assert part_envelope(parts) == (envelope, rest)


def test_an_address_that_is_taken_or_none_is_told(server: TriggerServer) -> None:
    with pytest.raises(PortInUse):
        TriggerServer(server.address, answer)
    with pytest.raises(UsageError, match="can't be listened on"):
        TriggerServer("nonsense", answer)


def test_without_pyzmq_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zmq", None)
    with pytest.raises(UsageError) as error:
        TriggerServer("tcp://127.0.0.1:*", answer)
    assert 'pip install "drs-sync[zmq]"' in error.value.hint
