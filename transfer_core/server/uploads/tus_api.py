"""tus 1.0.0 at /files/: creation, creation-with-upload, checksum, termination, expiration, concatenation.

An offset that this relay names is what an fsync has covered. What comes without a checksum counts as far as it came,
also when its connection breaks; what comes with one counts when it fits. A newer request for an upload ends the older
one, HEAD too: what the older one has brought is counted first, so that the offset told is the one to go on from.
"""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath

from transfer_core.errors import ConflictError, DrsError, FileHashMismatch, MediaTypeRefused, NotFoundError, UsageError
from transfer_core.server.uploads.body import content_length
from transfer_core.server.uploads.claims import WHOLE, Holder
from transfer_core.server.uploads.desk import Desk, Refusal, client_of
from transfer_core.server.uploads.front_writer import FrontWriter
from transfer_core.server.uploads.model import NewUpload, Upload
from transfer_core.server.uploads.records import Kind, Status, UploadRecord
from transfer_core.server.uploads.sums import parse_checksum, parse_tus_checksum
from transfer_core.server.uploads.tus_headers import (
    CHECKSUMS,
    EXTENSIONS,
    OFFSET_TYPE,
    VERSION,
    http_date,
    parse_metadata,
    parse_number,
    parse_pieces,
)
from transfer_core.units import NS_PER_S

CHECKSUM_MISMATCH = 460
UploadId = Annotated[str, InPath(max_length=64)]
_BODY: dict[str, Any] = {
    "requestBody": {"content": {OFFSET_TYPE: {"schema": {"type": "string", "format": "binary"}}}},
    "parameters": [
        {"name": name, "in": "header", "required": required, "schema": {"type": kind}}
        for name, required, kind in (
            ("Tus-Resumable", True, "string"),
            ("Upload-Offset", True, "integer"),
            ("Upload-Checksum", False, "string"),
        )
    ],
}
_NEW: dict[str, Any] = {
    "requestBody": _BODY["requestBody"],
    "parameters": [
        {"name": name, "in": "header", "required": required, "schema": {"type": kind}}
        for name, required, kind in (
            ("Tus-Resumable", True, "string"),
            ("Upload-Length", False, "integer"),
            ("Upload-Metadata", False, "string"),
            ("Upload-Concat", False, "string"),
            ("Upload-Checksum", False, "string"),
        )
    ],
}


