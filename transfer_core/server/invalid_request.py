"""What is answered to a request whose fields are not what a route takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError

STATUS = 422
_PLAIN = {"extra_forbidden": "there is no such field"}


def fault_text(fault: Mapping[str, Any]) -> str:
    """What is wrong with a field, for people; pydantic names Python's classes in some."""
    text = str(fault["msg"]).removeprefix("Value error, ")
    return "a file is expected" if "UploadFile" in text else _PLAIN.get(fault["type"], text)


async def explain_invalid(_: Request, error: Exception) -> Response:
    """FastAPI's own answer, without what was sent: Infinity and half a surrogate pair can't be sent back as JSON."""
    assert isinstance(error, RequestValidationError)
    faults = [{"type": fault["type"], "loc": fault["loc"], "msg": fault_text(fault)} for fault in error.errors()]
    return Response(json.dumps({"detail": faults}), STATUS, media_type="application/json")
