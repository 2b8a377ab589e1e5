"""The application: accounts, races and viewers behind one gate, errors as JSON, OpenAPI at /docs."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from transfer_core.errors import CredentialRefused, DrsError, SecurityError, TooMany, UsageError
from transfer_core.server.invalid_request import fault_text
from transfer_core.server.loopback import names_this_machine
from transfer_core.server.races.asking import Asking
from transfer_core.server.races.race_api import race_routes
from transfer_core.server.races.user_api import user_routes
from transfer_core.server.races.viewer_api import ViewerApi
from transfer_core.server.small_bodies import SmallBodies
from transfer_core.server.told_error import error_object
from transfer_core.telemetry.desk import TelemetryDesk

BODY_MAX = 64 * 1024


def build_app(
    desk: TelemetryDesk, asking: Asking, viewers_port: int | None, udp_host: str, *, local_only: bool
) -> FastAPI:
    """The application over a desk. Clients are told to watch at `viewers_port`, or else where they ask."""
    app = FastAPI(title="DRS-SYNC races", description="Live telemetry, races and replays.", version="1")
    app.state.asking = asking
    app.state.viewers_port = viewers_port
    app.add_middleware(SmallBodies, answer=explain, limit_bytes=BODY_MAX)

    @app.middleware("http")
    async def gate(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if local_only and not names_this_machine(request.headers.get("host"), request.headers.get("origin")):
            return explain(SecurityError("only this machine may ask", hint="Ask by a loopback address."))
        return await call_next(request)

    @app.exception_handler(DrsError)
    async def on_error(_: Request, error: DrsError) -> JSONResponse:
        return explain(error)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return explain(UsageError(f"{'.'.join(map(str, first['loc']))}: {fault_text(first)}", hint="See /docs."))

    @app.get("/health", tags=["health"])
    def health() -> dict[str, str]:
        """Whether it runs."""
        return {"status": "healthy"}

    app.include_router(user_routes(asking))
    app.include_router(race_routes(desk, udp_host))
    app.include_router(ViewerApi(desk, asking, local_only=local_only).router)
    return app


def explain(error: DrsError) -> JSONResponse:
    """An error in the words of all of this program's servers."""
    headers = {}
    if isinstance(error, CredentialRefused):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooMany):
        seconds = re.search(r"\d+", error.hint)
        headers["Retry-After"] = seconds[0] if seconds else "60"
    return JSONResponse(error_object(error), error.http_status, headers=headers)