class TusApi:
    """The routes, over a desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.router = APIRouter(tags=["tus"], prefix="/files")
        self.router.add_api_route("/", self.create, methods=["POST"], status_code=201, openapi_extra=_NEW)
        self.router.add_api_route("", self.create, methods=["POST"], include_in_schema=False)
        for path in ("", "/", "/{upload_id}"):
            self.router.add_api_route(path, self.options, methods=["OPTIONS"], include_in_schema=path == "/")
        self.router.add_api_route("/{upload_id}", self.head, methods=["HEAD"])
        self.router.add_api_route("/{upload_id}", self.patch, methods=["PATCH"], status_code=204, openapi_extra=_BODY)
        self.router.add_api_route("/{upload_id}", self.terminate, methods=["DELETE"], status_code=204)

    async def options(self) -> Response:
        """What is spoken here."""
        headers = {
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(self._desk.config.upload_bytes_max),
            "Tus-Checksum-Algorithm": CHECKSUMS,
        }
        return Response(status_code=204, headers=headers)

    async def create(self, request: Request) -> Response:
        """Begin an upload, with its first bytes if they come along; or put partial ones together."""
        _require_version(request)
        concat = request.headers.get("upload-concat", "").strip()
        if concat and concat != "partial":
            return await self._create_final(request, concat)
        size = parse_number("Upload-Length", request.headers.get("upload-length"))
        new = _new_upload(request, size, Kind.PARTIAL if concat else Kind.TUS)
        has_body = request.headers.get("content-type") == OFFSET_TYPE
        if not has_body and content_length(request):
            raise MediaTypeRefused(f"the first bytes come as {OFFSET_TYPE}")
        record = await self._desk.disk.run(self._desk.store.create, client_of(request), new)
        if has_body or not size:
            try:
                record = await self._receive(request, record.upload_id, 0)
            except Refusal as refusal:
                refusal.headers["Location"] = _location(request, record)
                raise
        return Response(status_code=201, headers=self._facts(record) | {"Location": _location(request, record)})

    async def head(self, request: Request, upload_id: UploadId) -> Response:
        """How far an upload is. Ends the request that writes it."""
        _require_version(request)
        record = await self._find(request, upload_id)
        if (
            record.is_open and record.bytes_done < record.size
        ):  # one that is whole is being verified, which may take long
            await self._desk.claims.displace_all(upload_id)
            record = await self._find(request, upload_id)
        headers = self._facts(record) | {"Upload-Length": str(record.size), "Cache-Control": "no-store"}
        header = json.loads(record.metadata)
        if header:
            headers["Upload-Metadata"] = header
        if record.concat:
            headers["Upload-Concat"] = record.concat
        return Response(headers=headers)

    async def patch(self, request: Request, upload_id: UploadId) -> Response:
        """The next bytes of an upload. The answer's offset is durable."""
        _require_version(request)
        if request.headers.get("content-type") != OFFSET_TYPE:
            raise MediaTypeRefused(f"bytes come as {OFFSET_TYPE}")
        offset = parse_number("Upload-Offset", request.headers.get("upload-offset"))
        record = await self._receive(request, upload_id, offset)
        return Response(status_code=204, headers=self._facts(record))

    async def terminate(self, request: Request, upload_id: UploadId) -> Response:
        """Give an upload up. A file that has arrived whole stays where it is."""
        _require_version(request)
        await self._find(request, upload_id)
        async with self._desk.claims.claim(upload_id, WHOLE), self._desk.using(request, upload_id) as upload:
            await self._desk.disk.run(self._desk.store.discard, upload)
        return Response(status_code=204)

    # --- bytes

    async def _receive(self, request: Request, upload_id: str, offset: int) -> UploadRecord:
        """Take a body at an offset. Refusal names the offset to go on from."""
        await self._find(request, upload_id)
        header = request.headers.get("upload-checksum")
        checksum = "" if header is None else parse_tus_checksum(header)
        async with (
            self._desk.using(request, upload_id) as upload,
            self._desk.claims.claim(upload_id, WHOLE) as holder,
        ):
            try:
                _require_offset(upload.record, offset)
                await self._take_body(request, upload, holder, checksum)
                return await self._finish_if_whole(upload)
            except DrsError as error:
                status = CHECKSUM_MISMATCH if checksum and isinstance(error, FileHashMismatch) else None
                raise Refusal(error, status, {"Upload-Offset": str(upload.record.bytes_done)}) from error

    async def _take_body(self, request: Request, upload: Upload, holder: Holder, checksum: str) -> None:
        record = upload.record
        if not record.is_open:
            return  # a repeated request at the end of an upload that is whole brings nothing more
        body = self._desk.body(request, holder, record.size - record.offset)
        body.check_length()
        await FrontWriter(self._desk, upload, checksum).take(body)

    async def _finish_if_whole(self, upload: Upload) -> UploadRecord:
        record = upload.record
        is_whole = record.is_open and record.offset == record.size and record.kind is not Kind.PARTIAL
        return await self._desk.finishing.finish(upload) if is_whole else record

    # --- concatenation

    async def _create_final(self, request: Request, concat: str) -> Response:
        """Put partial uploads together; asked again after a lost answer, it is the same upload."""
        ids = parse_pieces(concat)
        async with self._desk.claims.claim(f"final {ids[0]}", WHOLE):
            find = self._desk.store.find_final
            record = await self._desk.disk.run(find, client_of(request), concat)
            if record is None or record.is_open:
                record = await self._concatenate(request, concat, ids, record)
        return Response(status_code=201, headers={"Location": _location(request, record)})

    async def _concatenate(
        self, request: Request, concat: str, ids: list[str], begun: UploadRecord | None
    ) -> UploadRecord:
        async with AsyncExitStack() as stack:
            pieces = []
            for upload_id in ids:
                await stack.enter_async_context(self._desk.claims.claim(upload_id, WHOLE))
                pieces.append(await stack.enter_async_context(self._desk.using(request, upload_id)))
            for piece in pieces:
                _require_piece(piece.record)
            if begun is None:
                new = _new_upload(request, sum(piece.record.size for piece in pieces), Kind.FINAL, concat)
                begun = await self._desk.disk.run(self._desk.store.create, client_of(request), new)
            upload = await stack.enter_async_context(self._desk.using(request, begun.upload_id))
            await self._desk.disk.run(self._desk.ending.concatenate, upload, pieces)
            record = await self._desk.finishing.finish(upload)
            for piece in pieces:
                await self._desk.disk.run(self._desk.store.discard, piece)
            return record

    # --- answers

    async def _find(self, request: Request, upload_id: str) -> UploadRecord:
        record = await self._desk.find(request, upload_id)
        if not record.is_tus:
            raise NotFoundError(f"there is no upload {upload_id} of tus", hint="It came in chunks.")
        return record

    def _facts(self, record: UploadRecord) -> dict[str, str]:
        if record.status is Status.FAILED:
            failed = ConflictError("the upload failed: it was not what was declared", hint="Begin it again.")
            raise Refusal(failed, 410)
        is_growing = record.kind is Kind.FINAL and record.status is not Status.COMPLETED
        headers = {} if is_growing else {"Upload-Offset": str(record.bytes_done)}
        if record.status is not Status.COMPLETED:
            expires_ns = record.updated_ns + int(self._desk.config.idle_expiry_s * NS_PER_S)
            headers["Upload-Expires"] = http_date(expires_ns)
        return headers


