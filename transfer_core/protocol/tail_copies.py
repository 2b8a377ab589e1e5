"""The end of what there is to send: which paths leave it to others, and what an idle path copies then.

A path whose first byte would arrive when others have delivered all that is left sends none of it. When nothing is left,
copies keep the end of a file from costing extra round trips.

It copies what others still owe, if the copy is there before these could send again, and what it is likely to have lost
itself: at 70 % loss the last round trips would else be twenty. What holds the end up most comes first, which is loss
times the round trip that it takes to make it good. Copies are bounded as a share of what was sent. With the policy
`redundant` every slice is copied once, by another path than the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from transfer_core.protocol.chunk_slots import ChunkSlots, Picked
from transfer_core.protocol.path import Path
from transfer_core.protocol.recovery.path_sender import PathState
from transfer_core.protocol.wire.datagram import slice_bytes_max
from transfer_core.units import NS_PER_S

COPY_SHARE = 0.03  # copies at the tail, as a share of the slices sent
COPIES_FREE = 64  # what a short session may copy all the same
COPY_DOUBT = 0.1  # expected losses at the tail that are worth no copy
COPY_GAP_MIN_NS = 4_000_000
LOSS_UNSEEN = 0.001  # of a path that has lost nothing so far


class TailCopies:
    """Picks copies for idle paths."""

    def __init__(self, slots: ChunkSlots) -> None:
        self._slots = slots
        self._copied = 0
        self._due_ns: dict[int, int] = {}  # by path: when an idle one looks again

    def due_ns(self, path: Path) -> int | None:
        """When an idle path wants to look for copies, though nothing happens meanwhile."""
        return self._due_ns.get(path.number) if self._slots.used else None

    def are_due(self, path: Path, now_ns: int) -> bool:
        """Whether an idle path is to look again for what it may copy; not at every turn, since that costs a search."""
        srtt_ns = path.sender.srtt_ns
        if srtt_ns is None or path.sender.is_silent or not self._slots.used:
            self._due_ns.pop(path.number, None)
            return False
        if now_ns < self._due_ns.get(path.number, 0):
            return False
        self._due_ns[path.number] = now_ns + max(srtt_ns // 8, COPY_GAP_MIN_NS)
        return True

    def of_everything(self, path: Path, others: Sequence[Path], most: int) -> Picked:
        """What other paths have sent and no second one has yet, as long as it has not arrived."""
        picked: Picked = []
        for other in others:
            self._add(picked, other, path, most, copies_max=1)
        return picked

    def of_the_tail(self, path: Path, others: Sequence[Path], most: int, sent_slices: int) -> Picked:
        """Slices that other paths still owe and its own doubtful ones, first those that hold up the end most."""
        most = min(most, max(COPIES_FREE, int(COPY_SHARE * sent_slices)) - self._copied)
        owing = [(other, 1) for other in others if _is_sooner(path, other)]
        if (own_copies_max := _own_copies_max(path)) > 0:
            owing.append((path, own_copies_max))
        picked: Picked = []
        for other, copies_max in sorted(owing, key=lambda each: _doubt_ns(each[0]), reverse=True):
            self._add(picked, other, path, most, copies_max=copies_max)
        self._copied += _count(picked)
        return picked

    def _add(self, picked: Picked, other: Path, path: Path, most: int, *, copies_max: int) -> None:
        """Of those in flight on `other` the ones copied least, of these the newest, since they'd be missed last."""
        most -= _count(picked)
        if most <= 0:
            return
        tags = other.sender.outstanding_tags()[::-1]
        tags = self._slots.unacknowledged(tags[tags >= 0])
        tags = tags[np.sort(np.unique(tags, return_index=True)[1])]
        made = self._slots.copies(tags)
        tags = tags[np.argsort(made, kind="stable")][: int(np.count_nonzero(made < copies_max))][:most]
        slice_bytes = picked[0][0].slice_bytes if picked else 0
        taken: list[int] = []
        for tag in tags.tolist():
            found = self._slots.find(tag)
            if found is None or found[0].slice_bytes > slice_bytes_max(path.datagram_bytes):
                continue
            slot, index = found
            if slice_bytes in (0, slot.slice_bytes):
                slice_bytes = slot.slice_bytes
                picked.append((slot, np.array([index])))
                taken.append(tag)
        self._slots.count_copies(np.array(taken, np.int64))


def delivered_before_bytes(path: Path, paths: Iterable[Path]) -> float:
    """What other paths deliver, from now on, before anything arrives that `path` sends now."""
    mine_ns = _way_ns(path)
    return sum(
        other.sender.rate_bytes_per_s * max(0, mine_ns - _way_ns(other)) / NS_PER_S
        for other in paths
        if other is not path and other.carries_data and not other.sender.is_silent and other.sender.srtt_ns is not None
    )


def _way_ns(path: Path) -> int:
    """How long what is sent now takes to arrive: half of the round trip, and the queue, which stands there alone.

    The queue is the one that what is in flight will make, where that is longer than what was measured a round trip ago.
    """
    sender = path.sender
    min_ns = sender.min_rtt_ns
    there_and_back_ns = max(sender.srtt_ns or min_ns, min_ns)
    if sender.state is PathState.CRUISE:
        there_and_back_ns = max(there_and_back_ns, int(sender.in_flight_bytes * NS_PER_S / sender.capacity_bytes_per_s))
    return there_and_back_ns - min_ns // 2


def _is_sooner(path: Path, other: Path) -> bool:
    """Whether a copy by `path` arrives before `other` could have sent again what it finds lost."""
    return other.sender.is_silent or _way_ns(path) < (other.sender.srtt_ns or 0) + _way_ns(other)


def _doubt_ns(path: Path) -> float:
    """How long a packet in flight there is expected to hold up the end: what is lost costs a round trip."""
    if path.sender.is_silent:
        return math.inf
    return max(path.sender.loss, LOSS_UNSEEN) * (path.sender.srtt_ns or 0)


def _own_copies_max(path: Path) -> int:
    """How often each slice in flight is worth a copy, for it to be likely that none is lost."""
    loss, doubtful = path.sender.loss, path.sender.in_flight_packets
    if loss * doubtful < COPY_DOUBT:
        return 0
    return math.ceil(math.log(COPY_DOUBT / doubtful) / math.log(min(loss, 0.95))) - 1


def _count(picked: Picked) -> int:
    return sum(len(slices) for _, slices in picked)
