"""Which slices of files a path sends next: lost ones and unsent ones of the most urgent file, or copies of others'.

redundant           first what another path has sent, and no second one yet
something waits     slices from the queue, unless they are the last and other paths have them there sooner
nothing waits       an idle path makes copies (see `tail_copies`)

A path that has not answered yet may lead nowhere: it takes nothing that a path with an answer could carry.
"""

from __future__ import annotations

from collections.abc import Mapping

from transfer_core.protocol.chunk_slots import ChunkSlots, Picked
from transfer_core.protocol.path import Path
from transfer_core.protocol.slice_queue import SliceQueue
from transfer_core.protocol.tail_copies import TailCopies, delivered_before_bytes
from transfer_core.protocol.wire.chunk_record import WINDOW_CHUNK_BYTES
from transfer_core.protocol.wire.datagram import slice_bytes_max

TAIL_BYTES_MAX = 64 * WINDOW_CHUNK_BYTES  # with more ready than this it is not looked whether it is the end


class NextSlices:
    """Picks for one path at a time; `paths` are those of the session."""

    def __init__(self, slots: ChunkSlots, queue: SliceQueue, paths: Mapping[int, Path]) -> None:
        self.redundant = False  # whether every byte goes by two paths
        self._queue = queue
        self._paths = paths
        self._copies = TailCopies(slots)
        self._sent_slices = 0

    def is_there_for(self, path: Path) -> bool:
        """Whether slices wait that this path sends as soon as it may."""
        return self.may_take(path) and not self._queue.is_empty and not self._leaves_it(path)

    def may_take(self, path: Path) -> bool:
        """Whether a path may carry what no other one does: it has answered, or none that lives has."""
        if not path.carries_data or path.sender.srtt_ns is not None:
            return path.carries_data
        return not any(
            other.carries_data and other.sender.srtt_ns is not None and not other.sender.is_silent
            for other in self._others(path)
        )

    def due_ns(self, path: Path) -> int | None:
        """When an idle path wants to look for copies, though nothing happens meanwhile."""
        return self._copies.due_ns(path) if path.carries_data else None

    def pick(self, path: Path, now_ns: int, most: int) -> tuple[Picked, bool]:
        """What this path sends now, at most so many slices, and whether these are copies. They count as sent.

        The path is told whether there is anything for it to send.
        """
        waits = self.is_there_for(path)
        if waits:
            path.sender.set_demand(True)  # before it is asked what may go: a pause ends with this
        budget = min(most, path.sender.budget_datagrams(now_ns, path.datagram_bytes))
        picked = self._copies.of_everything(path, self._others(path), budget) if self.redundant else []
        is_copy = bool(picked)
        if waits and not picked and budget > 0:
            room_bytes = slice_bytes_max(path.datagram_bytes)
            others = [each.number for each in self._others(path) if each.carries_data and not each.sender.is_silent]
            picked = self._queue.take(path.number, others, room_bytes, budget, may_cut=not path.sender.is_silent)
        # asked also when nothing may go, since the deadline has to move on
        if not picked and self._copies.are_due(path, now_ns) and budget > 0:
            is_copy = True
            picked = self._copies.of_the_tail(path, self._others(path), budget, self._sent_slices)
        for _, slices in picked:
            self._sent_slices += len(slices)
        if not picked:
            path.sender.set_demand(False)
        return picked, is_copy

    def _leaves_it(self, path: Path) -> bool:
        """Whether the last bytes are for other paths, on which all of them arrive before this one's first would."""
        if self.redundant or len(self._paths) < 2:
            return False
        left_bytes = self._queue.last_bytes()
        if left_bytes is None or left_bytes > TAIL_BYTES_MAX:
            return False
        return delivered_before_bytes(path, self._paths.values()) >= left_bytes

    def _others(self, path: Path) -> list[Path]:
        return [other for other in self._paths.values() if other is not path]
