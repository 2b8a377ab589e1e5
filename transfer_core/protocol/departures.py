"""What leaves: each datagram sealed under its path's next number, noted in the path's record, shown to the observer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transfer_core.protocol.endpoint import Transmit
from transfer_core.protocol.observer import SessionObserver
from transfer_core.protocol.path import Path
from transfer_core.protocol.sealing import Sealing
from transfer_core.protocol.wire.datagram import DATA_HEAD_BYTES, DataRows, Kind


class Departures:
    """The way out of one session, over all its paths. Tags come back when the fate of their packets is known."""

    def __init__(self, sealing: Sealing) -> None:
        self.observer: SessionObserver | None = None
        self._sealing = sealing

    def control(self, path: Path, kind: Kind, frames: bytes, tag: int, now_ns: int) -> Transmit:
        """One datagram with frames."""
        sender, pn = path.sender, path.sender.next_pn
        datagram = self._sealing.seal_one(kind, path.number, pn, sender.floor, frames, now_ns)
        sender.on_sent(now_ns, 1, len(datagram), np.array([tag], np.int64), ack_eliciting=kind == Kind.CONTROL)
        path.last_sent_ns = now_ns
        if self.observer is not None:
            self.observer.on_sent(now_ns, path, kind, pn, 1, len(datagram), frames)
        return Transmit(path.number, path.address, memoryview(datagram), len(datagram))

    def data_rows(self, slice_bytes: int) -> DataRows:
        """Rows to be filled with slices and whose they are, for `burst`."""
        return self._sealing.data_rows(DATA_HEAD_BYTES + slice_bytes)

    def burst(self, path: Path, slice_bytes: int, count: int, tags: NDArray[np.int64], now_ns: int) -> Transmit:
        """The first `count` rows of `data_rows(slice_bytes)`, which are filled."""
        sender = path.sender
        payload, datagram_bytes = self._sealing.seal_rows(
            path.number, DATA_HEAD_BYTES + slice_bytes, count, sender.next_pn, sender.floor, now_ns
        )
        first_pn = sender.on_sent(now_ns, count, datagram_bytes, tags)
        path.last_sent_ns = now_ns
        if self.observer is not None:
            self.observer.on_sent(now_ns, path, Kind.DATA, first_pn, count, datagram_bytes, b"")
        return Transmit(path.number, path.address, payload, datagram_bytes)
