"""Control frames as qlog's: ranges from and to with both ends, and no more of them than a viewer can take."""

from __future__ import annotations

import numpy as np
import pytest

from transfer_core.engine.qlog_frames import RANGES_MAX, frames_in
from transfer_core.protocol.control_frames import PING_FRAME, ack_frame
from transfer_core.protocol.ordered_messages import Outbox
from transfer_core.protocol.recovery.ack import Ack


def an_ack(received: list[bool], *, floor: int = 40, largest: int | None = None) -> Ack:
    last = floor + len(received) - 1 if largest is None else largest
    return Ack(last, 5000, 1500, sum(received), -7, floor, np.array(received, np.bool_))


@pytest.mark.parametrize(
    ("received", "ranges"),
    [
        ([True], [[40]]),
        ([True, True, True], [[40, 42]]),
        ([True, False, True, True, False, False, True], [[46], [42, 43], [40]]),
        ([False, True, True], [[41, 42]]),
    ],
)
def test_runs_of_received_packets_are_ranges_the_newest_first(received: list[bool], ranges: list[list[int]]) -> None:
    (frame,) = frames_in(ack_frame(3, an_ack(received), 1000), 3)
    assert (frame["frame_type"], frame["acked_ranges"]) == ("ack", ranges)
    assert frame["ack_delay"] == 1.5
    assert frame["drs_received_total"] == sum(received)


def test_the_largest_is_acknowledged_though_the_body_tells_of_older_ones() -> None:
    (frame,) = frames_in(ack_frame(3, an_ack([True, True], largest=90), 1000), 3)
    assert frame["acked_ranges"] == [[90], [40, 41]]


def test_only_so_many_ranges_are_written_and_the_rest_is_counted() -> None:
    received = [place % 2 == 1 for place in range(2 * RANGES_MAX + 20)]
    (frame,) = frames_in(ack_frame(3, an_ack(received), 1400), 3)
    assert len(frame["acked_ranges"]) == RANGES_MAX
    assert frame["drs_ranges_left_out"] == 10
    assert frame["acked_ranges"][0] == [40 + len(received) - 1]


def test_an_acknowledgement_of_another_path_names_none_of_this_ones_packets() -> None:
    (frame,) = frames_in(ack_frame(3, an_ack([True]), 1000), 4)
    assert (frame["frame_type"], frame["drs_path_id"]) == ("unknown", 3)


def test_pings_and_messages_are_frames_and_padding_is_none() -> None:
    assert frames_in(PING_FRAME.ljust(1200, b"\0"), 0) == [{"frame_type": "ping"}]
    outbox = Outbox()
    outbox.add(b"\x12\0\0\0\1")
    messages, _ = outbox.take(1000)
    ack, message = frames_in(ack_frame(0, an_ack([True]), 1000) + b"".join(messages), 0)
    assert ack["frame_type"] == "ack"
    assert (message["frame_type"], message["raw_frame_type"], message["raw_length"]) == ("unknown", 2, 5)


@pytest.mark.parametrize("body", [b"\x07", b"\x01", b"\x01\0\xff\xff", b"\x02\0"])
def test_what_makes_no_sense_is_no_frame(body: bytes) -> None:
    assert frames_in(body, 0) == []
