"""What acknowledgements have spoken about, and which packets they still have to speak about."""

from __future__ import annotations

import numpy as np

from transfer_core.protocol.recovery.ack import Ack
from transfer_core.protocol.recovery.sent_packets import KEPT_BELOW_FLOOR, WRITTEN_OFF, SentPackets
from transfer_core.protocol.recovery.told import Told

MS = 1_000_000


def sent(count: int) -> SentPackets:
    """A record of packets, one each millisecond."""
    record = SentPackets()
    for n in range(count):
        record.append(n * MS, 1, 1500, np.zeros(1, np.int64), last_bytes=1500, flying=True)
    return record


def ack(floor: int, marks: str) -> Ack:
    received = np.array([mark == "1" for mark in marks], np.bool_)
    return Ack(floor + len(marks) - 1, 0, 0, marks.count("1"), 0, floor, received)


def test_an_acknowledgement_is_news_if_its_newest_packet_is() -> None:
    told = Told()
    assert [told.on_ack(each) for each in (ack(0, "11"), ack(0, "11"), ack(0, "1"), ack(1, "111"))] == [
        True,
        False,
        False,
        True,
    ]
    assert told.newest == 3


def test_late_is_what_was_told_missing_with_something_newer_there_and_by_how_much() -> None:
    told, record = Told(), sent(6)
    first = ack(0, "10011")
    record.acknowledge(first.floor, first.received)
    told.on_ack(first)
    second = ack(0, "111111")
    fresh, _, _ = record.acknowledge(second.floor, second.received)
    assert told.lateness_ns(fresh, record) == 3 * MS  # 1 of 1, 2 and 5, beside 4
    told.on_ack(second)
    assert told.lateness_ns(fresh[:0], record) is None


def test_what_is_newer_than_all_that_was_told_is_not_late() -> None:
    told, record = Told(), sent(4)
    first = ack(0, "11")
    record.acknowledge(first.floor, first.received)
    told.on_ack(first)
    fresh, _, _ = record.acknowledge(0, ack(0, "1111").received)
    assert told.lateness_ns(fresh, record) is None


def test_the_floor_stays_at_what_a_silence_gave_up_until_all_of_it_is_spoken_about() -> None:
    told, record = Told(), sent(6)
    record.lose(0, 6, 1 << 62, WRITTEN_OFF)
    record.advance_floor()
    assert told.floor(record) == 6
    told.on_given_up(2, 4)
    told.on_given_up(4, 6)  # the silence goes on
    assert told.floor(record) == 2
    told.on_ack(ack(3, "1111"))
    assert told.floor(record) == 2
    told.on_ack(ack(2, "11111"))
    assert told.floor(record) == 6


def test_the_floor_stays_behind_no_further_than_the_record_reaches() -> None:
    told, record = Told(), sent(6)
    told.on_given_up(0, 6)
    for n in range(6, KEPT_BELOW_FLOOR + 100):
        record.append(n * MS, 1, 1500, np.zeros(1, np.int64), last_bytes=1500, flying=True)
    record.lose(0, record.next_pn, 1 << 62, WRITTEN_OFF)
    record.advance_floor()
    assert told.floor(record) == 100
