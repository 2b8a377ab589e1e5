"""The reference's upload protocol: init, chunks as multipart forms in any order, finalize, status and list.

A chunk is answered once it is synced. One that is here already is read and dropped, so that a client whose answer was
lost can send it again. The first chunk to come tells the size of all (see `chunk_layout`); until then one at a time is
taken for an upload, since where the others belong is only known after it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any
from weakref import WeakValueDictionary

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from transfer_core.errors import ConflictError, NotFoundError, TooLarge, UsageError
from transfer_core.server.uploads.body import Body, content_length
from transfer_core.server.uploads.chunk_form import ChunkForm
from transfer_core.server.uploads.chunk_layout import check_counts, chunk_bytes_from, largest
from transfer_core.server.uploads.claims import Holder
from transfer_core.server.uploads.desk import Desk, client_of, json_body, receipt_of
from transfer_core.server.uploads.model import NewUpload, Upload
from transfer_core.server.uploads.records import Kind, Status, UploadRecord
from transfer_core.server.uploads.sums import PieceSum, parse_checksum
from transfer_core.server.uploads.tus_headers import parse_metadata
from transfer_core.server.uploads.writing import require_sum
from transfer_core.units import utc_iso

_SIZE_MAX = (1 << 63) - 1
_METADATA_BYTES_MAX = 64 * 1024
_FORM_BYTES_MAX = 128 * 1024  # the fields around a chunk
_LISTED_MAX = 100
UploadId = Annotated[str, InPath(max_length=64)]


class InitRequest(BaseModel):
    """What begins an upload."""

    filename: str = Field(min_length=1, max_length=4096)
    filesize: int = Field(ge=0, le=_SIZE_MAX)
    chunks: int = Field(ge=0, le=_SIZE_MAX)
    chunk_size: int = Field(default=0, ge=0, le=_SIZE_MAX, description="Of all chunks but the last; 0: as they come.")
    metadata: dict[str, Any] | None = None
    checksum: str | None = Field(default="", max_length=256, description="MD5, SHA-256, or blake3:… of the file.")


class FinalizeRequest(BaseModel):
    """What ends one."""

    upload_id: str = Field(max_length=64)
    checksum: str | None = Field(default="", max_length=256)


_CHUNK_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["upload_id", "chunk_index", "chunk_total", "chunk"],
                    "properties": {
                        "upload_id": {"type": "string"},
                        "chunk_index": {"type": "integer", "minimum": 0},
                        "chunk_total": {"type": "integer", "minimum": 0},
                        "checksum": {"type": "string", "description": "Of this chunk; may be left out."},
                        "chunk": {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }
}


def percent(done: int, total: int) -> float:
    """100 only when all is there, with two digits that never say too much."""
    return 100.0 if done >= total else done * 10_000 // total / 100


def progress_object(record: UploadRecord) -> dict[str, Any]:
    """What a chunk is answered with."""
    return {
        "received_chunks": record.chunks_done,
        "total_chunks": record.chunks,
        "progress": percent(record.chunks_done, record.chunks),
    }


def status_object(record: UploadRecord) -> dict[str, Any]:
    """Everything about an upload, of either protocol."""
    here, lacking = record.chunks_here(), record.chunks_lacking(1)
    return {
        "upload_id": record.upload_id,
        "filename": record.filename,
        "filesize": record.size,
        "status": "uploading" if record.status is Status.VERIFIED else record.status.value,
        "received_chunks": len(here),
        "total_chunks": record.chunks,
        "progress": percent(record.bytes_done, record.size),
        "uploaded_chunks": here,
        "next_chunk": lacking[0] if lacking else None,
        "chunk_size": record.chunk_bytes,
        "bytes_uploaded": record.bytes_done,
        "checksum": record.checksum,
        "metadata": metadata_object(record),
        "protocol": "tus" if record.is_tus else "chunks",
        "created_at": utc_iso(record.created_ns),
        "updated_at": utc_iso(record.updated_ns),
        "completed_at": None if record.completed_ns is None else utc_iso(record.completed_ns),
        "stored_as": record.stored_as,
        "file_hash": record.file_hash,
    }


def metadata_object(record: UploadRecord) -> dict[str, Any]:
    """What the client has said about the file, of either protocol."""
    kept = json.loads(record.metadata)
    return parse_metadata(kept) if isinstance(kept, str) else kept


class ChunkApi:
    """The routes, over a desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._first: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.router = APIRouter(tags=["chunks"])
        self.router.post("/upload/init", openapi_extra=json_body(InitRequest))(self.init)
        self.router.post("/upload/chunk", openapi_extra=_CHUNK_BODY)(self.chunk)
        self.router.post("/upload/finalize", openapi_extra=json_body(FinalizeRequest))(self.finalize)
        self.router.get("/upload/status/{upload_id}")(self.status)
        self.router.delete("/upload/{upload_id}", status_code=204)(self.give_up)
        self.router.get("/upload/receipt/{upload_id}")(self.receipt)
        self.router.get("/uploads")(self.uploads)

    async def init(self, request: Request) -> dict[str, Any]:
        """Begin an upload of `filesize` bytes in `chunks` chunks, the last of which may be shorter."""
        asked = await self._desk.read_json(request, InitRequest)
        check_counts(asked.filesize, asked.chunks, asked.chunk_size, self._desk.config.chunks_max)
        metadata = json.dumps(asked.metadata or {})
        if len(metadata) > _METADATA_BYTES_MAX:
            raise TooLarge("the metadata is too long")
        new = NewUpload(
            filename=asked.filename,
            size=asked.filesize,
            kind=Kind.CHUNKS,
            chunks=asked.chunks,
            chunk_bytes=asked.chunk_size,
            checksum=parse_checksum(asked.checksum or ""),
            metadata=metadata,
        )
        record = await self._desk.disk.run(self._desk.store.create, client_of(request), new)
        return {"upload_id": record.upload_id, "success": True}

    async def chunk(self, request: Request) -> dict[str, Any]:
        """One chunk of an upload, in any order; one that is here already is answered like a new one."""
        form = ChunkForm(request.headers.get("content-type", ""))
        body = self._desk.body(request, Holder(), self._desk.config.upload_bytes_max + _FORM_BYTES_MAX)
        body.check_length()
        pieces = body.pieces()
        begun: list[bytes] = []
        async for piece in pieces:
            begun += form.feed(piece)
            if form.has_chunk:
                break
            if body.taken > _FORM_BYTES_MAX:
                raise TooLarge("the form's fields are too long")
        index = form.number("chunk_index")
        async with self._desk.using(request, form.field("upload_id")) as upload:
            record = upload.record
            _check_place(record, index, form)
            if not form.has_chunk and record.size:
                raise UsageError("the form lacks chunk")
            async with self._desk.claims.claim(record.upload_id, index) as holder:
                body.holder = holder
                await self._take(upload, index, _Incoming(form, begun, pieces, body, request))
            return progress_object(upload.record)

    async def _take(self, upload: Upload, index: int, incoming: _Incoming) -> None:
        record = upload.record
        if record.status is Status.COMPLETED or record.has_chunk(index):
            async for _ in incoming.chunk():
                pass
        elif record.chunk_bytes:
            await self._write(upload, index, incoming)
        else:
            lock = self._first.setdefault(record.upload_id, asyncio.Lock())
            async with lock:
                await self._write(upload, index, incoming)

    async def _write(self, upload: Upload, index: int, incoming: _Incoming) -> None:
        """Write a chunk to its place, and keep that it is here if it is what was declared."""
        record = upload.record
        checksum = PieceSum(parse_checksum(incoming.form.fields.get("checksum", "")))
        chunk_bytes = record.chunk_bytes or incoming.guess(record, index)
        offset = index * chunk_bytes
        limit = min(chunk_bytes, record.size - offset) if chunk_bytes else largest(record.size, record.chunks)
        writer = self._desk.writer(upload, offset, checksum)
        try:
            async for piece in incoming.chunk():
                if writer.end - offset + len(piece) > limit:
                    raise TooLarge(f"chunk {index} is larger than the {limit} bytes that it can have")
                await writer.take(piece)
            found = _require_length(record, index, offset, writer.end - offset)

            def keep() -> None:
                require_sum(checksum, f"chunk {index}")
                self._desk.store.commit_chunk(upload, index, found)

            await writer.finish(keep)
        except BaseException:
            await writer.leave()
            if writer.reach > offset:
                await self._desk.disk.run(self._desk.store.drop, upload)
            raise

    async def finalize(self, request: Request) -> dict[str, Any]:
        """Verify the whole, and give it its name. May be asked again."""
        asked = await self._desk.read_json(request, FinalizeRequest)
        checksum = parse_checksum(asked.checksum or "")
        async with self._desk.using(request, asked.upload_id) as upload:
            record = upload.record
            if record.is_tus:
                raise NotFoundError(f"there is no upload {asked.upload_id!a} in chunks")
            if record.status is Status.FAILED:
                raise ConflictError("the upload failed before", hint="Begin it again.")
            if record.is_open:
                lacking = record.chunks_lacking(_LISTED_MAX)
                if lacking:
                    count = record.chunks - record.chunks_done
                    hint = f"Send {', '.join(map(str, lacking))}{' and more' if count > len(lacking) else ''}."
                    raise ConflictError(f"{count} chunks are missing", hint=hint)
                await self._desk.disk.run(self._desk.store.declare, upload, checksum)
            record = await self._desk.finishing.finish(upload)
            return self._completed_object(record)

    def _completed_object(self, record: UploadRecord) -> dict[str, Any]:
        return {
            "success": True,
            "file_path": str(self._desk.store.file_path(record)),
            "stored_as": record.stored_as,
            "filesize": record.size,
            "file_hash": record.file_hash,
            "receipt": receipt_of(record),
        }

    async def give_up(self, request: Request, upload_id: UploadId) -> Response:
        """Give up what is on its way. A file that has arrived stays, with its receipt."""
        async with self._desk.using(request, upload_id) as upload:
            if upload.record.is_tus:
                raise NotFoundError(f"there is no upload {upload_id!a} in chunks")
            await self._desk.claims.displace_all(upload_id)
            await self._desk.disk.run(self._desk.ending.give_up, upload)
        return Response(status_code=204)

    async def status(self, request: Request, upload_id: UploadId) -> dict[str, Any]:
        """How far an upload is, of either protocol."""
        return status_object(await self._desk.find(request, upload_id))

    async def receipt(self, request: Request, upload_id: UploadId) -> dict[str, Any]:
        """The signed receipt of a complete upload, of either protocol."""
        receipt = receipt_of(await self._desk.find(request, upload_id))
        if receipt is None:
            raise ConflictError("the upload is not complete", hint="Ask again when it is.")
        return receipt

    async def uploads(self, request: Request) -> dict[str, Any]:
        """What this client has uploaded, newest first."""
        records = await self._desk.disk.run(self._desk.store.completed, client_of(request))
        listed = [
            {
                "upload_id": record.upload_id,
                "filename": record.filename,
                "filesize": record.size,
                "file_path": str(self._desk.store.file_path(record)),
                "stored_as": record.stored_as,
                "file_hash": record.file_hash,
                "metadata": metadata_object(record),
                "completed_at": utc_iso(record.completed_ns or 0),
            }
            for record in records
        ]
        return {"uploads": listed, "count": len(listed)}


