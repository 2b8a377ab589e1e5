"""When a train is awaited, and what one tells of the rate."""

from __future__ import annotations

import numpy as np

from transfer_core.protocol.recovery.ack import Train
from transfer_core.protocol.recovery.opening_train import AGAIN_NS, TELLS_NS, OpeningTrain
from transfer_core.protocol.recovery.sent_packets import SentPackets

MS = 1_000_000
LATER_NS = 3 * TELLS_NS


def sent(*times_ns: int, packets: int = 10) -> SentPackets:
    """A record of so many packets of 1,500 bytes at each of these times."""
    record = SentPackets()
    for now_ns in times_ns:
        record.append(now_ns, packets, 1500, np.zeros(packets, np.int64), last_bytes=1500, flying=True)
    return record


def test_a_train_is_awaited_for_a_while_and_two_round_trips() -> None:
    train = OpeningTrain()
    assert not train.is_awaited(0, 20 * MS)
    train.begin(5 * MS)
    assert train.is_awaited(5 * MS + AGAIN_NS + 40 * MS, 20 * MS)
    assert not train.is_awaited(5 * MS + AGAIN_NS + 40 * MS + 1, 20 * MS)


def test_its_spread_at_the_receiver_tells_the_rate_also_where_that_clock_wraps() -> None:
    train, record = OpeningTrain(), sent(0)
    assert train.bytes_per_s(Train(0, 1000, 9, 10_000), record, LATER_NS) == 9 * 1500 / 0.009
    assert train.bytes_per_s(Train(0, 0xFFFFFFFF, 9, 8999), record, LATER_NS) == 9 * 1500 / 0.009
    assert (
        train.bytes_per_s(Train(0, 1000, 9, 1000), record, LATER_NS) == 9 * 1500 * 1e6
    )  # all at once: only known to be fast


def test_what_was_never_sent_or_does_not_advance_tells_nothing() -> None:
    train, record = OpeningTrain(), sent(0)
    for first, last in ((0, 10), (10, 11), (5, 5), (9, 0)):
        assert train.bytes_per_s(Train(first, 0, last, 1000), record, LATER_NS) is None


def test_a_train_from_before_the_newest_one_began_tells_nothing() -> None:
    train, record = OpeningTrain(), sent(0, 2 * TELLS_NS)
    train.begin_with_data(2 * TELLS_NS)
    assert train.bytes_per_s(Train(0, 0, 9, 1000), record, LATER_NS) is None
    assert train.bytes_per_s(Train(10, 0, 19, 1000), record, LATER_NS) is not None


def test_one_that_was_cut_short_counts_with_what_goes_on_with_it() -> None:
    train, record = OpeningTrain(), sent(0, TELLS_NS, packets=5)
    train.begin_with_data(0)
    train.has_gone = True
    train.begin_with_data(TELLS_NS)
    assert not train.has_gone
    assert train.bytes_per_s(Train(0, 0, 9, 1000), record, LATER_NS) is not None
    train.begin_with_data(TELLS_NS + 1)
    assert train.bytes_per_s(Train(0, 0, 9, 1000), record, LATER_NS) is None


def test_a_train_that_took_longer_than_it_was_under_way_tells_nothing_for_that_clock_jumped() -> None:
    train, record, jumped = OpeningTrain(), sent(0), Train(0, 1000, 9, 2_001_000)
    train.begin(0)
    assert train.bytes_per_s(jumped, record, 160 * MS) is None
    assert train.bytes_per_s(jumped, record, LATER_NS) is None  # nor when it could have taken so long by then
    train.begin(0)
    assert train.bytes_per_s(Train(0, 2000, 9, 1000), record, LATER_NS) is None  # or back
    train.begin_with_data(2 * TELLS_NS)
    record.append(2 * TELLS_NS, 10, 1500, np.zeros(10, np.int64), last_bytes=1500, flying=True)
    assert train.bytes_per_s(Train(10, 1000, 19, 10_000), record, LATER_NS) == 9 * 1500 / 0.009
