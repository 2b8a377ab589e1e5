"""Which of the datagrams that arrive are believed: those that open, and only once; the others are counted and dropped.

A datagram is believed only after it opens under the key of its path and packet number. A packet number that was seen,
or that lies below the sender's floor, is dropped before any work is done for it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from transfer_core.protocol.path import Counters, Path
from transfer_core.protocol.sealing import Outside, Sealing, open_rows_max


class Arrivals:
    """The way into one session. What is given out is valid until the next is asked for."""

    def __init__(self, sealing: Sealing, counters: Counters) -> None:
        self._sealing = sealing
        self._counters = counters

    def runs(self, payload: memoryview, width: int) -> Iterator[tuple[memoryview, Outside, int]]:
        """Datagrams of `width` bytes, the last one perhaps shorter, as runs that are opened together.

        Each run: its datagrams, what they say on the outside (one kind, path and session for all), and their width.
        """
        step = open_rows_max(width) * width
        for at in range(0, len(payload), step):
            part = payload[at : at + step]
            whole = len(part) // width
            if whole:
                yield from self._uniform(part[: whole * width], whole, width)
            if len(part) > whole * width:
                yield from self._uniform(part[whole * width :], 1, len(part) - whole * width)

    def _uniform(self, payload: memoryview, count: int, width: int) -> Iterator[tuple[memoryview, Outside, int]]:
        outside = self._sealing.outside(payload, count, width)
        if outside is None:
            self._counters.malformed += count
        elif outside.is_uniform:
            yield payload, outside, width
        else:
            for at in range(0, len(payload), width):
                yield from self._uniform(payload[at : at + width], 1, width)

    def open(
        self, payload: memoryview, outside: Outside, width: int, path: Path
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8]] | None:
        """Open the run that was given out last, which came on that path; numbers and plain rows of what is believed.

        None if nothing is.
        """
        pns = outside.pns
        wanted = path.receiver.is_fresh(pns)
        fresh = int(np.count_nonzero(wanted))
        plain, opened = self._sealing.open_rows(payload, outside, wanted, width)
        whole = int(np.count_nonzero(opened))
        self._counters.stale += len(pns) - fresh
        self._counters.forged += fresh - whole
        if not whole:
            return None
        return (pns, plain) if whole == len(pns) else (pns[opened], plain[opened])
