"""The files of a session that have something to be done, the most urgent first, however many others are open.

Theory of operation. A heap of files by their order, from which nothing is taken when a file has nothing more to be done
or gets another place: what does not hold any more is dropped when it comes to the top. So each file costs a logarithm
when it is added, and the first one is found without looking at the others.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from transfer_core.protocol.outgoing_file import OutgoingFile

_Order = tuple[int, float, int]


class ReadyFiles:
    """`is_ready` says of a file whether it has something to be done now. `add` it when it may have begun to."""

    def __init__(self, is_ready: Callable[[OutgoingFile], bool]) -> None:
        self._is_ready = is_ready
        self._heap: list[tuple[_Order, OutgoingFile]] = []
        self._entered: set[_Order] = set()  # those in the heap; each names one file

    def add(self, file: OutgoingFile) -> None:
        """Look at this file from now on, at its present place, until it is found not to be ready."""
        if file.order not in self._entered:
            self._entered.add(file.order)
            heapq.heappush(self._heap, (file.order, file))

    def first(self) -> OutgoingFile | None:
        """The most urgent file that is ready."""
        while self._heap:
            order, file = self._heap[0]
            if file.order == order and self._is_ready(file):
                return file
            heapq.heappop(self._heap)
            self._entered.discard(order)
        return None
