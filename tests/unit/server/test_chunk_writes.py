"""Chunks wait for each other before they are written: not for long, the last of a file not at all.

A file whose last chunk is written, and whose hash is known, is sent on to be verified by whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from transfer_core.errors import DiskFull
from transfer_core.protocol.receiver_events import ChunkReady
from transfer_core.server.chunk_writes import GATHER_BYTES, GATHER_NS, ChunkWrites, Written

CHUNK = 65536
NOW_NS = 10**9


class Stage:
    """Chunk writes with an intake that notes what it is asked for, and a write thread that works when told to."""

    def __init__(self, missing: int) -> None:
        self.file = SimpleNamespace(missing=missing, chunks=missing, digest=None)
        other = SimpleNamespace(missing=9, chunks=9, digest=None)
        self.session = SimpleNamespace(protocol=SimpleNamespace(files={1: self.file, 2: other}))
        self.work: list[Callable[[], Callable[[], None]]] = []
        self.wrote: list[tuple[str, int]] = []
        self.told: list[Written] = []
        self.finished: list[tuple[object, str]] = []
        self.full_from = 1 << 30
        self.writes = ChunkWrites(self, SimpleNamespace(add=self.work.append), self.told.append, self.finished.extend)

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


class Incoming:
    """A file of which nothing is written yet."""

    def __init__(self, chunks: int) -> None:
        self.written = np.zeros(chunks, np.bool_)


class MarkingStage(Stage):
    """One whose files know what of them is written."""

    def write(self, arriving: Incoming, chunk: int, offset: int, data: memoryview) -> None:
        super().write(arriving, chunk, offset, data)
        arriving.written[chunk] = True

    def come_of(self, arriving: Incoming, chunk: int) -> None:
        self.file.missing -= 1
        self.writes.add(self.session, arriving, ChunkReady(1, chunk, chunk * CHUNK, memoryview(bytes(CHUNK))))


def test_what_wrote_the_last_chunk_of_a_file_whose_hash_is_known_sends_it_on() -> None:
    stage, arriving = MarkingStage(missing=3), Incoming(3)
    stage.file.digest = "blake3:1"
    stage.come_of(arriving, 2)
    stage.come_of(arriving, 0)
    assert not stage.writes.has_last
    stage.writes.hand_over()
    stage.come_of(arriving, 1)
    assert stage.writes.has_last
    stage.writes.hand_over()
    assert not stage.writes.has_last
    stage.do_all()
    assert stage.finished == [(arriving, "blake3:1")]
    assert [told.is_whole for told in stage.told] == [False, True]


@pytest.mark.parametrize(
    ("digest", "full_from", "elsewhere"),
    [(None, 9, 0), ("blake3:1", 1, 0), ("blake3:1", 9, 1)],
    ids=["no hash", "no room", "one that failed before"],
)
def test_a_file_is_not_sent_on_without_its_hash_or_while_any_chunk_is_not_written(
    digest: str | None, full_from: int, elsewhere: int
) -> None:
    stage, arriving = MarkingStage(missing=2), Incoming(2 + elsewhere)
    stage.file.digest, stage.full_from = digest, full_from
    for chunk in range(2):
        stage.come_of(arriving, chunk)
    stage.writes.hand_over()
    stage.do_all()
    assert stage.finished == []
    assert not stage.told[0].is_whole


def test_a_file_of_one_chunk_is_in_no_hurry_beyond_its_turn() -> None:
    stage = MarkingStage(missing=1)
    stage.come_of(Incoming(1), 0)
    assert not stage.writes.has_last
