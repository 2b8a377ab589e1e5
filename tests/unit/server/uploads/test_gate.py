"""What every request passes: a stranger who guesses credentials is soon heard no more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from transfer_core.errors import CredentialRefused
from transfer_core.server.uploads.gate import Gate
from transfer_core.server.uploads.model import ANYBODY, Client
from transfer_core.server.uploads.rates import Rates
from transfer_core.sim.manual_clock import ManualClock

BURST = 50


class Door:
    """A gate, and the statuses that addresses were answered with."""

    def __init__(self, *, local_only: bool = False) -> None:
        self.asked = 0
        self._gate = Gate(
            self._app, self._authenticate, Rates(1, BURST, ManualClock().monotonic_ns), local_only=local_only
        )

    async def _authenticate(self, authorization: str | None) -> Client:
        self.asked += 1
        if authorization != "Bearer right":
            raise CredentialRefused("the relay does not know this token")
        return ANYBODY

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    def ask(self, address: str, bearer: str, path: str = "/init", host: str = "127.0.0.1", origin: str = "") -> int:
        """The status of one request."""
        headers = [(b"authorization", f"Bearer {bearer}".encode()), (b"host", host.encode())]
        headers += [(b"origin", origin.encode())] if origin else []
        scope: dict[str, Any] = {
            "type": "http",
            "path": path,
            "headers": headers,
            "client": (address, 1),
            "method": "GET",
        }
        statuses: list[int] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        asyncio.run(self._gate(scope, receive, send))
        return statuses[0]


@pytest.fixture
def door() -> Door:
    return Door()


def test_a_guesser_is_refused_a_few_times_and_then_not_even_looked_up(door: Door) -> None:
    answers = [door.ask("192.0.2.1", f"guess {number}") for number in range(20)]
    assert answers[0] == 401
    assert answers[-1] == 429
    assert door.asked < 5
    assert door.ask("192.0.2.2", "right") == 200  # another address does not suffer


def test_who_has_a_credential_may_ask_as_often_as_the_burst_allows(door: Door) -> None:
    answers = [door.ask("192.0.2.1", "right") for _ in range(BURST + 1)]
    assert answers == [200] * BURST + [429]


@pytest.mark.parametrize("foreign", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_a_page_of_another_host_reaches_no_relay_that_is_for_this_machine(foreign: dict[str, str]) -> None:
    door = Door(local_only=True)
    assert door.ask("127.0.0.1", "right", **foreign) == 403
    assert door.asked == 0
    assert door.ask("127.0.0.1", "right") == 200
    assert Door().ask("192.0.2.1", "right", **foreign) == 200  # one with TLS and credentials is for everybody
