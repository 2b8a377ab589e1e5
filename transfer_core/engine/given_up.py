"""When a relay or a server is told to drop its part of what people gave up: not before undo is over.

Pure. Whoever takes a removal back within that time goes on where the file was. The queue's database knows what was
given up (`jobs.leftovers`, `jobs.left_uploads`); the time runs from when this agent first sees it there, so no clock of
another run counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from transfer_core.jobs.left_uploads import LeftUpload
from transfer_core.jobs.leftovers import Leftover

_Part = TypeVar("_Part", Leftover, LeftUpload)


class GivenUp:
    """Since when each is known; the time to come back is the same for all."""

    def __init__(self, kept_ns: int) -> None:
        self._kept_ns = kept_ns
        self._since_ns: dict[int, int] = {}  # by number

    def due(self, left: Sequence[_Part], now_ns: int) -> list[_Part]:
        """Of all that is given up, what nobody takes back any more. What is no longer named is forgotten."""
        self._since_ns = {each.number: self._since_ns.get(each.number, now_ns) for each in left}
        return [each for each in left if now_ns - self._since_ns[each.number] >= self._kept_ns]