def _require_version(request: Request) -> None:
    if request.headers.get("tus-resumable") != VERSION:
        error = UsageError("the request does not speak tus 1.0.0", hint=f"Send Tus-Resumable: {VERSION}.")
        raise Refusal(error, 412, {"Tus-Version": VERSION})


def _require_offset(record: UploadRecord, offset: int) -> None:
    if record.kind is Kind.FINAL:
        error = ConflictError("a final upload takes no bytes", hint="Send them to its partial uploads.")
        raise Refusal(error, 403, {"Upload-Offset": str(record.bytes_done)})
    if record.status is Status.FAILED:
        raise Refusal(ConflictError("the upload failed", hint="Begin it again."), 410)
    if offset != record.bytes_done:
        raise ConflictError(
            f"the upload is at offset {record.bytes_done}, not at {offset}", hint="Go on from Upload-Offset."
        )


def _require_piece(record: UploadRecord) -> None:
    if record.kind is not Kind.PARTIAL:
        raise ConflictError(f"{record.upload_id} is no partial upload", hint="Begin it with Upload-Concat: partial.")
    if record.offset != record.size:
        raise ConflictError(f"the partial upload {record.upload_id} is not complete", hint="Send the rest of it first.")


def _new_upload(request: Request, size: int, kind: Kind, concat: str = "") -> NewUpload:
    header = request.headers.get("upload-metadata", "")
    metadata = parse_metadata(header)
    return NewUpload(
        filename=metadata.get("filename") or metadata.get("name") or "",
        size=size,
        kind=kind,
        checksum=parse_checksum(metadata.get("checksum", "")),
        metadata=json.dumps(header),
        concat="partial" if kind is Kind.PARTIAL else concat,
    )


def _location(request: Request, record: UploadRecord) -> str:
    """Relative to the server, so that it holds behind a proxy too."""
    root: str = request.scope.get("root_path", "")
    return f"{root}/files/{record.upload_id}"
