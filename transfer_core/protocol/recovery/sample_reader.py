"""Makes a sample of each acknowledgement: the receiver's clock without its wrapping, delays and counts as differences.

Both clocks may be anything: times are told from the first acknowledgement on, modulo 2**32 us.
"""

from __future__ import annotations

from transfer_core.protocol.recovery.ack import Ack
from transfer_core.protocol.recovery.capacity import Sample
from transfer_core.protocol.recovery.path_receiver import signed32
from transfer_core.protocol.recovery.sent_packets import SentPackets
from transfer_core.units import NS_PER_S


class SampleReader:
    """Reads the acknowledgements of one path, in the order of their newest packets."""

    def __init__(self) -> None:
        self._rx_us: int | None = None
        self._rx_unwrapped_us = 0
        self._owd_reference_us = 0
        self._received_before = 0

    def read(
        self,
        ack: Ack,
        now_ns: int,
        largest_tx_ns: int,
        packets: SentPackets,
        *,
        dispersion: float | None,
        loss: float,
    ) -> Sample:
        """What an acknowledgement tells whose newest packet, sent at `largest_tx_ns`, is newer than those before.

        `dispersion` (bytes/s) and `loss` (a share) are handed on.
        """
        if self._rx_us is None:
            self._rx_us, self._owd_reference_us = ack.largest_rx_us, ack.min_owd_us
        self._rx_unwrapped_us += signed32(ack.largest_rx_us - self._rx_us)
        self._rx_us = ack.largest_rx_us
        packets_since = max(1, ack.received_total - self._received_before)
        self._received_before = ack.received_total
        return Sample(
            now_s=now_ns / NS_PER_S,
            largest=ack.largest,
            largest_tx_s=largest_tx_ns / NS_PER_S,
            largest_rx_s=self._rx_unwrapped_us / 1e6,
            bytes_through=packets.bytes_through(ack.largest),
            bytes_sent=packets.sent_bytes,
            next_pn=packets.next_pn,
            received_total=ack.received_total,
            owd_s=signed32(ack.min_owd_us - self._owd_reference_us) / 1e6,
            packets_since=packets_since,
            dispersion=dispersion,
            receiver_clock_s=ack.largest_rx_us / 1e6,
            told_rx_s=(self._rx_unwrapped_us + ack.hold_us) / 1e6,
            loss=loss,
        )
