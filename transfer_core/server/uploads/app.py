"""The application: both protocols' routes behind one gate, errors as JSON, OpenAPI at /docs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from transfer_core.errors import ConflictError, DrsError, NotFoundError, UsageError
from transfer_core.server.api_document import ERROR_ANSWERS
from transfer_core.server.invalid_request import fault_text
from transfer_core.server.uploads.body import inbound_of
from transfer_core.server.uploads.chunk_api import ChunkApi
from transfer_core.server.uploads.desk import Desk, Refusal, refuse
from transfer_core.server.uploads.gate import Authenticate, Gate
from transfer_core.server.uploads.rates import Rates
from transfer_core.server.uploads.tus_api import TusApi
from transfer_core.server.uploads.tus_frame import TusFrame


def build_app(
    desk: Desk,
    health: Callable[[], dict[str, Any]],
    authenticate: Authenticate,
    rates: Rates,
    more: Sequence[APIRouter] = (),
    *,
    local_only: bool,
) -> FastAPI:
    """The application over a desk, with more routes. `local_only` refuses requests that name another host."""
    app = FastAPI(title="DRS-SYNC relay", description="Uploads over HTTP.", version="1", responses=ERROR_ANSWERS)

    @app.get("/health", tags=["health"])
    async def say_health() -> dict[str, Any]:
        """Whether the relay takes uploads."""
        return await desk.disk.run(health)

    app.include_router(ChunkApi(desk).router)
    app.include_router(TusApi(desk).router)
    for router in more:
        app.include_router(router)
    app.add_exception_handler(DrsError, _explain)
    app.add_exception_handler(Refusal, _explain_refusal)
    app.add_exception_handler(RequestValidationError, _explain_invalid)
    app.add_exception_handler(HTTPException, _explain_unknown)
    app.add_middleware(TusFrame)
    app.add_middleware(Gate, authenticate=authenticate, rates=rates, local_only=local_only)
    return app


async def _explain(request: Request, error: Exception) -> Response:
    assert isinstance(error, DrsError)
    return await refuse(inbound_of(request), Refusal(error))


async def _explain_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return await refuse(inbound_of(request), error)


async def _explain_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return await refuse(inbound_of(request), Refusal(UsageError(f"{place}: {fault_text(first)}", hint="See /docs.")))


async def _explain_unknown(request: Request, error: Exception) -> Response:
    """A path or a method that is not there, in the same words as other errors."""
    assert isinstance(error, HTTPException)
    known: dict[int, type[UsageError]] = {404: NotFoundError, 405: ConflictError}
    what = f"{request.method} {request.url.path}: {error.detail}"
    reason = known.get(error.status_code, UsageError)(what, hint="See /docs.")
    return await refuse(inbound_of(request), Refusal(reason, error.status_code, dict(error.headers or {})))
