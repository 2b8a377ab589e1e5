"""Who may ask the coordinator: programs on this machine, and agents that are paired, by the bearer of their pairing."""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from transfer_core.errors import CredentialRefused, DrsError
from transfer_core.protocol.security.http_bearer import bearer_for_agent
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.server.loopback import is_loopback, names_this_machine
from transfer_core.server.told_error import error_object
from transfer_core.storage.relay_store import RelayStore

_PROXIED = ("forwarded", "x-forwarded-for", "x-real-ip")


class CoordinatorGate:
    """Middleware. Who comes with a bearer is `state["agent"]`, a public key; nothing for a program of this machine."""

    def __init__(self, app: ASGIApp, identity: KeyPair, store: RelayStore) -> None:
        self._app, self._identity, self._store = app, identity, store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            agent = self._agent(scope)
        except DrsError as error:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": error.code})
            else:
                await JSONResponse(error_object(error), error.http_status)(scope, receive, send)
            return
        scope.setdefault("state", {})["agent"] = agent
        await self._app(scope, receive, send)

    def _agent(self, scope: Scope) -> bytes | None:
        headers = Headers(scope=scope)
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._owner(bearer.strip())
        asker = str((scope.get("client") or ("", 0))[0])
        is_here = is_loopback(asker) and names_this_machine(headers.get("host"), headers.get("origin"))
        if not is_here or any(name in headers for name in _PROXIED):
            raise CredentialRefused("the request comes without a credential")
        return None

    def _owner(self, bearer: str) -> bytes:
        for agent in self._store.agents():
            expected = bearer_for_agent(self._identity, agent.public_key)
            if not agent.revoked and hmac.compare_digest(expected.encode(), bearer.encode()):
                return agent.public_key
        raise CredentialRefused("the relay does not know this credential")
