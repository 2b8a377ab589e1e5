"""Other applications on the relay's HTTP side: same port, same TLS, their own paths and their own rules of who may ask.

To mount one: write a class with what `Mounted` says, and give an instance to `HttpSide(..., mounted=[...])`, as
`cli.compose.open_relay` does. Requests below its prefixes go to it, everything else to uploads. They have passed the
limit on how often, and on a relay that listens on loopback alone the check that they name this machine; who asks is for
the application to find out. ASGI lifespan is not run: `open` and `close` are called instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from transfer_core.errors import DrsError, SecurityError
from transfer_core.server.companion import RelayGround
from transfer_core.server.loopback import names_this_machine
from transfer_core.server.told_error import error_object
from transfer_core.server.uploads.rates import Rates


class Mounted(Protocol):
    """An application beside uploads."""

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The paths that are its own, such as `/api/sync`; it gets them whole."""
        ...

    def open(self, ground: RelayGround) -> ASGIApp:
        """Begin; the application. A DrsError keeps the relay from starting."""
        ...

    def document(self) -> Mapping[str, Any]:
        """Its OpenAPI document, once it is open: the relay's /docs shows all of them as one."""
        ...

    def close(self) -> None:
        """End; also if it never began."""
        ...


class Switch:
    """Hands each request to the application whose prefix is the longest that fits, or to the first one."""

    def __init__(
        self, app: ASGIApp, others: Sequence[tuple[tuple[str, ...], ASGIApp]], rates: Rates, *, local_only: bool
    ) -> None:
        self._app = app
        pairs = [(prefix.rstrip("/"), other) for prefixes, other in others for prefix in prefixes]
        self._others = sorted(pairs, key=lambda pair: len(pair[0]), reverse=True)
        self._rates = rates
        self._local_only = local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path = str(scope.get("path", ""))
        fits = (other for prefix, other in self._others if path == prefix or path.startswith(f"{prefix}/"))
        other = next(fits, None)
        if other is None:
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except DrsError as error:
            await _refuse(error, scope, receive, send)
            return
        await other(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if self._local_only and not names_this_machine(headers.get("host"), headers.get("origin")):
            raise SecurityError("only this machine may ask", hint="Name the relay by a loopback address.")
        self._rates.admit(str((scope.get("client") or ("", 0))[0]))


async def _refuse(error: DrsError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": error.code})
        return
    await JSONResponse(error_object(error), error.http_status)(scope, receive, send)
