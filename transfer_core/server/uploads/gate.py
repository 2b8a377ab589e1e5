"""What every request passes before a route sees it: who asks, from where, and whether it is too often.

Raw ASGI, so that bodies pass through as they come.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from transfer_core.errors import DrsError, SecurityError
from transfer_core.server.loopback import names_this_machine
from transfer_core.server.uploads.body import Inbound
from transfer_core.server.uploads.desk import Refusal, refuse
from transfer_core.server.uploads.model import Client

Authenticate = Callable[[Headers], Awaitable[Client]]
OPEN_TO_ALL = frozenset({"/health"})


class Gate:
    """Middleware. `authenticate` gives the client or raises CredentialRefused; None: nobody needs a credential."""

    def __init__(
        self, app: ASGIApp, authenticate: Authenticate | None, admit: Callable[[str], None], *, local_only: bool
    ) -> None:
        self._app = app
        self._authenticate = authenticate
        self._admit = admit
        self._local_only = local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        receive = inbound = Inbound(scope, receive)
        scope.setdefault("state", {})["inbound"] = inbound
        try:
            await self._check(scope, headers)
        except DrsError as error:
            await (await refuse(inbound, Refusal(error)))(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return  # nobody is there to be answered; what came was kept by its route

    async def _check(self, scope: Scope, headers: Headers) -> None:
        if self._local_only and not names_this_machine(headers.get("host"), headers.get("origin")):
            raise SecurityError("only this machine may ask", hint="Name the relay by a loopback address.")
        asker = scope.get("client") or ("", 0)
        self._admit(str(asker[0]))
        if self._authenticate is not None and scope["path"] not in OPEN_TO_ALL:
            client = await self._authenticate(headers)
            scope["state"]["client"] = client
