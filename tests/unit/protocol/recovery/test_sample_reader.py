"""Samples of acknowledgements: what the receiver's clock and counters say, as differences."""

from __future__ import annotations

import numpy as np

from transfer_core.protocol.recovery.ack import Ack
from transfer_core.protocol.recovery.capacity import Sample
from transfer_core.protocol.recovery.sample_reader import SampleReader
from transfer_core.protocol.recovery.sent_packets import SentPackets


class Stage:
    """Ten packets of 1,500 bytes, sent at 0, and their acknowledgements."""

    def __init__(self) -> None:
        self.packets = SentPackets()
        self.packets.append(0, 10, 1500, np.zeros(10, np.int64), last_bytes=1500, flying=True)
        self._reader = SampleReader()

    def read(self, largest: int, rx_us: int, *, owd_us: int = 0, total: int = 1, hold_us: int = 0) -> Sample:
        received = np.ones(largest + 1, np.bool_)
        ack = Ack(largest, rx_us & 0xFFFFFFFF, hold_us, total, owd_us, 0, received)
        return self._reader.read(ack, 50_000_000, 0, self.packets, dispersion=7.0, loss=0.25)


def test_the_receiver_s_clock_goes_on_where_it_wraps_and_begins_anywhere() -> None:
    stage = Stage()
    begin_us = 0xFFFFFFFF - 500
    assert stage.read(0, begin_us).largest_rx_s == 0
    later = stage.read(1, begin_us + 2000, hold_us=300)
    assert later.largest_rx_s == 0.002
    assert later.told_rx_s == 0.0023
    assert later.receiver_clock_s == ((begin_us + 2000) & 0xFFFFFFFF) / 1e6


def test_delays_are_told_from_the_first_one_on() -> None:
    stage = Stage()
    delays = [stage.read(n, n * 1000, owd_us=owd_us).owd_s for n, owd_us in enumerate((777, 1777, -223))]
    assert delays == [0, 0.001, -0.001]


def test_packets_are_counted_since_the_sample_before_and_at_least_one() -> None:
    stage = Stage()
    assert [stage.read(n, n, total=total).packets_since for n, total in enumerate((4, 9, 9))] == [4, 5, 1]


def test_the_rest_is_what_the_record_says_and_what_is_handed_on() -> None:
    sample = Stage().read(3, 0, total=4)
    assert (sample.largest, sample.bytes_through, sample.bytes_sent, sample.next_pn) == (3, 6000, 15_000, 10)
    assert (sample.now_s, sample.largest_tx_s, sample.received_total) == (0.05, 0, 4)
    assert (sample.dispersion, sample.loss) == (7.0, 0.25)
