"""The body of one request, as it comes: never longer than it may be, never waited for without end, never kept whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope

from transfer_core.errors import DrsError, PeerStalled, TooLarge, UsageError
from transfer_core.server.uploads.claims import Holder

_DRAIN_BYTES = 64 * 1024 * 1024
_DRAIN_S = 10.0
_RECHECK_S = 2.0


def content_length(request: Request) -> int | None:
    """How long the body says it is; None if it does not. UsageError."""
    text = request.headers.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise UsageError("Content-Length is no number")
    return int(text)


class Body:
    """A request's body, read once."""

    def __init__(self, request: Request, holder: Holder, *, limit: int, timeout_s: float) -> None:
        self._request = request
        self.holder = holder
        self.limit = limit
        self._timeout_s = timeout_s
        self._is_over = False
        self._checked_s = time.monotonic()
        self.taken = 0

    def check_length(self) -> None:
        """TooLarge if it says that it is longer than it may be."""
        length = content_length(self._request)
        if length is not None and length > self.limit:
            raise TooLarge(f"the body has {length} bytes, {self.limit} are taken here")

    async def pieces(self) -> AsyncIterator[bytes]:
        """Its bytes. TooLarge, PeerStalled, ConflictError when displaced, ClientDisconnect."""
        while not self._is_over:
            piece = await self._next()
            await self._recheck()
            self.taken += len(piece)
            if self.taken > self.limit:
                raise TooLarge(f"the body has more than the {self.limit} bytes that are taken here")
            if piece:
                yield piece

    async def _recheck(self) -> None:
        """A client that is revoked while it sends is cut. CredentialRefused, UnknownPeer."""
        inbound = inbound_of(self._request)
        if inbound.recheck is None or time.monotonic() - self._checked_s < _RECHECK_S:
            return
        self._checked_s = time.monotonic()
        try:
            await inbound.recheck()
        except DrsError:
            inbound.give_up()
            raise

    async def _next(self) -> bytes:
        try:
            async with self.holder.reading(self._timeout_s):
                message = await self._request.receive()
        except TimeoutError:
            inbound_of(self._request).give_up()
            self.holder.check()
            raise PeerStalled(f"nothing came for {self._timeout_s:g} s") from None
        if message["type"] == "http.disconnect":
            self._is_over = True
            raise ClientDisconnect
        self._is_over = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece


class Inbound:
    """What the server hands on of one request. Knows when the body is over: to receive then would wait for ever."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._waits_for_go_ahead = Headers(scope=scope).get("expect", "").lower() == "100-continue"
        self._is_hopeless = False
        self.recheck: Callable[[], Awaitable[None]] | None = None  # raises when the client may not go on
        self.is_over = False

    async def __call__(self) -> Message:
        """The next message."""
        self._waits_for_go_ahead = False
        message = await self._receive()
        self.is_over = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    def give_up(self) -> None:
        """Wait for nothing more of it."""
        self._is_hopeless = True

    async def drain(self) -> None:
        """Read what is left of a body that nobody wants, so that the client comes to read the answer; within limits."""
        left = 0 if self._waits_for_go_ahead or self._is_hopeless else _DRAIN_BYTES
        try:
            async with asyncio.timeout(_DRAIN_S):
                while left > 0 and not self.is_over:
                    left -= len((await self()).get("body", b""))
        except TimeoutError:
            return


def inbound_of(request: Request) -> Inbound:
    """What the gate has put around a request's messages."""
    inbound = request.scope["state"]["inbound"]
    assert isinstance(inbound, Inbound)
    return inbound