class _Incoming:
    """A chunk on its way: what of it came with the form's head, and the rest of the body."""

    def __init__(
        self, form: ChunkForm, begun: list[bytes], pieces: AsyncIterator[bytes], body: Body, request: Request
    ) -> None:
        self.form = form
        self._begun = begun
        self._pieces = pieces
        self._body = body
        self._request = request

    async def chunk(self) -> AsyncIterator[bytes]:
        """The chunk's bytes. UsageError if the form ends too early."""
        for piece in self._begun:
            yield piece
        async for raw in self._pieces:
            for piece in self.form.feed(raw):
                yield piece
        if not self.form.is_whole:
            raise UsageError("the form was cut short")

    def guess(self, record: UploadRecord, index: int) -> int:
        """The size of all chunks, from how long the body says it is; 0 for chunk 0, which lies at 0 in any case."""
        if index == 0:
            return 0
        length = content_length(self._request)
        if length is None:
            hint = "Send chunk 0 first, name chunk_size in init, or send a Content-Length."
            raise ConflictError("how large a chunk is is not known yet", hint=hint)
        in_chunk = length - self.form.bytes_before_chunk - self.form.closing_bytes
        return chunk_bytes_from(record.size, record.chunks, index, max(0, in_chunk))


def _require_length(record: UploadRecord, index: int, offset: int, length: int) -> int:
    """The size of all chunks, if one that was written at `offset` belongs there. ConflictError, UsageError."""
    if record.chunk_bytes:
        wanted = record.chunk_size(index)
        if length != wanted:
            raise ConflictError(f"chunk {index} has {length} bytes, {wanted} were expected", hint="Send all of it.")
        return record.chunk_bytes
    found = chunk_bytes_from(record.size, record.chunks, index, length)
    if found * index != offset:
        hint = "Send chunk 0 first, or name chunk_size in init."
        raise ConflictError(f"chunk {index} has {length} bytes, which was not to be known from its form", hint=hint)
    return found


def _check_place(record: UploadRecord, index: int, form: ChunkForm) -> None:
    if record.is_tus:
        raise NotFoundError(f"there is no upload {record.upload_id} in chunks")
    if form.number("chunk_total") != record.chunks:
        raise UsageError(f"the upload has {record.chunks} chunks, not {form.number('chunk_total')}")
    if index >= record.chunks:
        raise UsageError(f"there is no chunk {index}: the upload has {record.chunks}, from 0")
    if record.status is Status.FAILED:
        raise ConflictError("the upload failed", hint="Begin it again.")
