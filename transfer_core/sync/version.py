"""Version vectors: what an edit had seen when it was made. Pure.

A vector names, for each replica, the newest of its edits that this version includes. Of two vectors one is before the
other, or they are equal, or neither had seen the other: then the edits were concurrent. A replica is one index
database: a machine whose database was lost comes back as a new replica, so its counters can't begin again below what
others saw.
"""

from __future__ import annotations

from enum import Enum, auto

Version = tuple[tuple[str, int], ...]
"""(replica, counter), sorted by replica. Counters are above 0."""

Dot = tuple[str, int]
"""One edit: who made it, and its number there."""

NEVER: Version = ()


class Order(Enum):
    """How two versions stand to each other."""

    EQUAL = auto()
    BEFORE = auto()
    AFTER = auto()
    CONCURRENT = auto()


def includes(version: Version, other: Version) -> bool:
    """Whether everything that `other` had seen is in `version`."""
    if version == other:
        return True
    known = dict(version)
    return all(known.get(replica, 0) >= counter for replica, counter in other)


def order(a: Version, b: Version) -> Order:
    """How `a` stands to `b`."""
    if a == b:
        return Order.EQUAL
    if includes(a, b):
        return Order.AFTER
    return Order.BEFORE if includes(b, a) else Order.CONCURRENT


def join(a: Version, b: Version) -> Version:
    """The smallest version that includes both."""
    if a == b:
        return a
    joined = dict(a)
    for replica, counter in b:
        joined[replica] = max(joined.get(replica, 0), counter)
    return tuple(sorted(joined.items()))


def with_dot(version: Version, dot: Dot) -> Version:
    """That version and one more edit."""
    return join(version, (dot,))


def next_counter(last: int, floor: int) -> int:
    """The number of a replica's next edit, given its last one.

    `floor`, seconds since 1970, keeps a replica that was put back from an old copy above what it gave out before. It
    never decides between two edits: concurrent ones stay concurrent whatever the clocks say.
    """
    return max(last + 1, floor)
