"""The relay's side of a session by itself: chunks put together from slices of more than one cut."""

from __future__ import annotations

import pytest

from tests.support.hostile_peer import HostilePeer, give
from transfer_core.protocol.receiver import ChunkReady, ReceiverSession
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


@pytest.mark.parametrize(("first", "then"), [(1000, 700), (700, 1000)])
def test_a_chunk_that_is_cut_anew_is_whole_once_either_cut_is_though_late_slices_of_the_other_come_between(
    first: int, then: int
) -> None:
    keys = PathKeys(bytes([1]) * 32)
    side = ReceiverSession(
        my_index=7, peer_index=8, send_keys=PathKeys(bytes([2]) * 32), receive_keys=keys, window_chunks=64
    )
    peer = HostilePeer(keys, 7)
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
