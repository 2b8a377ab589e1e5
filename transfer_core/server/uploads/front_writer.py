"""From a body to the front of an upload that is written from front to back, as tus does."""

from __future__ import annotations

import time
from contextlib import suppress

from transfer_core.errors import DrsError
from transfer_core.server.uploads.body import Body
from transfer_core.server.uploads.desk import Desk
from transfer_core.server.uploads.model import Upload
from transfer_core.server.uploads.sums import PieceSum
from transfer_core.server.uploads.writing import require_sum


class FrontWriter:
    """Takes one body. Without a checksum what came counts, however it ends; with one, if it fits."""

    def __init__(self, desk: Desk, upload: Upload, declared: str) -> None:
        self._desk = desk
        self._upload = upload
        self._declared = declared
        self._sum = PieceSum(declared)
        self._start = upload.record.offset
        self._writer = desk.writer(upload, self._start, self._sum)
        self._synced_s = time.monotonic()

    async def take(self, body: Body) -> None:
        """All of a body. What `Body.pieces` raises; FileHashMismatch, DiskFull, WriteFailed."""
        try:
            async for piece in body.pieces():
                await self._writer.take(piece)
                if not self._declared and self._is_due():
                    await self._commit()
            await self._writer.flush()
            require_sum(self._sum, "what was sent")
            await self._commit()
        except BaseException:
            await self._writer.leave()
            await self._keep_what_came()
            raise

    def _is_due(self) -> bool:
        """Whether so much lies unsynced, or so long, that a crash would cost too much."""
        unsynced = self._writer.written_to - self._upload.record.offset
        limits = self._desk.store.config
        if unsynced >= limits.sync_bytes:
            return True
        return unsynced >= limits.http.sync_step_bytes and time.monotonic() - self._synced_s >= limits.sync_interval_s

    async def _commit(self) -> None:
        await self._desk.disk.run(self._desk.store.commit_offset, self._upload, self._writer.written_to)
        self._synced_s = time.monotonic()

    async def _keep_what_came(self) -> None:
        """Count what can be counted; what was written beyond it is written over later."""
        if not self._declared:
            with suppress(DrsError):  # what ended the body is told; this would say the same again
                await self._writer.flush()
            with suppress(DrsError):
                await self._commit()
        if self._writer.reach > self._upload.record.offset:
            await self._desk.disk.run(self._desk.store.drop, self._upload)
