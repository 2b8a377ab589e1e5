"""What goes into packets without file data, by which path, and what their tags tell when their fate is known."""

from __future__ import annotations

import struct

import pytest

from transfer_core.protocol.control_frames import AckFrame, Frame, MessageFrame, frames_of
from transfer_core.protocol.control_packets import CONTROL_PACKETS_FREE, LIVE_TAG, PING_TAG, ControlPackets
from transfer_core.protocol.departures import Departures
from transfer_core.protocol.endpoint import Transmit
from transfer_core.protocol.live import OutFrame
from transfer_core.protocol.live_frame import Entry, LiveFrame, encode_frame
from transfer_core.protocol.message_copies import MESSAGES_FEW
from transfer_core.protocol.path import Path, new_path
from transfer_core.protocol.recovery.congestion import TRAIN_PACKETS
from transfer_core.protocol.recovery.mtu import MtuSearch
from transfer_core.protocol.sealing import Sealing
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.wire.datagram import OUTER_BYTES, PREFIX_BYTES, Kind
from transfer_core.units import NS_PER_MS, NS_PER_S

SECRET = bytes([1]) * 32


class Stage:
    """Control packets over paths with these round trips, which have been heard from."""

    def __init__(self, *rtts_ms: int) -> None:
        self.paths: dict[int, Path] = {}
        for number, rtt_ms in enumerate(rtts_ms):
            self.paths[number] = new_path(number, ("192.0.2.1", 9000), 0, rtt_ms * NS_PER_MS)
            self.paths[number].last_heard_ns = 0
        departures = Departures(Sealing(7, PathKeys(SECRET), PathKeys(SECRET)))
        self.control = ControlPackets(self.paths, departures, NS_PER_S)


def kind_of(transmit: Transmit) -> int:
    return transmit.payload[0]


def frames_in(transmit: Transmit) -> list[list[Frame]]:
    """Of each datagram, opened."""
    found: list[list[Frame]] = []
    for at in range(0, len(transmit.payload), transmit.segment_bytes):
        datagram = bytes(transmit.payload[at : at + transmit.segment_bytes])
        pn = int.from_bytes(datagram[6:OUTER_BYTES], "big")
        nonce = struct.pack(">IQ", datagram[1], pn)
        plain = PathKeys(SECRET).aead(datagram[1], pn).decrypt(nonce, datagram[OUTER_BYTES:], datagram[:OUTER_BYTES])
        found.append(list(frames_of(memoryview(plain)[PREFIX_BYTES:])))
    return found


def tags_of(path: Path) -> list[int]:
    return path.sender.outstanding_tags().tolist()


def test_messages_ride_the_path_that_answers_fastest_and_twice_when_they_are_few() -> None:
    stage = Stage(30, 10, 20)
    assert not any(stage.control.has_messages_for(path) for path in stage.paths.values())
    stage.control.outbox.add(b"word")
    assert [stage.control.has_messages_for(path) for path in stage.paths.values()] == [False, True, False]
    packets = frames_in(stage.control.messages_or_ping(stage.paths[1], 0))
    assert packets == [[MessageFrame(0, b"word")]] * 2
    assert not stage.control.outbox.is_waiting


def test_a_file_s_last_message_goes_twice_with_the_one_before_it_and_other_packets_on_their_way() -> None:
    stage = Stage(10, 30)
    stage.control.outbox.add(b"last chunk")
    stage.control.messages_or_ping(stage.paths[0], 0)
    stage.control.acknowledgement(stage.paths[1], 0, 8)
    stage.control.outbox.add(b"verdict")
    packets = frames_in(stage.control.messages_or_ping(stage.paths[0], 10 * NS_PER_MS))
    assert packets == [[MessageFrame(1, b"verdict")]] * 2


def test_one_of_many_messages_on_their_way_goes_once() -> None:
    stage = Stage(10)
    for number in range(MESSAGES_FEW + 1):
        stage.control.outbox.add(bytes([number]))
        packets = frames_in(stage.control.messages_or_ping(stage.paths[0], 0))
    assert packets == [[MessageFrame(MESSAGES_FEW, bytes([MESSAGES_FEW]))]]


def test_a_message_is_delivered_with_one_of_its_copies_and_waits_again_when_all_are_lost() -> None:
    stage = Stage(10)
    path = stage.paths[0]
    first = stage.control.outbox.add(b"first")
    stage.control.messages_or_ping(path, 0)
    tags = tags_of(path)
    assert all(LIVE_TAG < tag < PING_TAG for tag in tags)
    stage.control.on_resolved(path, tags[0], 1, was_acked=False)
    assert not stage.control.outbox.is_waiting
    stage.control.on_resolved(path, tags[1], 1, was_acked=True)
    assert stage.control.outbox.is_delivered(first)
    stage.control.outbox.add(b"second")
    stage.control.messages_or_ping(path, 2)
    for tag in tags_of(path)[2:]:
        stage.control.on_resolved(path, tag, 3, was_acked=False)
    assert stage.control.outbox.is_waiting


def test_an_acknowledgement_takes_messages_along_only_on_their_own_path() -> None:
    stage = Stage(10, 20)
    stage.control.outbox.add(b"word")
    alone = stage.control.acknowledgement(stage.paths[1], 0, 64)
    (frames,) = frames_in(alone)
    assert kind_of(alone) == Kind.ACK
    assert [type(frame) for frame in frames] == [AckFrame]
    assert tags_of(stage.paths[1]) == []  # it asks for no answer
    both = stage.control.acknowledgement(stage.paths[0], 0, 64)
    assert kind_of(both) == Kind.CONTROL
    assert [[type(frame) for frame in frames] for frames in frames_in(both)] == [[AckFrame, MessageFrame]] * 2


