"""Bodies that are read whole, over real sockets: a small one passes as it is, a large one is refused, said or not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from transfer_core.errors import DrsError
from transfer_core.server.small_bodies import SmallBodies

LIMIT = 1000


def _answer(error: DrsError) -> Response:
    return JSONResponse({"code": error.code, "message": error.message}, error.http_status)


async def _length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    app = Starlette(routes=[Route(path, _length, methods=["GET", "POST"]) for path in ("/small", "/any")])
    app.add_middleware(SmallBodies, answer=_answer, limit_bytes=LIMIT, streamed=frozenset({"/any"}))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60) as opened:
        yield opened
    server.should_exit = True
    thread.join(60)
    listener.close()


@pytest.mark.parametrize("size", [0, 1, LIMIT])
def test_a_body_within_the_limit_passes_whole(client: httpx.Client, size: int) -> None:
    assert client.post("/small", content=b"x" * size).text == str(size)
    assert client.post("/small", content=iter([b"x" * size])).text == str(size)


def test_a_request_without_a_body_passes(client: httpx.Client) -> None:
    assert client.get("/small").text == "0"


@pytest.mark.parametrize("size", [LIMIT + 1, 5_000_000])
def test_a_larger_one_is_answered_413_whether_it_says_its_length_or_not(client: httpx.Client, size: int) -> None:
    for content in (b"x" * size, iter([b"x" * (size // 2), b"x" * (size - size // 2)])):
        answer = client.post("/small", content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "E_TOO_LARGE")
        assert client.post("/small", content=b"xy").text == "2"


def test_one_that_only_says_that_it_is_larger_is_not_waited_for(client: httpx.Client) -> None:
    head = b"POST /small HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000000000\r\nexpect: 100-continue\r\n\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=60) as asking:
        asking.sendall(head)
        assert asking.recv(100).startswith(b"HTTP/1.1 413")


def test_a_path_that_streams_takes_any_size(client: httpx.Client) -> None:
    assert client.post("/any", content=b"x" * 10 * LIMIT).text == str(10 * LIMIT)
