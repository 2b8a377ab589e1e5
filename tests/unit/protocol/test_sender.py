"""The agent's side of a session by itself: what it asks its owner for."""

from __future__ import annotations

import pytest

from tests.support.hostile_peer import HostilePeer, give
from transfer_core.errors import LocalProtocolError, NameRefused
from transfer_core.protocol.recovery.congestion import TRAIN_PACKETS
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.sender import SenderSession
from transfer_core.protocol.sender_events import ChunksWanted
from transfer_core.protocol.wire.chunk_record import new_record, seal_record
from transfer_core.protocol.wire.datagram import Kind
from transfer_core.protocol.wire.messages import PATH_MAX, FileHeld, FileReady, PostPart

NOW_NS = 10**9


def _session() -> SenderSession:
    keys = (PathKeys(bytes([1]) * 32), PathKeys(bytes([2]) * 32))
    session = SenderSession(my_index=1, peer_index=2, send_keys=keys[0], receive_keys=keys[1], window_chunks=64)
    session.add_path(0, ("10.0.0.1", 9000), NOW_NS)
    return session


def _open(session: SenderSession, file_id: str, chunks: int = 3) -> int:
    return session.open_file(
        file_id=file_id,
        path=file_id,
        size=chunks * 4096,
        chunk_bytes=4096,
        mtime_ns=0,
        fingerprint=1,
        priority=5,
        position=0.0,
        resumed=False,
    )


def _wanted(session: SenderSession) -> list[tuple[int, int]]:
    """Chunks that are asked for now, by file."""
    found: list[tuple[int, int]] = []
    while (event := session.poll_event()) is not None:
        if isinstance(event, ChunksWanted):
            found += [(event.file, chunk) for chunk in range(event.first, event.first + event.count)]
    return found


def test_a_chunk_that_can_not_be_read_is_not_asked_for_again_and_again_and_holds_no_other_file_up() -> None:
    session = _session()
    bad, good = _open(session, "bad"), _open(session, "good")
    for number, chunk in _wanted(session):
        if number == bad:
            session.provide_chunks(number, chunk, [None])
        else:
            record, place = new_record("good", 4096)
            place[:] = bytes(4096)
            seal_record(record, "good", chunk, chunk * 4096, 4096)
            session.provide_chunks(number, chunk, [record])
    for turn in range(20):
        session.handle_timeout(NOW_NS + turn * 10**7)
        while (transmit := session.poll_transmit(NOW_NS + turn * 10**7)) is not None:
            assert transmit.datagrams
        assert _wanted(session) == []
    session.stop_file(bad, discard=False)
    assert list(session.files) == [good]
    assert _wanted(session) == []
    third = _open(session, "third")
    assert {number for number, _ in _wanted(session)} == {third}


def test_a_path_whose_window_is_full_is_not_to_be_pinged() -> None:
    session = _session()
    session.remove_path(0, NOW_NS)
    session.add_path(1, ("10.0.0.1", 9000), NOW_NS, rtt_hint_ns=20 * 10**9)  # so slow that no answer is missing yet
    number = _open(session, "f", chunks=400)
    now_ns, gone = NOW_NS, 0
    for _ in range(300):
        for file, chunk in _wanted(session):
            record, place = new_record("f", 4096)
            place[:] = bytes(4096)
            seal_record(record, "f", chunk, chunk * 4096, 4096)
            session.provide_chunks(file, chunk, [record])
        session.handle_timeout(now_ns)
        while (transmit := session.poll_transmit(now_ns)) is not None:
            gone += transmit.datagrams
        due_ns = session.next_timeout_ns()
        assert due_ns is not None
        assert due_ns > now_ns, f"{(now_ns - NOW_NS) / 1e9} s: a deadline has passed, and nothing goes"
        now_ns = min(due_ns, now_ns + 10**8)
    assert gone > 8
    assert number in session.files
    assert now_ns > NOW_NS + 10**9


def _open_as(session: SenderSession, path: str) -> int:
    return session.open_file(
        file_id="f",
        path=path,
        size=1,
        chunk_bytes=4096,
        mtime_ns=0,
        fingerprint=1,
        priority=5,
        position=0.0,
        resumed=True,
    )


