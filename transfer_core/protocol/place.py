"""One of several processes that receive on one port, and what is that one's.

A session's number is its process's place modulo their count, so that whoever sees a sealed datagram from outside knows
whose it is. A hello hides who says it, so it is opened by whichever process it comes to; from there it goes to the one
that its key is at home with. So an agent is always with the same process, over all links and after restarts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

SESSION_NUMBERS = 1 << 32
_HASHED_BYTES = 8


def home_of(public_key: bytes, workers: int) -> int:
    """The process that an agent is at home with: the same for a key as long as there are so many of them."""
    hashed = hashlib.blake2s(public_key, digest_size=_HASHED_BYTES, person=b"drs-home").digest()
    return int.from_bytes(hashed, "big") % workers


@dataclass(frozen=True, slots=True)
class Place:
    """`worker` of `workers`, from 0."""

    worker: int = 0
    workers: int = 1

    def session_number(self, drawn: int) -> int:
        """The number of this process's that is next to one drawn from all 32 bits."""
        number = drawn - drawn % self.workers + self.worker
        return number if number < SESSION_NUMBERS else number - self.workers

    def is_home_of(self, public_key: bytes) -> bool:
        """Whether that agent is at home here."""
        return home_of(public_key, self.workers) == self.worker


ALONE = Place()
