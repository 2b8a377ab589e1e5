"""What is answered to a request whose fields are not what a route takes."""

from __future__ import annotations

import json

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError

STATUS = 422
TOLD = ("type", "loc", "msg")


async def explain_invalid(_: Request, error: Exception) -> Response:
    """FastAPI's own answer, without what was sent: Infinity and half a surrogate pair can't be sent back as JSON."""
    assert isinstance(error, RequestValidationError)
    faults = [{name: fault[name] for name in TOLD} for fault in error.errors()]
    return Response(json.dumps({"detail": faults}), STATUS, media_type="application/json")
