"""What tus lays around requests below /files: its version in every answer, and methods that came as POST.

Raw ASGI, so that bodies pass through as they come.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from transfer_core.server.uploads.tus_headers import VERSION

_METHODS = frozenset({"HEAD", "PATCH", "DELETE"})


class TusFrame:
    """Middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or not (scope["path"] == "/files" or scope["path"].startswith("/files/")):
            await self._app(scope, receive, send)
            return

        async def send_framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Tus-Resumable"] = VERSION
            await send(message)

        override = Headers(scope=scope).get("x-http-method-override", "").upper()
        if scope["method"] == "POST" and override in _METHODS:
            scope = {**scope, "method": override}
        await self._app(scope, receive, send_framed)
