"""Which of the datagrams that arrive are believed: those that open, and only once; the others are counted and dropped.

A datagram is believed only after it opens under the key of its path and packet number. A packet number that was seen,
or that lies below the sender's floor, is dropped before any work is done for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transfer_core.protocol.path import Counters, Path
from transfer_core.protocol.sealing import Outside, Sealing, open_rows_max


@dataclass(frozen=True, slots=True)
class Run:
    """Datagrams that came after each other, of one kind, path and session, as far as their outsides tell."""

    first: int  # of those that were read together
    payload: memoryview
    outside: Outside
    width: int


class Arrivals:
    """The way into one session. What is given out is valid until the next is asked for."""

    def __init__(self, sealing: Sealing, counters: Counters) -> None:
        self._sealing = sealing
        self._counters = counters

    def runs(self, payload: memoryview, width: int) -> Iterator[Run]:
        """Datagrams of `width` bytes, the last one perhaps shorter, as runs that are opened together."""
        step = open_rows_max(width) * width
        for at in range(0, len(payload), step):
            part = payload[at : at + step]
            first, whole = at // width, len(part) // width
            if whole:
                yield from self._uniform(first, part[: whole * width], whole, width)
            if len(part) > whole * width:
                yield from self._uniform(first + whole, part[whole * width :], 1, len(part) - whole * width)

    def _uniform(self, first: int, payload: memoryview, count: int, width: int) -> Iterator[Run]:
        outside = self._sealing.outside(payload, count, width)
        if outside is None:
            self._counters.malformed += count
        elif outside.is_uniform:
            yield Run(first, payload, outside, width)
        else:
            for number in range(count):
                yield from self._uniform(first + number, payload[number * width : (number + 1) * width], 1, width)

    def open(self, run: Run, path: Path) -> tuple[NDArray[np.int64], NDArray[np.uint8]] | None:
        """Open the run that was given out last, which came on that path; numbers and plain rows of what is believed.

        None if nothing is.
        """
        pns = run.outside.pns
        wanted = path.receiver.is_fresh(pns)
        fresh = int(np.count_nonzero(wanted))
        plain, opened = self._sealing.open_rows(run.payload, run.outside, wanted, run.width)
        whole = int(np.count_nonzero(opened))
        self._counters.stale += len(pns) - fresh
        self._counters.forged += fresh - whole
        if not whole:
            return None
        return (pns, plain) if whole == len(pns) else (pns[opened], plain[opened])
