"""Chunks wait for each other before they are written: not for long, the last of a file not at all."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from transfer_core.errors import DiskFull
from transfer_core.protocol.receiver_events import ChunkReady
from transfer_core.server.chunk_writes import GATHER_BYTES, GATHER_NS, ChunkWrites, Written

CHUNK = 65536
NOW_NS = 10**9


class Stage:
    """Chunk writes with an intake that notes what it is asked for, and a write thread that works when told to."""

    def __init__(self, missing: int) -> None:
        self.file = SimpleNamespace(missing=missing)
        self.session = SimpleNamespace(protocol=SimpleNamespace(files={1: self.file, 2: SimpleNamespace(missing=9)}))
        self.work: list[Callable[[], Callable[[], None]]] = []
        self.wrote: list[tuple[str, int]] = []
        self.told: list[Written] = []
        self.full_from = 1 << 30
        self.writes = ChunkWrites(self, SimpleNamespace(add=self.work.append), self.told.append)

    def come(self, chunk: int, number: int = 1) -> None:
        if number == 1:
            self.file.missing -= 1
        self.writes.add(
            self.session, f"file {number}", ChunkReady(number, chunk, chunk * CHUNK, memoryview(bytes(CHUNK)))
        )

    def write(self, arriving: str, chunk: int, offset: int, data: memoryview) -> None:
        assert (offset, len(data)) == (chunk * CHUNK, CHUNK)
        if chunk >= self.full_from:
            raise DiskFull("no room")
        self.wrote.append((arriving, chunk))

    def do_all(self) -> None:
        while self.work:
            self.work.pop(0)()()


def test_chunks_wait_for_others_of_their_file_until_the_time_is_over() -> None:
    stage = Stage(missing=100)
    stage.come(0)
    stage.writes.flush(NOW_NS)
    assert stage.writes.due_ns == NOW_NS + GATHER_NS
    stage.come(1)
    stage.writes.flush(NOW_NS + GATHER_NS - 1)
    assert stage.work == []
    stage.writes.flush(NOW_NS + GATHER_NS)
    assert len(stage.work) == 1
    assert stage.writes.due_ns is None
    stage.do_all()
    assert stage.wrote == [("file 1", 0), ("file 1", 1)]
    assert [event.chunk for event in stage.told[0].chunks] == [0, 1]
    assert stage.told[0].failed == {}


@pytest.mark.parametrize(("missing", "come"), [(3, 3), (100, GATHER_BYTES // CHUNK)], ids=["whole file", "much"])
def test_a_file_that_is_whole_and_much_that_has_come_wait_for_nothing(missing: int, come: int) -> None:
    stage = Stage(missing)
    for chunk in range(come):
        assert stage.work == []
        stage.writes.flush(NOW_NS)
        stage.come(chunk)
    stage.writes.flush(NOW_NS)
    stage.do_all()
    assert len(stage.wrote) == come
    stage.writes.flush(NOW_NS + GATHER_NS)
    assert stage.work == []


def test_what_is_handed_over_is_told_of_by_file_with_what_could_not_be_written() -> None:
    stage = Stage(missing=100)
    stage.full_from = 5
    for chunk, number in ((4, 1), (7, 2), (5, 1)):
        stage.come(chunk, number)
    stage.writes.hand_over()
    stage.do_all()
    assert [(told.number, sorted(told.failed)) for told in stage.told] == [(1, [5]), (2, [7])]
    assert [event.chunk for event in stage.told[0].chunks] == [4, 5]
