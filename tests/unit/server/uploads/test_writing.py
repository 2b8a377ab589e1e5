"""Bytes of a request on their way into a file: written behind what comes, and never after the request has ended."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from transfer_core.errors import DiskFull
from transfer_core.server.uploads.sums import PieceSum
from transfer_core.server.uploads.writing import BLOCK_BYTES_MAX, BLOCKS_BYTES, BlockWriter, Disk, block_bytes


class Store:
    """Stands for an upload's file. `gate` holds writes up; `room` is how much it takes."""

    def __init__(self, room: int = 1 << 40) -> None:
        self.content = bytearray()
        self.gate = threading.Event()
        self.gate.set()
        self.room = room
        self.under_way = 0

    def write(self, _upload: object, offset: int, data: memoryview) -> None:
        self.under_way += 1
        try:
            assert self.gate.wait(60.0)
            if offset + len(data) > self.room:
                raise DiskFull("no room left")
            assert offset == len(self.content)
            self.content += data
        finally:
            self.under_way -= 1


def _writer(store: Any, disk: Disk) -> BlockWriter:
    return BlockWriter(store, disk, Any, 0, PieceSum(""), lambda: 1)


def test_what_comes_is_taken_while_a_block_is_written_and_all_of_it_arrives_in_order() -> None:
    store, disk = Store(), Disk(2)
    pieces = [bytes([number % 251]) * (BLOCK_BYTES_MAX // 2) for number in range(9)]

    async def send() -> int:
        writer = _writer(store, disk)
        store.gate.clear()
        for piece in pieces[:3]:  # a block, which is held up, and half of the next one
            await writer.take(piece)
        assert (writer.written_to, writer.end) == (0, 3 * len(pieces[0]))
        store.gate.set()
        for piece in pieces[3:]:
            await writer.take(piece)
        await writer.flush()
        return writer.written_to

    assert asyncio.run(send()) == 9 * BLOCK_BYTES_MAX // 2
    assert bytes(store.content) == b"".join(pieces)
    disk.stop()


def test_a_write_that_fails_is_told_and_does_not_count() -> None:
    store, disk = Store(room=BLOCK_BYTES_MAX), Disk(2)

    async def send() -> BlockWriter:
        writer = _writer(store, disk)
        await writer.take(bytes(BLOCK_BYTES_MAX))
        await writer.take(bytes(BLOCK_BYTES_MAX))
        with pytest.raises(DiskFull):
            await writer.take(bytes(BLOCK_BYTES_MAX))
        store.room *= 2  # there is room again, but behind a hole
        with pytest.raises(DiskFull):
            await writer.flush()
        await writer.leave()
        return writer

    writer = asyncio.run(send())
    assert writer.written_to == BLOCK_BYTES_MAX
    assert writer.reach == 2 * BLOCK_BYTES_MAX
    assert len(store.content) == BLOCK_BYTES_MAX
    disk.stop()


def test_a_request_that_is_cancelled_leaves_only_when_nothing_is_written_any_more() -> None:
    store, disk = Store(), Disk(2)

    async def send() -> None:
        writer = _writer(store, disk)
        try:
            await writer.take(bytes(BLOCK_BYTES_MAX))
            await writer.finish(lambda: None)
        except asyncio.CancelledError:
            await writer.leave()
            assert store.under_way == 0
            assert writer.reach == writer.written_to == BLOCK_BYTES_MAX
            raise

    async def main() -> None:
        store.gate.clear()
        task = asyncio.create_task(send())
        while not store.under_way:
            await asyncio.sleep(0)
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, store.gate.set)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert len(store.content) == BLOCK_BYTES_MAX
    disk.stop()


def test_what_follows_the_last_write_is_done_after_it_and_its_error_is_told() -> None:
    store, disk = Store(), Disk(2)
    seen: list[int] = []

    async def send() -> None:
        writer = _writer(store, disk)
        await writer.take(b"end")
        await writer.finish(lambda: seen.append(len(store.content)))

        def fail() -> None:
            raise DiskFull("no room for the record")

        with pytest.raises(DiskFull):
            await writer.finish(fail)

    asyncio.run(send())
    assert seen == [3]
    disk.stop()


def test_many_writers_hold_no_more_than_a_few() -> None:
    assert all(writers * block_bytes(writers) <= BLOCKS_BYTES for writers in range(2, 65))