def test_a_path_that_no_message_can_hold_is_refused_and_holds_no_other_file_up() -> None:
    session = _session()
    with pytest.raises(NameRefused, match="1002 bytes"):
        _open_as(session, "ä" * 501)
    assert session.files == {}
    good = _open_as(session, "a" * PATH_MAX)
    assert list(session.files) == [good]
    assert session.poll_transmit(NOW_NS) is not None
    assert session.messages_pending == 1


def test_a_message_that_fits_no_datagram_is_refused_before_it_stands_in_the_way() -> None:
    session = _session()
    with pytest.raises(LocalProtocolError, match="fit into every datagram"):
        session.send_message(PostPart(1, 0, 1, bytes(1300)))
    assert session.messages_pending == 0


def _provide(session: SenderSession, wanted: list[tuple[int, int]], size: int) -> None:
    for number, chunk in wanted:
        record, place = new_record(str(number), size)
        place[:] = bytes(size)
        seal_record(record, str(number), chunk, chunk * size, size)
        session.provide_chunks(number, chunk, [record])


def _offer(session: SenderSession, name: str, chunks: int) -> int:
    return session.open_file(
        file_id=name,
        path=name,
        size=chunks * 65536,
        chunk_bytes=65536,
        mtime_ns=0,
        fingerprint=1,
        priority=5,
        position=0.0,
        resumed=False,
    )


@pytest.mark.parametrize("is_read_before", [True, False])
def test_a_file_that_the_relay_has_no_room_for_holds_no_other_up_and_goes_on_when_it_has(
    is_read_before: bool,
) -> None:
    session = _session()
    relay = HostilePeer(PathKeys(bytes([2]) * 32), 1)
    big = _offer(session, "1", 1000)
    early: list[tuple[int, int]] = []
    while wanted := _wanted(session):  # all that may be read before the relay has answered
        early += wanted
        if is_read_before:
            _provide(session, wanted, 65536)
        else:
            break
    give(session, relay.frames(relay.message(FileHeld(big, "E_DISK_FULL", "full"))), NOW_NS)
    small = _offer(session, "2", 3)
    asked = _wanted(session)
    if not is_read_before:
        _provide(session, early, 65536)
        asked += _wanted(session)
    assert [(number, chunk) for number, chunk in asked if number == small] == [(small, chunk) for chunk in range(3)]
    assert all(number == small for number, _ in asked)
    give(session, relay.frames(relay.message(FileReady(big))), NOW_NS)
    ready_bytes = session.files[big].ready_bytes
    session.handle_timeout(NOW_NS + 10**9)
    while session.poll_transmit(NOW_NS + 10**9) is not None:
        continue
    assert session.files[big].ready_bytes < ready_bytes  # what was read before is there still, and goes


def _sent_by(session: SenderSession, path: int, now_ns: int) -> list[tuple[Kind, int]]:
    """Kinds and sizes of the datagrams that this path sends now."""
    sent: list[tuple[Kind, int]] = []
    while (transmit := session.poll_path(session.paths[path], now_ns, 64)) is not None:
        sent += [(Kind(transmit.payload[0]), transmit.segment_bytes)] * transmit.datagrams
    return sent


def test_a_new_path_is_asked_to_answer_at_once_and_sends_one_train_ahead_of_that_beside_one_that_answers() -> None:
    session = _session()
    session.add_path(1, ("10.0.0.1", 9000), NOW_NS, rtt_hint_ns=20 * 10**6)
    _open(session, "f", chunks=100)
    for file, chunk in _wanted(session):
        record, place = new_record("f", 4096)
        place[:] = bytes(4096)
        seal_record(record, "f", chunk, chunk * 4096, 4096)
        session.provide_chunks(file, chunk, [record])
    (kind, size), *train = _sent_by(session, 0, NOW_NS)
    assert (kind, size < 100) == (Kind.CONTROL, True)  # it gets through where large ones do not
    assert train == [(Kind.CONTROL, session.paths[0].datagram_bytes)] * TRAIN_PACKETS
    assert _sent_by(session, 0, NOW_NS + 500 * 10**6) == []  # no second one before anybody has answered
    assert Kind.DATA in {kind for kind, _ in _sent_by(session, 1, NOW_NS + 500 * 10**6)}
