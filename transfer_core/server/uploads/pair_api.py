"""Pairing over HTTP, for agents whose UDP does not get through: the same HELLO and WELCOME, in a request.

The two datagrams are sealed from end to end and prove both sides' keys, whatever carries them (docs/protocol.md). No
session begins here: what an agent gets is to be known, after which its bearer is taken.
"""

from __future__ import annotations

import socket
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from transfer_core.entropy import Entropy
from transfer_core.errors import CredentialRefused, SecurityError
from transfer_core.protocol.security.handshake import HELLO_BYTES, Welcome, answer_hello, open_hello
from transfer_core.protocol.wire.chunk_record import CHUNK_BYTES_MAX
from transfer_core.server.admission import STATUS_OF
from transfer_core.server.companion import RelayGround
from transfer_core.server.uploads.claims import Holder
from transfer_core.server.uploads.desk import Desk
from transfer_core.server.uploads.rates import Rates
from transfer_core.storage.relay_store import Verdict

PATH = "/pair"
MEDIA_TYPE = "application/octet-stream"
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_ABOUT: dict[str, Any] = {
    "requestBody": {"required": True, "content": {MEDIA_TYPE: _BINARY}, "description": "A HELLO, 640 bytes."},
    "responses": {"200": {"description": "A WELCOME.", "content": {MEDIA_TYPE: _BINARY}}},
}


class PairApi:
    """The route, over a desk. It is open to all: whom the relay takes, the hello has to prove."""

    def __init__(self, desk: Desk, ground: RelayGround, entropy: Entropy, rates: Rates) -> None:
        self._desk, self._ground, self._entropy, self._rates = desk, ground, entropy, rates
        self._name = socket.gethostname() or "relay"
        self.router = APIRouter(tags=["pairing"])
        self.router.post(PATH, response_class=Response, openapi_extra=_ABOUT)(self.pair)

    async def pair(self, request: Request) -> Response:
        """Pair with an agent that shows a token's secret, or say what became of it. A stranger's guesses cost it."""
        body = self._desk.body(request, Holder(), HELLO_BYTES)
        body.check_length()
        datagram = b"".join([piece async for piece in body.pieces()])
        try:
            opened = open_hello(self._ground.identity, datagram)
        except SecurityError as error:
            raise self._refused(request, "that is no hello to this relay") from error
        hello = opened.hello
        verdict = await self._desk.disk.run(
            self._ground.store.judge, opened.agent_public, hello.counter, hello.name, hello.secret
        )
        if verdict is Verdict.SILENCE:
            raise self._refused(request, "the relay knows neither this agent nor its pairing token")
        if verdict is Verdict.ACCEPT:
            self._ground.tell("agent", name=hello.name, address=_address_of(request), over="http")
        else:
            self._punish(request)
        wall_ns = self._ground.clock.wall_ns()
        welcome = Welcome(STATUS_OF[verdict], 0, 0, CHUNK_BYTES_MAX, wall_ns, self._name)
        answer, _, _ = answer_hello(opened, welcome, self._entropy)
        return Response(answer, media_type=MEDIA_TYPE)

    def _refused(self, request: Request, what: str) -> CredentialRefused:
        self._punish(request)
        return CredentialRefused(what, hint="Pair again, with a new token of this relay.")

    def _punish(self, request: Request) -> None:
        self._rates.punish(_address_of(request))


def _address_of(request: Request) -> str:
    return request.client.host if request.client else ""
