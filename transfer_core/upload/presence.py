"""Whether a destination is there, why not, and when to ask again.

Theory of operation. A destination that answers is asked again every half minute, and not at all while uploads move.
One that does not is asked with exponential backoff and jitter, from one second to one minute, and at once when a link
comes up. Only bytes that moved reset the backoff: a server that answers the question and then breaks every upload is
not asked ten times a second.
"""

from __future__ import annotations

from transfer_core.entropy import Entropy
from transfer_core.units import NS_PER_S

ASK_NS = 30 * NS_PER_S
FIRST_NS = NS_PER_S
LONGEST_NS = 60 * NS_PER_S


class Presence:
    """What is known of one destination. Times are monotonic nanoseconds."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._failures = 0
        self._due_ns = 0
        self._hold_ns = 0
        self.online: bool | None = None
        self.why = ""
        self.moved_ns: int | None = None  # when bytes moved last

    def is_due(self, now_ns: int) -> bool:
        """Whether it is time to ask."""
        return now_ns >= self._due_ns

    def is_open(self, now_ns: int) -> bool:
        """Whether uploads may begin."""
        return bool(self.online) and now_ns >= self._hold_ns

    def on_answer(self, now_ns: int) -> None:
        """It is there."""
        self.online, self.why = True, ""
        self._due_ns = now_ns + ASK_NS

    def on_trouble(self, why: str, now_ns: int) -> None:
        """It is not there, or not as it should be."""
        self.online, self.why = False, why
        ceiling = min(LONGEST_NS, FIRST_NS << min(self._failures, 16))
        self._due_ns = now_ns + ceiling // 2 + round(self._entropy.uniform() * ceiling / 2)
        self._failures += 1

    def on_moved(self, now_ns: int) -> None:
        """Bytes have arrived there."""
        self.moved_ns, self._failures = now_ns, 0
        self.on_answer(now_ns)

    def on_hold(self, delay_ns: int, now_ns: int) -> None:
        """It asks to be left alone for so long."""
        self._hold_ns = max(self._hold_ns, now_ns + delay_ns)

    def on_link_up(self) -> None:
        """Ask at once."""
        if not self.online:
            self._due_ns = 0
            self._failures = 0
