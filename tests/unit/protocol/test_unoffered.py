"""Data that is there before the offer of its file."""

from __future__ import annotations

from itertools import count

import numpy as np

from tests.support.hostile_peer import HostilePeer, give
from transfer_core.protocol.endpoint import Received
from transfer_core.protocol.receiver import UNOFFERED_BYTES, ReceiverSession
from transfer_core.protocol.receiver_events import FileOffered
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.sender import SenderSession
from transfer_core.protocol.sender_events import ChunksWanted, DigestWanted
from transfer_core.protocol.wire import messages as wire
from transfer_core.protocol.wire.chunk_record import new_record, record_bytes, seal_record
from transfer_core.protocol.wire.datagram import Kind
from transfer_core.units import NS_PER_MS

NOW_NS = 10**9
CHUNK = bytes(range(256)) * 16
CHUNKS = 8
ADDRESS = ("192.0.2.1", 9000)


def a_record(chunk: int) -> bytearray:
    record, place = new_record("f", len(CHUNK))
    place[:] = CHUNK
    seal_record(record, "f", chunk, chunk * len(CHUNK), len(CHUNK))
    return record


def slices_of(chunk: int, size: int = 1000) -> list[bytes]:
    whole = bytes(a_record(chunk))[: record_bytes("f", len(CHUNK))]
    return [whole[at : at + size].ljust(size, b"\0") for at in range(0, len(whole), size)]


def a_receiver() -> ReceiverSession:
    receive_keys, send_keys = PathKeys(bytes([1]) * 32), PathKeys(bytes([2]) * 32)
    return ReceiverSession(my_index=7, peer_index=8, send_keys=send_keys, receive_keys=receive_keys, window_chunks=64)


def an_offer(number: int, chunks: int = 1) -> wire.FileOpen:
    return wire.FileOpen(number, 5, chunks * len(CHUNK), len(CHUNK), 0, 1, "f", "f")


def test_what_came_before_the_offer_is_there_with_it() -> None:
    side, peer = a_receiver(), HostilePeer(PathKeys(bytes([1]) * 32), 7)
    for index, data in enumerate(slices_of(0)):
        give(side, peer.data(1, 0, index, data), NOW_NS)
    assert side.poll_event() is None
    assert side.counters.refused == 0
    give(side, peer.frames(peer.message(an_offer(1))), NOW_NS)
    assert side.poll_event() == FileOffered(1)
    ((offset, data),) = side.whole_early(1)
    assert (offset, bytes(data)) == (0, CHUNK)


def test_no_more_is_kept_than_there_is_room_for_and_it_is_free_again_once_files_are_offered() -> None:
    side, peer = a_receiver(), HostilePeer(PathKeys(bytes([1]) * 32), 7)

    def fill(file: int) -> int:
        refused = side.counters.refused
        for taken in count():
            give(side, peer.data(file, taken, 0, bytes(60_000)), NOW_NS)
            if side.counters.refused > refused:
                return taken
        raise AssertionError

    taken = fill(3)
    assert UNOFFERED_BYTES // 70_000 < taken <= UNOFFERED_BYTES // 60_000
    assert fill(9) == 0
    give(side, peer.frames(peer.message(an_offer(4))), NOW_NS)  # so there will be no file 3
    assert fill(9) == taken


def test_what_is_kept_of_a_file_that_is_refused_goes_with_it() -> None:
    side, peer = a_receiver(), HostilePeer(PathKeys(bytes([1]) * 32), 7)
    give(side, peer.data(1, 0, 0, slices_of(0)[0]), NOW_NS)
    give(side, peer.frames(peer.message(wire.FileOpen(1, 5, 10, 1, 0, 1, "f", "f"))), NOW_NS)  # chunks of one byte
    assert side.poll_event() is None
    assert side.files == {}


def test_slices_that_no_file_has_are_passed_over_as_if_they_came_later() -> None:
    side, peer = a_receiver(), HostilePeer(PathKeys(bytes([1]) * 32), 7)
    for chunk, index in ((70_000, 0), (0, 60_000)):
        give(side, peer.data(1, chunk, index, bytes(1000)), NOW_NS)
    give(side, peer.frames(peer.message(an_offer(1))), NOW_NS)
    assert side.poll_event() == FileOffered(1)
    assert side.counters.malformed == 1
    assert side.whole_early(1) == []


def test_an_offer_that_was_lost_costs_no_silence_and_nothing_behind_it_is_sent_again() -> None:
    keys = [bytes([number]) * 32 for number in (1, 2)]
    agent = SenderSession(
        my_index=8, peer_index=7, send_keys=PathKeys(keys[0]), receive_keys=PathKeys(keys[1]), window_chunks=64
    )
    relay = a_receiver()
    path = agent.add_path(0, ADDRESS, NOW_NS, rtt_hint_ns=2 * NS_PER_MS)
    number = agent.open_file(
        file_id="f",
        path="f",
        size=CHUNKS * len(CHUNK),
        chunk_bytes=len(CHUNK),
        mtime_ns=0,
        fingerprint=1,
        priority=5,
        position=1.0,
        resumed=False,
    )
    is_lost = False
    for now_ns in range(NOW_NS, NOW_NS + 2000 * NS_PER_MS, NS_PER_MS):
        agent.handle_timeout(now_ns)
        while (event := agent.poll_event()) is not None:
            if isinstance(event, ChunksWanted):
                chunks = range(event.first, event.first + event.count)
                agent.provide_chunks(number, event.first, [a_record(chunk) for chunk in chunks])
            elif isinstance(event, DigestWanted):
                agent.provide_digest(number, "blake3:1")
        while (sent := agent.poll_transmit(now_ns)) is not None:
            if sent.payload[0] == Kind.CONTROL and not is_lost:
                is_lost = True  # with its copies
                continue
            relay.receive_datagrams(0, Received(ADDRESS, sent.payload, sent.segment_bytes), now_ns)
        relay.handle_timeout(now_ns)
        while (back := relay.poll_transmit(now_ns)) is not None:
            agent.receive_datagrams(0, Received(ADDRESS, back.payload, back.segment_bytes), now_ns)
        assert not path.sender.is_silent
        if relay.poll_event() == FileOffered(number):
            break
    assert is_lost
    assert len(relay.whole_early(number)) == CHUNKS
    assert agent.files[number].resent_bytes == 0
    assert relay.counters.refused == 0
    assert np.count_nonzero(agent.files[number].have) == CHUNKS  # all of it was asked for once
