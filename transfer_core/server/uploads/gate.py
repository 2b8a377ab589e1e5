"""What every request passes before a route sees it: who asks, from where, and whether it is too often.

Raw ASGI, so that bodies pass through as they come.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from transfer_core.errors import CredentialRefused, DrsError, SecurityError, UnknownPeer
from transfer_core.server.loopback import names_this_machine
from transfer_core.server.uploads.body import Inbound
from transfer_core.server.uploads.desk import Refusal, refuse
from transfer_core.server.uploads.model import Client
from transfer_core.server.uploads.rates import Rates

Authenticate = Callable[[str | None], Awaitable[Client]]
OPEN_TO_ALL = frozenset({"/health", "/pair"})


class Gate:
    """Middleware. `authenticate` gives the client of an `Authorization`, or raises CredentialRefused, UnknownPeer."""

    def __init__(self, app: ASGIApp, authenticate: Authenticate, rates: Rates, *, local_only: bool) -> None:
        self._app = app
        self._authenticate = authenticate
        self._rates = rates
        self._local_only = local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        receive = inbound = Inbound(scope, receive)
        scope.setdefault("state", {})["inbound"] = inbound
        try:
            await self._check(scope, inbound)
        except DrsError as error:
            await (await refuse(inbound, Refusal(error)))(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return  # nobody is there to be answered; what came was kept by its route

    async def _check(self, scope: Scope, inbound: Inbound) -> None:
        headers = Headers(scope=scope)
        if self._local_only and not names_this_machine(headers.get("host"), headers.get("origin")):
            raise SecurityError("only this machine may ask", hint="Name the relay by a loopback address.")
        address = str((scope.get("client") or ("", 0))[0])
        self._rates.admit(address)
        if scope["path"] in OPEN_TO_ALL:
            return
        authorization = headers.get("authorization")
        try:
            scope["state"]["client"] = await self._authenticate(authorization)
        except (CredentialRefused, UnknownPeer):
            self._rates.punish(address)
            raise

        async def recheck() -> None:
            await self._authenticate(authorization)

        inbound.recheck = recheck
