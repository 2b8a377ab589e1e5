"""Bodies of requests that are read whole, such as JSON: refused when they are larger than such a body ever is."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from transfer_core.errors import DrsError, TooLarge
from transfer_core.server.uploads.body import Inbound

BODY_MAX = 1 << 20


class SmallBodies:
    """Middleware. `answer` makes the answer to an error; the paths in `streamed` read their bodies bit by bit."""

    def __init__(
        self,
        app: ASGIApp,
        answer: Callable[[DrsError], Response],
        limit_bytes: int = BODY_MAX,
        streamed: frozenset[str] = frozenset(),
    ) -> None:
        self._app, self._answer, self._limit_bytes, self._streamed = app, answer, limit_bytes, streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"] in self._streamed:
            await self._app(scope, receive, send)
            return
        inbound = Inbound(scope, receive)
        first = await self._read(scope, inbound)
        if first is not None:
            await self._app(scope, _Again(first, receive), send)
            return
        await inbound.drain()
        answer = self._answer(TooLarge(f"a body has at most {self._limit_bytes} bytes here", hint="Send less at once."))
        if not inbound.is_over:
            answer.headers["connection"] = "close"
        await answer(scope, receive, send)

    async def _read(self, scope: Scope, inbound: Inbound) -> Message | None:
        """The body in one message, or that the client has gone; None if it is too large, whether it says so or not."""
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > self._limit_bytes:
            return None
        body = bytearray()
        while not inbound.is_over:
            message = await inbound()
            if message["type"] != "http.request":
                return message
            body += message.get("body", b"")
            if len(body) > self._limit_bytes:
                return None
        return {"type": "http.request", "body": bytes(body), "more_body": False}


class _Again:
    """One message first, and then what comes."""

    def __init__(self, first: Message, receive: Receive) -> None:
        self._first: Message | None = first
        self._receive = receive

    async def __call__(self) -> Message:
        first, self._first = self._first, None
        return await self._receive() if first is None else first
