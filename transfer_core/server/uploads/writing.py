"""From a request's body into a part file: gathered into blocks, written and synced on disk threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from transfer_core.errors import DrsError, FileHashMismatch
from transfer_core.server.uploads.ending import Ending
from transfer_core.server.uploads.model import Upload
from transfer_core.server.uploads.records import UploadRecord
from transfer_core.server.uploads.store import UploadStore
from transfer_core.server.uploads.sums import PieceSum

BLOCK_BYTES_MAX = 2 * 1024 * 1024
BLOCK_BYTES_MIN = 64 * 1024
BLOCKS_BYTES = 4 * 1024 * 1024  # of all writers together, so that memory does not grow with their number
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Disk:
    """A few threads for blocking calls."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="relay-http-disk")

    def begin(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> asyncio.Future[_T]:
        """Have it done on a disk thread; `wait` for it."""
        return asyncio.wrap_future(self._pool.submit(work, *args, **kwargs))

    @staticmethod
    async def wait(begun: asyncio.Future[_T]) -> _T:
        """What came of it. A caller that is cancelled still waits, so that no file is closed under a write."""
        try:
            return await asyncio.shield(begun)
        except asyncio.CancelledError:
            if not begun.done():
                await asyncio.wait([begun])
            raise

    async def run(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """`begin` and `wait`."""
        return await self.wait(self.begin(work, *args, **kwargs))

    def stop(self) -> None:
        """Return when all that was begun is done."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def block_bytes(writers: int) -> int:
    """How much each of so many writers gathers before it writes."""
    return max(BLOCK_BYTES_MIN, min(BLOCK_BYTES_MAX, BLOCKS_BYTES // max(1, writers)))


class BlockWriter:
    """Gathers bytes that follow each other, and writes them in blocks, one while the next one comes. For one request.

    However the request ends, `flush`, `finish` or `leave` has to be the last, so that nothing is written after it. Once
    a write has failed, nothing is written any more: what followed it would lie behind a hole.
    `writers` gives how many there are, itself included.
    """

    def __init__(
        self,
        store: UploadStore,
        disk: Disk,
        upload: Upload,
        offset: int,
        checksum: PieceSum,
        writers: Callable[[], int],
    ) -> None:
        self._writers = writers
        self._store = store
        self._disk = disk
        self._upload = upload
        self._block = bytearray()
        self._checksum = checksum
        self._writing: asyncio.Future[object] | None = None
        self._failure: BaseException | None = None
        self.reach = offset  # bytes up to here may be in the file
        self.written_to = offset  # up to here they are

    @property
    def end(self) -> int:
        """Where the next byte goes."""
        return self.reach + len(self._block)

    async def take(self, piece: bytes | memoryview) -> None:
        """Take bytes. DiskFull, WriteFailed; then what is in the block is lost."""
        self._block += piece
        if len(self._block) >= block_bytes(self._writers()):
            await self._settle()
            self._begin(_nothing)

    async def flush(self) -> None:
        """Hand all that was taken to the system. DiskFull, WriteFailed."""
        await self.finish(_nothing)

    async def finish(self, then: Callable[[], object]) -> None:
        """Hand all that was taken to the system, then do what follows on the same thread. What either raises."""
        await self._settle()
        self._begin(then)
        await self._settle()

    async def leave(self) -> None:
        """Wait for what is on its way, whatever comes of it."""
        with suppress(DrsError):
            await self._settle()

    def _begin(self, then: Callable[[], object]) -> None:
        block, self._block = self._block, bytearray()
        offset, self.reach = self.reach, self.reach + len(block)
        self._writing = self._disk.begin(self._write, offset, block, then)

    async def _settle(self) -> None:
        if self._failure is not None:
            raise self._failure
        writing = self._writing
        if writing is None:
            return
        try:
            await self._disk.wait(writing)
        finally:
            self._writing = None
            self._failure = asyncio.CancelledError() if writing.cancelled() else writing.exception()
            if self._failure is None:
                self.written_to = self.reach

    def _write(self, offset: int, block: bytearray, then: Callable[[], object]) -> None:
        if block:
            self._checksum.update(block)
            self._store.write(self._upload, offset, memoryview(block))
        then()


def _nothing() -> None:
    """Nothing follows the write."""


class Finishing:
    """Verifying a whole upload, once, for all who ask meanwhile. Touched by the event loop alone."""

    def __init__(self, ending: Ending, disk: Disk) -> None:
        self._ending = ending
        self._disk = disk
        self._under_way: dict[str, asyncio.Future[UploadRecord]] = {}

    async def finish(self, upload: Upload) -> UploadRecord:
        """See `Ending.finish`. A request that goes away does not stop it."""
        upload_id = upload.record.upload_id
        future = self._under_way.get(upload_id)
        if future is None:
            future = asyncio.ensure_future(self._finish(upload))
            self._under_way[upload_id] = future
            future.add_done_callback(lambda done: self._done(upload_id, done))
        return await asyncio.shield(future)

    async def _finish(self, upload: Upload) -> UploadRecord:
        return await self._disk.run(self._ending.finish, upload)

    def _done(self, upload_id: str, future: asyncio.Future[UploadRecord]) -> None:
        del self._under_way[upload_id]
        if not future.cancelled():
            future.exception()  # whoever waits has it; nobody may wait any more


def require_sum(checksum: PieceSum, what: str) -> None:
    """FileHashMismatch if what came is not what was declared."""
    if not checksum.fits:
        raise FileHashMismatch(f"{what} is not what its checksum says", hint="Send it again.")
