"""The relay's side of a session by itself: chunks put together from slices of more than one cut."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.hostile_peer import ADDRESS, HostilePeer, give
from transfer_core.protocol.endpoint import Received
from transfer_core.protocol.receiver import ReceiverSession
from transfer_core.protocol.receiver_events import ChunkReady, FileOffered, VerifyFile
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.wire import messages as wire
from transfer_core.protocol.wire.chunk_record import new_record, record_bytes, seal_record

NOW_NS = 10**9
CHUNK = bytes(range(256)) * 16


def _slices(size: int) -> list[bytes]:
    """The one chunk's record, cut into slices of that size, the last one padded."""
    record, place = new_record("f", len(CHUNK))
    place[:] = CHUNK
    seal_record(record, "f", 0, 0, len(CHUNK))
    whole = bytes(record)[: record_bytes("f", len(CHUNK))]
    return [whole[at : at + size].ljust(size, b"\0") for at in range(0, len(whole), size)]


def _pair() -> tuple[ReceiverSession, HostilePeer]:
    keys = PathKeys(bytes([1]) * 32)
    side = ReceiverSession(
        my_index=7, peer_index=8, send_keys=PathKeys(bytes([2]) * 32), receive_keys=keys, window_chunks=64
    )
    return side, HostilePeer(keys, 7)


@pytest.mark.parametrize(("first", "then"), [(1000, 700), (700, 1000)])
def test_a_chunk_that_is_cut_anew_is_whole_once_either_cut_is_though_late_slices_of_the_other_come_between(
    first: int, then: int
) -> None:
    side, peer = _pair()
    offer = wire.FileOpen(1, 5, len(CHUNK), 4096, 0, 1, "f", "f")
    give(side, peer.frames(peer.message(offer)), NOW_NS)
    side.poll_event()
    side.accept_file(1)
    old, new = _slices(first), _slices(then)
    for index in (0, 1):
        give(side, peer.data(1, 0, index, old[index]), NOW_NS)
    for index in range(len(new) - 1):
        give(side, peer.data(1, 0, index, new[index]), NOW_NS)
    give(side, peer.data(1, 0, 2, old[2]), NOW_NS)  # by a slower path
    assert side.poll_event() is None
    give(side, peer.data(1, 0, len(new) - 1, new[-1]), NOW_NS)
    event = side.poll_event()
    assert isinstance(event, ChunkReady)
    assert bytes(event.data) == CHUNK
    give(side, peer.data(1, 0, 3, old[3]), NOW_NS)
    assert side.poll_event() is None
    assert side.files[1].partial == {}
    assert side.files[1].recut == {}


@pytest.mark.parametrize("order", [[0, 2, 1, 3, 4], [3, 1, 2, 0, 4], [0, 1, 1, 3, 2, 4], [4, 3, 2, 1, 0]])
def test_slices_that_come_in_one_burst_find_their_places_though_some_have_overtaken_others_or_come_twice(
    order: list[int],
) -> None:
    side, peer = _pair()
    give(side, peer.frames(peer.message(wire.FileOpen(1, 5, len(CHUNK), 4096, 0, 1, "f", "f"))), NOW_NS)
    side.poll_event()
    side.accept_file(1)
    cut = _slices(900)
    assert sorted(set(order)) == list(range(len(cut)))
    burst = [peer.data(1, 0, index, cut[index]) for index in order]
    together = Received(ADDRESS, memoryview(b"".join(burst)), len(burst[0]))
    side.receive_datagrams(0, together, NOW_NS)
    event = side.poll_event()
    assert isinstance(event, ChunkReady)
    assert bytes(event.data) == CHUNK


@pytest.mark.parametrize("is_finished", [True, False])
def test_a_file_that_is_here_as_a_whole_before_it_is_accepted_is_verified_without_another_word(
    is_finished: bool,
) -> None:
    side, peer = _pair()
    give(side, peer.frames(peer.message(wire.FileOpen(1, 5, len(CHUNK), 4096, 0, 1, "f", "f"))), NOW_NS)
    assert side.poll_event() == FileOffered(1)
    cut = _slices(1000)
    for index, data in enumerate(cut[:-1]):
        give(side, peer.data(1, 0, index, data), NOW_NS)
    assert side.whole_early(1) == []
    if is_finished:
        give(side, peer.frames(peer.message(wire.FileFinish(1, "blake3:1"))), NOW_NS)
    assert side.is_coming(1) is is_finished
    give(side, peer.data(1, 0, len(cut) - 1, cut[-1]), NOW_NS)
    assert not side.is_coming(1)
    ((offset, data),) = side.whole_early(1)
    assert (offset, bytes(data)) == (0, CHUNK)
    before = side.messages_pending
    assert side.accept_file(1, np.ones(1, np.bool_)) == len(CHUNK)
    said = side.messages_pending - before
    assert side.whole_early(1) == []
    if is_finished:
        assert (side.poll_event(), said) == (VerifyFile(1, "blake3:1"), 0)
    else:
        assert (side.poll_event(), said) == (None, 2)  # FILE_HAVE and FILE_READY


@pytest.mark.parametrize("is_begun", [True, False])
def test_a_file_that_its_owner_verifies_by_himself_is_not_asked_for(is_begun: bool) -> None:
    side, peer = _pair()
    give(side, peer.frames(peer.message(wire.FileOpen(1, 5, len(CHUNK), 4096, 0, 1, "f", "f"))), NOW_NS)
    assert side.poll_event() == FileOffered(1)
    side.accept_file(1)
    for index, data in enumerate(_slices(1000)):
        give(side, peer.data(1, 0, index, data), NOW_NS)
    give(side, peer.frames(peer.message(wire.FileFinish(1, "blake3:1"))), NOW_NS)
    assert isinstance(side.poll_event(), ChunkReady)
    if is_begun:
        side.begin_verifying(1)
    side.chunk_written(1, 0)
    assert side.poll_event() == (None if is_begun else VerifyFile(1, "blake3:1"))


def test_what_could_not_be_written_of_a_whole_file_is_handed_over_once_it_is_accepted() -> None:
    side, peer = _pair()
    give(side, peer.frames(peer.message(wire.FileOpen(1, 5, len(CHUNK), 4096, 0, 1, "f", "f"))), NOW_NS)
    side.poll_event()
    for index, data in enumerate(_slices(1000)):
        give(side, peer.data(1, 0, index, data), NOW_NS)
    assert len(side.whole_early(1)) == 1
    assert side.accept_file(1, np.zeros(1, np.bool_)) == 0
    event = side.poll_event()
    assert isinstance(event, ChunkReady)
    assert bytes(event.data) == CHUNK
