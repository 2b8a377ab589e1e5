"""What both protocols' routes stand on: the store, its disk threads, who holds what, and the answers for errors."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from transfer_core.config import RelayHttpConfig
from transfer_core.errors import DrsError, UsageError
from transfer_core.server.told_error import error_object
from transfer_core.server.uploads.body import Body, Inbound
from transfer_core.server.uploads.claims import Claims, Holder
from transfer_core.server.uploads.ending import Ending
from transfer_core.server.uploads.model import ANYBODY, Client, Upload
from transfer_core.server.uploads.records import UploadRecord
from transfer_core.server.uploads.store import UploadStore
from transfer_core.server.uploads.sums import PieceSum
from transfer_core.server.uploads.writing import BlockWriter, Disk, Finishing

JSON_BYTES_MAX = 1 << 20
RETRY_AFTER_S = 30  # a disk that is full, or a limit on how many, takes a while
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(slots=True)
class Desk:
    """One per application."""

    store: UploadStore
    ending: Ending
    disk: Disk
    config: RelayHttpConfig
    claims: Claims = field(default_factory=Claims)
    finishing: Finishing = field(init=False)

    def __post_init__(self) -> None:
        """Make what stands on the others."""
        self.finishing = Finishing(self.ending, self.disk)

    @asynccontextmanager
    async def using(self, request: Request, upload_id: str) -> AsyncIterator[Upload]:
        """An upload of the client that asks, for the block. NotFoundError."""
        client = client_of(request)
        upload = self.store.try_acquire(client, upload_id)
        if upload is None:
            upload = await self.disk.run(self.store.acquire, client, upload_id)
        try:
            yield upload
        finally:
            if not self.store.try_release(upload):
                await self.disk.run(self.store.release, upload)

    async def find(self, request: Request, upload_id: str) -> UploadRecord:
        """What is kept of an upload of the client that asks. NotFoundError."""
        return await self.disk.run(self.store.find, client_of(request), upload_id)

    def body(self, request: Request, holder: Holder, limit: int) -> Body:
        """A request's body, with this relay's deadline."""
        return Body(request, holder, limit=limit, timeout_s=self.config.body_timeout_s)

    def writer(self, upload: Upload, offset: int, checksum: PieceSum) -> BlockWriter:
        """What writes bytes from there on."""
        return BlockWriter(self.store, self.disk, upload, offset, checksum, self.claims.count)

    async def read_json(self, request: Request, model: type[_Model]) -> _Model:
        """A body of JSON. UsageError, TooLarge."""
        body = self.body(request, Holder(), JSON_BYTES_MAX)
        body.check_length()
        raw = b"".join([piece async for piece in body.pieces()])
        try:
            return model.model_validate_json(raw)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the body"
            raise UsageError(f"{place}: {first['msg']}", hint="Look at /docs for what this address takes.") from error


def client_of(request: Request) -> Client:
    """Who asks, as the gate has found."""
    client = request.scope.get("state", {}).get("client", ANYBODY)
    assert isinstance(client, Client)
    return client


def error_headers(error: DrsError) -> dict[str, str]:
    """What the client is told beside the error."""
    headers: dict[str, str] = {}
    if error.http_status in (429, 503, 507):
        headers["Retry-After"] = str(RETRY_AFTER_S if error.http_status == 507 else 1)
    if error.http_status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="drs-sync"'
    return headers


class Refusal(Exception):
    """An error that is answered with another status than its own, or with headers."""

    def __init__(self, error: DrsError, status: int | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.status = status or error.http_status
        self.headers = headers or {}


async def refuse(inbound: Inbound, refusal: Refusal) -> JSONResponse:
    """An error as an answer, once the client can be expected to read it."""
    await inbound.drain()
    closing = {} if inbound.is_over else {"Connection": "close"}
    headers = error_headers(refusal.error) | refusal.headers | closing
    return JSONResponse(error_object(refusal.error), refusal.status, headers)


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """What OpenAPI says of a body that `read_json` reads."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def receipt_of(record: UploadRecord) -> dict[str, Any] | None:
    """The receipt of a complete upload."""
    if not record.receipt:
        return None
    receipt: dict[str, Any] = json.loads(record.receipt)
    return receipt
