"""What the paths of a link have counted since somebody looked last. Pure.

A path counts from the beginning of its session. A path is known by its session's own index, which is new with each
session: what stands beside it in the uplink changes with each hello that is said, also while the session goes on.
"""

from __future__ import annotations

from typing import NamedTuple

PATHS_MOST = 512  # remembered; beyond that the oldest are forgotten


class PathCounts(NamedTuple):
    """Of one path, from the beginning of its session or since the last look."""

    data_bytes: int = 0
    acked_packets: int = 0
    lost_packets: int = 0
    sent_bytes: int = 0
    heard_bytes: int = 0


class PathTally:
    """Remembers what each path had counted."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, int], PathCounts] = {}

    def grown(self, session: int, path: int, now: PathCounts) -> PathCounts:
        """By how much the counts of that path have grown since the last call for it."""
        before = self._before.pop((session, path), PathCounts())
        self._before[session, path] = now
        if len(self._before) > PATHS_MOST:
            del self._before[next(iter(self._before))]
        return PathCounts(*(new - old for new, old in zip(now, before, strict=True)))
