"""What a path sends next of files: the queue's slices, the last ones left to others, copies when nothing waits."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from transfer_core.protocol.chunk_slots import Picked
from transfer_core.protocol.next_slices import NextSlices
from transfer_core.protocol.ordered_messages import Outbox
from transfer_core.protocol.outgoing_files import OutgoingFiles
from transfer_core.protocol.path import Path
from transfer_core.protocol.recovery.path_receiver import PathReceiver
from transfer_core.protocol.recovery.path_sender import PathSender
from transfer_core.protocol.wire.chunk_record import new_record, seal_record
from transfer_core.units import NS_PER_MS, NS_PER_S

DATAGRAM_BYTES = 1372
CHUNK = 4096


class Stage:
    """One file of a few chunks, all of it read, and paths with these round trips; None: it has not answered."""

    def __init__(self, *rtts_ms: int | None, chunks: int = 2) -> None:
        self.paths = {
            number: Path(
                number,
                ("10.0.0.1", 9000),
                PathSender(0, rtt_hint_ns=None if rtt_ms is None else rtt_ms * NS_PER_MS),
                PathReceiver(),
                overhead_bytes=28,
                datagram_bytes=DATAGRAM_BYTES,
            )
            for number, rtt_ms in enumerate(rtts_ms)
        }
        files = OutgoingFiles(64, self.paths, Outbox(), deque())
        number = files.open_file(
            file_id="a",
            path="a",
            size=chunks * CHUNK,
            chunk_bytes=CHUNK,
            mtime_ns=0,
            fingerprint=1,
            priority=5,
            position=0.0,
            resumed=False,
        )
        for chunk in range(chunks):
            record, place = new_record("a", CHUNK)
            place[:] = bytes(CHUNK)
            seal_record(record, "a", chunk, chunk * CHUNK, CHUNK)
            files.provide_chunks(number, chunk, [record])
        self.next = NextSlices(files.slots, files.queue, self.paths)

    def send(self, path: int, now_ns: int, most: int = 64) -> tuple[list[int], bool]:
        """Tags of what goes now by that path, and whether these are copies."""
        picked, is_copy = self.next.pick(self.paths[path], now_ns, most)
        tags = _tags(picked)
        if len(tags):
            self.paths[path].sender.on_sent(now_ns, len(tags), DATAGRAM_BYTES, tags)
        return tags.tolist(), is_copy


def _tags(picked: Picked) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int64), *(slot.tags(slices) for slot, slices in picked)])


def test_what_waits_goes_once_in_its_order_and_no_more_than_the_path_may_send() -> None:
    stage = Stage(20)
    path = stage.paths[0]
    assert stage.next.is_there_for(path)
    first, is_copy = stage.send(0, 0, most=3)
    rest, _ = stage.send(0, 0)
    assert (len(first), is_copy) == (3, False)
    assert first + rest == sorted({*first, *rest})
    assert not stage.next.is_there_for(path)
    assert stage.send(0, 0)[0] == []


def _chunks(tags: list[int]) -> set[int]:
    """Which chunks the tags are of, by their slots, which are given out in rising order."""
    return {tag >> 16 & 0xFFFFFF for tag in tags}


def test_each_path_goes_on_with_the_chunk_that_it_has_begun() -> None:
    stage = Stage(20, 20, chunks=4)
    first, second = stage.send(0, 0, most=1)[0], stage.send(1, 0, most=1)[0]
    assert _chunks(first) == {0}
    assert _chunks(second) == {1}
    assert _chunks(stage.send(0, 0, most=2)[0]) == {0}
    assert _chunks(stage.send(1, 0, most=4)[0]) == {1, 2}
    assert _chunks(stage.send(0, 0, most=2)[0]) == {0, 3}


def test_the_last_chunk_is_shared_by_all_paths() -> None:
    stage = Stage(20, 20, chunks=1)
    sent = stage.send(0, 0, most=1)[0] + stage.send(1, 0)[0]
    assert len(sent) == len(set(sent)) == 4


@pytest.mark.parametrize("gone", ["silent", "not to be used"])
def test_another_path_goes_on_with_the_chunk_of_one_that_is_gone(gone: str) -> None:
    stage = Stage(20, 20, chunks=4)
    stage.send(0, 0, most=1)
    if gone == "silent":
        stage.paths[0].sender.on_timeout(10 * NS_PER_S)
        assert stage.paths[0].sender.is_silent
    stage.paths[0].carries_data = gone == "silent"
    assert _chunks(stage.send(1, 0, most=2)[0]) == {0}


def test_a_path_that_may_carry_no_files_is_not_asked() -> None:
    stage = Stage(20)
    stage.paths[0].carries_data = False
    assert not stage.next.is_there_for(stage.paths[0])
    assert stage.next.due_ns(stage.paths[0]) is None


def test_the_last_bytes_are_left_to_a_path_that_has_them_there_before_the_slow_one_s_first() -> None:
    stage = Stage(10, 2000, chunks=1)
    assert stage.next.is_there_for(stage.paths[0])
    assert not stage.next.is_there_for(stage.paths[1])
    assert stage.send(1, 0)[0] == []
    assert len(stage.send(0, 0)[0]) > 0


def test_an_idle_path_copies_what_a_slower_one_still_owes_and_looks_again_later() -> None:
    stage = Stage(1000, 10)
    stage.paths[1].carries_data = False  # else the slow one leaves it all to this one
    sent, _ = stage.send(0, 0)
    stage.paths[1].carries_data = True
    copied, is_copy = stage.send(1, 0)
    assert is_copy
    assert sorted(copied) == sorted(sent)
    due_ns = stage.next.due_ns(stage.paths[1])
    assert due_ns is not None
    assert 0 < due_ns < NS_PER_S
    assert stage.send(1, due_ns)[0] == []  # each has its copy


@pytest.mark.parametrize("redundant", [True, False])
def test_with_redundancy_each_slice_goes_by_a_second_path_too_however_slow(redundant: bool) -> None:
    stage = Stage(10, 500)
    stage.next.redundant = redundant
    sent, _ = stage.send(0, 0)
    copied, is_copy = stage.send(1, 0)
    assert sorted(copied) == (sorted(sent) if redundant else [])
    assert is_copy or not redundant


def test_a_path_that_has_not_answered_takes_nothing_while_another_one_has() -> None:
    stage = Stage(20, None, chunks=40)
    unknown = stage.paths[1]
    assert not stage.next.is_there_for(unknown)
    assert stage.send(1, 0) == ([], False)
    assert stage.next.is_there_for(stage.paths[0])
    unknown.sender = PathSender(0, rtt_hint_ns=20 * NS_PER_MS)
    assert stage.next.is_there_for(unknown)


@pytest.mark.parametrize("other", ["silent", "not to be used", "unknown too"])
def test_a_path_that_has_not_answered_is_tried_where_no_other_one_can_carry_it(other: str) -> None:
    stage = Stage(None if other == "unknown too" else 20, None)
    known = stage.paths[0]
    if other == "silent":
        stage.send(0, 0, most=1)
        known.sender.on_timeout(10 * NS_PER_S)
        assert known.sender.is_silent
    known.carries_data = other != "not to be used"
    assert stage.next.is_there_for(stage.paths[1])
