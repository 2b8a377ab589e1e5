from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import LocalProtocolError, RemoteProtocolError
from transfer_core.protocol.ordered_messages import (
    MESSAGE_BYTES_MAX,
    MESSAGE_HEAD,
    MESSAGES_AHEAD,
    Inbox,
    Outbox,
)

ROOM = 60


def open_frames(frames: list[bytes]) -> list[tuple[int, bytes]]:
    return [(MESSAGE_HEAD.unpack_from(frame)[1], frame[MESSAGE_HEAD.size :]) for frame in frames]


@given(
    bodies=st.lists(st.binary(max_size=40), max_size=30),
    fates=st.lists(st.sampled_from(["arrives", "lost", "doubled", "late"]), max_size=200),
)
def test_messages_arrive_once_and_in_order_whatever_becomes_of_their_packets(
    bodies: list[bytes], fates: list[str]
) -> None:
    outbox, inbox, heard = Outbox(), Inbox(), list[bytes]()
    for body in bodies:
        outbox.add(body)
    late: list[tuple[int, list[bytes]]] = []
    to_come = iter(fates)
    tag = 0

    def arrive(tag: int, frames: list[bytes]) -> None:
        for sequence, body in open_frames(frames):
            heard.extend(inbox.take(sequence, body))
        outbox.resolve(tag, was_acked=True)

    while outbox.pending:
        frames, sequences = outbox.take(ROOM)
        if not frames:
            arrive(*late.pop())
            continue
        tag += 1
        outbox.sent(tag, sequences)
        match next(to_come, "arrives"):
            case "lost":
                outbox.resolve(tag, was_acked=False)
            case "late":
                late.append((tag, frames))
            case "doubled":
                heard.extend(body for frame in open_frames(frames) for body in inbox.take(*frame))
                arrive(tag, frames)
            case _:
                arrive(tag, frames)
    for packet in late:
        arrive(*packet)
    assert heard == bodies
    assert not outbox.is_waiting


def test_a_message_waits_again_only_when_no_packet_carries_it_any_more() -> None:
    outbox = Outbox()
    outbox.add(b"urgent")
    _, sequences = outbox.take(ROOM)
    outbox.sent(1, sequences)
    outbox.sent(2, sequences)
    outbox.resolve(1, was_acked=False)
    assert not outbox.is_waiting
    assert outbox.in_flight == 1
    outbox.resolve(2, was_acked=False)
    assert outbox.is_waiting
    assert (outbox.pending, outbox.in_flight) == (1, 0)


def test_a_message_that_no_datagram_can_hold_is_refused() -> None:
    outbox = Outbox()
    outbox.add(bytes(MESSAGE_BYTES_MAX))
    with pytest.raises(LocalProtocolError):
        outbox.add(bytes(MESSAGE_BYTES_MAX + 1))
    assert outbox.pending == 1


def test_a_message_too_far_ahead_is_refused_and_the_farthest_allowed_is_kept() -> None:
    inbox = Inbox()
    assert list(inbox.take(MESSAGES_AHEAD - 1, b"far")) == []
    with pytest.raises(RemoteProtocolError):
        list(inbox.take(MESSAGES_AHEAD, b"too far"))
    assert list(inbox.take(0, b"first")) == [b"first"]