def test_with_nothing_to_say_it_is_a_ping_which_is_due_after_a_while_without_traffic() -> None:
    stage = Stage(10)
    path = stage.paths[0]
    assert stage.control.ping_due_ns(path) == NS_PER_S
    assert frames_in(stage.control.messages_or_ping(path, 5)) == [[]]
    assert tags_of(path) == [PING_TAG]
    assert stage.control.ping_due_ns(path) == 5 + NS_PER_S
    for _ in range(CONTROL_PACKETS_FREE - 1):
        stage.control.messages_or_ping(path, 5)
    assert stage.control.ping_due_ns(path) is None
    stage.control.ping_interval_ns = None
    assert Stage(10).control.ping_due_ns(path) is None


def test_a_few_may_always_go_however_much_waits_for_the_path() -> None:
    stage = Stage(10)
    path = stage.paths[0]
    gone = 0
    while path.sender.budget_datagrams(0, path.datagram_bytes) and gone < 1000:
        stage.control.messages_or_ping(path, 0)
        gone += 1
    assert CONTROL_PACKETS_FREE < gone < 1000
    assert not stage.control.may_send(path, 0)
    path.sender.abandon()
    for _ in range(CONTROL_PACKETS_FREE):
        assert stage.control.may_send(path, 0)  # though the pacer lets nothing more go
        stage.control.messages_or_ping(path, 0)
    assert not stage.control.may_send(path, 0)


@pytest.mark.parametrize("was_acked", [True, False])
def test_a_probe_has_the_size_that_is_asked_about_and_tells_the_search_of_its_fate(was_acked: bool) -> None:
    stage = Stage(10)
    path = stage.paths[0]
    path.search = MtuSearch(1500)
    path.search.on_data_lost(1500, 1000)
    path.search.on_small_acked(0)  # large packets fall into a hole: the search begins again from the smallest
    path.use_found_size()
    before = path.datagram_bytes
    size = path.search.next_probe(0, 0.0)
    assert size is not None
    assert size > before + path.overhead_bytes
    transmit = stage.control.probe(path, path.search, size, 0)
    assert len(transmit.payload) == size - path.overhead_bytes
    (tag,) = tags_of(path)
    stage.control.on_resolved(path, tag, 10 * NS_PER_MS, was_acked=was_acked)
    assert path.datagram_bytes == (size - path.overhead_bytes if was_acked else before)


def test_a_train_is_a_burst_of_pings_as_large_as_file_data() -> None:
    stage = Stage(10)
    path = stage.paths[0]
    transmit = stage.control.train(path, 0)
    assert (transmit.datagrams, transmit.segment_bytes) == (TRAIN_PACKETS, path.datagram_bytes)
    assert frames_in(transmit) == [[]] * TRAIN_PACKETS
    assert len(set(tags_of(path))) == TRAIN_PACKETS


def test_a_live_frame_s_tag_tells_its_number() -> None:
    stage = Stage(10)
    frame = LiveFrame(3, 17, 0, (Entry(0, 1, ("10.0.0.7", 5001), 1000, b"hello"),))
    transmit = stage.control.live(stage.paths[0], OutFrame(42, encode_frame(frame)), 0)
    assert frames_in(transmit) == [[frame]]
    assert [LIVE_TAG - tag for tag in tags_of(stage.paths[0])] == [42]


def test_messages_of_which_nothing_is_heard_go_again_by_the_fastest_path_each_time_twice_as_long_after() -> None:
    stage = Stage(40, 100)
    fast, slow = stage.paths.values()
    wait_ns = fast.sender.probe_timeout_ns
    assert wait_ns == (40 + 4 * 20 + 25) * NS_PER_MS
    assert stage.control.again_due_ns() is None
    stage.control.outbox.add(b"verdict")
    assert stage.control.again_due_ns() is None  # it goes first
    stage.control.messages_or_ping(fast, 7)
    assert stage.control.again_due_ns() == 7 + wait_ns
    assert not stage.control.is_again_due(fast, 6 + wait_ns)
    assert not stage.control.is_again_due(slow, 7 + wait_ns)
    assert stage.control.is_again_due(fast, 7 + wait_ns)
    again = stage.control.messages_again(fast, 7 + wait_ns)
    assert again is not None
    assert frames_in(again) == [[MessageFrame(0, b"verdict")]]
    assert stage.control.again_due_ns() == 7 + 3 * wait_ns
    stage.control.on_resolved(fast, tags_of(fast)[-1], 9 * wait_ns, was_acked=True)
    assert stage.control.again_due_ns() is None
    stage.control.outbox.add(b"next")
    stage.control.messages_or_ping(fast, 10 * wait_ns)
    assert stage.control.again_due_ns() == 11 * wait_ns


def test_the_oldest_messages_are_said_again_by_any_path_until_they_are_delivered() -> None:
    stage = Stage(10, 20)
    assert stage.control.messages_again(stage.paths[1], 0) is None
    stage.control.outbox.add(b"word")
    stage.control.messages_or_ping(stage.paths[0], 0)
    again = stage.control.messages_again(stage.paths[1], 0)
    assert again is not None
    assert frames_in(again) == [[MessageFrame(0, b"word")]]
    (tag,) = tags_of(stage.paths[1])
    stage.control.on_resolved(stage.paths[1], tag, 1, was_acked=True)
    assert stage.control.messages_again(stage.paths[1], 2) is None
