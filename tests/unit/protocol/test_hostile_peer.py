"""Sessions against a peer that holds the keys and says anything: nothing is raised, nothing hangs, nothing grows."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.hostile_peer import HostilePeer, acks, anything, from_agent, from_relay, give, small, u8, u16, u32
from transfer_core.protocol.association import Association
from transfer_core.protocol.file_offers import CHUNKS_MAX
from transfer_core.protocol.live import FEEDS_MAX
from transfer_core.protocol.ordered_messages import MESSAGES_AHEAD
from transfer_core.protocol.receiver import WINDOW_CHUNK_BYTES, ReceiverSession
from transfer_core.protocol.receiver_events import ChunkReady, FeedOffered, FileOffered, VerifyFile
from transfer_core.protocol.recovery.ack import Ack, encode_ack
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.sender import SenderSession
from transfer_core.protocol.sender_events import ChunksWanted, DigestWanted
from transfer_core.protocol.wire.chunk_record import new_record, seal_record
from transfer_core.protocol.wire.messages import FileAgain, FileOpen, FileReady, LiveFeed, Message

S = 1_000_000_000
MINE, THEIRS = bytes([1]) * 32, bytes([2]) * 32


def receiver(window_chunks: int = 8) -> tuple[ReceiverSession, HostilePeer]:
    session = ReceiverSession(
        my_index=7, peer_index=9, send_keys=PathKeys(MINE), receive_keys=PathKeys(THEIRS), window_chunks=window_chunks
    )
    return session, HostilePeer(PathKeys(THEIRS), 7)


def sender() -> tuple[SenderSession, HostilePeer]:
    session = SenderSession(
        my_index=7, peer_index=9, send_keys=PathKeys(MINE), receive_keys=PathKeys(THEIRS), window_chunks=64
    )
    session.add_path(0, ("192.0.2.1", 9000), S, rtt_hint_ns=10_000_000)
    return session, HostilePeer(PathKeys(THEIRS), 7)


def settle(side: Association, now_ns: int) -> None:
    """Turn until nothing more comes; a session that never rests is a fault."""
    side.handle_timeout(now_ns)
    for _ in range(400):
        if side.poll_transmit(now_ns) is None:
            break
    else:
        pytest.fail("it never stops sending")
    side.next_timeout_ns()


def serve_receiver(side: ReceiverSession) -> None:
    """Do what a relay does."""
    for _ in range(400):
        event = side.poll_event()
        match event:
            case None:
                return
            case FileOffered(number):
                side.accept_file(number)
            case ChunkReady(number, chunk):
                side.chunk_written(number, chunk, ok=chunk % 3 != 2)
                side.chunks_durable(number, ((chunk, 1),))
            case VerifyFile(number, digest):
                side.finish_file(number, digest, "x")
    pytest.fail("its events never end")


def serve_sender(side: SenderSession, files: dict[int, bytes]) -> None:
    """Do what an agent does."""
    for _ in range(2000):
        event = side.poll_event()
        match event:
            case None:
                return
            case ChunksWanted(number, first, count):
                for chunk in range(first, first + count):
                    data = files[number][chunk * 65536 : (chunk + 1) * 65536]
                    assert data, "a chunk is wanted that the file has not"
                    record, place = new_record(f"f{number}", len(data))
                    place[:] = data
                    seal_record(record, f"f{number}", chunk, chunk * 65536, len(data))
                    side.provide_chunks(number, chunk, [record])
            case DigestWanted(number):
                side.provide_digest(number, "blake3:00")
    pytest.fail("its events never end")


def messages(kind: st.SearchStrategy[Message]) -> st.SearchStrategy[tuple[str, object]]:
    return st.tuples(st.just("message"), kind)


strange = st.one_of(
    st.tuples(st.just("raw message"), st.binary(max_size=60)),
    st.tuples(st.just("frames"), st.one_of(acks(), st.binary(max_size=60))),
    st.tuples(st.just("sealed"), st.tuples(u8, st.binary(max_size=80), small, st.sampled_from([0, 0, 1, 5000]))),
    st.tuples(st.just("plain"), st.binary(max_size=80)),
    st.tuples(
        st.just("data"), st.tuples(small, st.one_of(small, u32), u16, st.binary(min_size=1, max_size=300), small)
    ),
    messages(anything),
)


def play(side: Association, peer: HostilePeer, step: tuple[str, object], now_ns: int) -> None:
    what, value = step
    match what, value:
        case "message", message:
            give(side, peer.frames(peer.message(message)), now_ns)  # type: ignore[arg-type]
        case "raw message", bytes(body):
            give(side, peer.frames(peer.raw_message(body)), now_ns)
        case "frames", bytes(body):
            give(side, peer.frames(body), now_ns)
        case "sealed", (int(kind), bytes(sealed), int(path), int(skip)):
            give(side, peer.datagram(kind, sealed, path, skip), now_ns)
        case "plain", bytes(body):
            give(side, bytes([0x10, 0]) + (7).to_bytes(4, "big") + body, now_ns)
        case "data", (int(file), int(chunk), int(index), bytes(data), int(path)):
            give(side, peer.data(file, chunk, index, data, path), now_ns)


@given(steps=st.lists(st.one_of(messages(from_agent), messages(from_agent), strange), max_size=25))
@settings(max_examples=150)
def test_a_relay_bears_anything_from_an_agent(steps: list[tuple[str, object]]) -> None:
    side, peer = receiver()
    now_ns = S
    for step in steps:
        now_ns += 3_000_000
        play(side, peer, step, now_ns)
        serve_receiver(side)
        settle(side, now_ns)
    assert sum(file.chunks for file in side.files.values()) <= CHUNKS_MAX * len(side.files)


@given(steps=st.lists(st.one_of(messages(from_relay), messages(from_relay), strange), max_size=25))
@settings(max_examples=150)
def test_an_agent_bears_anything_from_a_relay(steps: list[tuple[str, object]]) -> None:
    side, peer = sender()
    now_ns = S
    files: dict[int, bytes] = {}
    for size in (0, 1, 200_000):
        number = side.open_file(
            file_id=f"f{len(files) + 1}",
            path="x",
            size=size,
            chunk_bytes=65536,
            mtime_ns=0,
            fingerprint=1,
            priority=5,
            position=0.0,
            resumed=False,
        )
        files[number] = bytes(size)
    for step in steps:
        now_ns += 3_000_000
        play(side, peer, step, now_ns)
        serve_sender(side, files)
        settle(side, now_ns)
        assert all(0 <= file.arrived_bytes <= file.size for file in side.files.values())


@pytest.mark.parametrize(
    ("size", "chunk_bytes"), [(CHUNKS_MAX * 4096 + 1, 4096), (1 << 50, 65536), ((1 << 64) - 1, 4096)]
)
def test_a_file_with_more_chunks_than_can_be_kept_track_of_is_refused_before_anything_is_set_aside(
    size: int, chunk_bytes: int
) -> None:
    side, peer = receiver()
    give(side, peer.frames(peer.message(FileOpen(1, 5, size, chunk_bytes, 0, 0, "a", "a"))), S)
    assert side.poll_event() is None
    assert not side.files
    assert side.messages_pending == 1  # it says so


@pytest.mark.parametrize("file_id", ["", "x" * 256, "a\0b", "a\nb"])
def test_a_file_id_that_no_record_or_database_can_hold_is_refused(file_id: str) -> None:
    side, peer = receiver()
    give(side, peer.frames(peer.message(FileOpen(1, 5, 10, 4096, 0, 0, file_id, "a"))), S)
    assert side.poll_event() is None
    assert not side.files


def test_chunks_begun_and_never_ended_take_no_more_memory_than_the_window_allows() -> None:
    side, peer = receiver(window_chunks=8)
    give(side, peer.frames(peer.message(FileOpen(1, 5, 1 << 40, 1 << 20, 0, 0, "a", "a"))), S)
    serve_receiver(side)
    for chunk in range(64):
        give(side, peer.data(1, chunk, 0, b"x" * 1000), S)
    kept = sum(partial.rows.nbytes for file in side.files.values() for partial in file.partial.values())
    assert 0 < kept <= 2 * 8 * WINDOW_CHUNK_BYTES + (2 << 20)


def test_messages_far_ahead_are_not_hoarded() -> None:
    side, peer = receiver()
    body = bytes([0x12]) + bytes(4)
    for ahead in (MESSAGES_AHEAD + 1, 1 << 31, (1 << 32) - 1):
        give(side, peer.frames(struct.pack(">BIH", 2, ahead, len(body)) + body), S)
    assert side.counters.malformed == 3


def test_a_stranger_opens_no_path() -> None:
    side, _ = receiver()
    stranger = HostilePeer(PathKeys(bytes(32)), 7)
    for path in range(256):
        give(side, stranger.frames(b"\3", path), S)
    assert not side.paths
    assert side.counters.forged == 256


def test_what_was_heard_once_is_not_heard_again() -> None:
    side, peer = receiver()
    datagram = peer.frames(peer.message(FileOpen(1, 5, 10, 4096, 0, 0, "a", "a")))
    for _ in range(3):
        give(side, datagram, S)
    assert isinstance(side.poll_event(), FileOffered)
    assert side.poll_event() is None
    assert side.counters.stale == 2


def test_a_message_that_is_refused_keeps_no_later_one_back() -> None:
    side, peer = receiver()
    first = peer.raw_message(b"\xee")
    second = peer.message(FileOpen(1, 5, 10, 4096, 0, 0, "a", "a"))
    give(side, peer.frames(second), S)  # out of order
    assert side.poll_event() is None
    give(side, peer.frames(first), S)
    assert isinstance(side.poll_event(), FileOffered)
    assert side.counters.malformed == 1


def test_a_chunk_asked_for_again_while_it_is_on_its_way_is_sent_again() -> None:
    side, peer = sender()
    number = side.open_file(
        file_id="f1", path="x", size=5000, chunk_bytes=65536, mtime_ns=0, fingerprint=1, priority=5, position=0.0,
        resumed=False,
    )  # fmt: skip
    serve_sender(side, {number: bytes(5000)})
    settle(side, S)
    give(side, peer.frames(peer.message(FileReady(number))), S)
    give(side, peer.frames(peer.message(FileAgain(number, ((0, 1),)))), S)  # comes before the acknowledgement
    everything = np.ones(60, np.bool_)
    sent = side.paths[0].sender.next_pn
    body = encode_ack(Ack(sent - 1, 0, 0, sent, 0, 0, everything[:sent], 64), 1300)
    give(side, peer.frames(bytes([1, 0]) + len(body).to_bytes(2, "big") + body), S + 20_000_000)
    events = [side.poll_event() for _ in range(5)]
    assert ChunksWanted(number, 0, 1) in events
    assert DigestWanted(number) not in events


def _offer(number: int) -> FileOpen:
    return FileOpen(number, 5, 4096, 4096, 0, 1, f"f{number}", f"f{number}")


def _events_of(side: ReceiverSession, kind: type) -> list[object]:
    found: list[object] = []
    while (event := side.poll_event()) is not None:
        found += [event] if isinstance(event, kind) else []
    return found


def test_a_relay_has_so_many_files_open_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transfer_core.protocol.file_offers.FILES_OPEN_MAX", 5)
    side, peer = receiver()
    for number in range(1, 9):
        give(side, peer.frames(peer.message(_offer(number))), S)
    assert _events_of(side, FileOffered) == [FileOffered(number) for number in range(1, 6)]
    assert len(side.files) == 5
    assert side.messages_pending == 3  # each of the others is told why


def test_an_offer_that_was_made_before_does_not_begin_a_file_again() -> None:
    side, peer = receiver()
    give(side, peer.frames(peer.message(_offer(1))), S)
    give(side, peer.frames(peer.message(_offer(3))), S)
    assert _events_of(side, FileOffered) == [FileOffered(1), FileOffered(3)]
    side.accept_file(1)
    file = side.files[1]
    for number in (1, 2, 3):
        give(side, peer.frames(peer.message(_offer(number))), S)
    assert _events_of(side, FileOffered) == []
    assert side.files[1] is file
    assert set(side.files) == {1, 3}


def test_a_relay_takes_so_many_live_feeds_and_no_more() -> None:
    side, peer = receiver()
    for feed in range(FEEDS_MAX + 3):
        give(side, peer.frames(peer.message(LiveFeed(feed, b"{}"))), S)
        for offered in _events_of(side, FeedOffered):
            assert isinstance(offered, FeedOffered)
            side.take_feed(offered.feed)
    assert sorted(side.feeds) == list(range(FEEDS_MAX))
