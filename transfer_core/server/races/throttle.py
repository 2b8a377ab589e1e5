"""How often something may be tried: so many times within a stretch of time, for each name and each address. Pure."""

from __future__ import annotations

from collections import deque

from transfer_core.errors import TooMany
from transfer_core.units import NS_PER_S

KEYS_MAX = 10_000


class Throttle:
    """Counts tries by key. Used by one thread."""

    def __init__(self, most: int, within_s: float) -> None:
        self._most, self._within_ns = most, round(within_s * NS_PER_S)
        self._tries: dict[str, deque[int]] = {}

    def check(self, key: str, now_ns: int) -> None:
        """TooMany if this key has no try left."""
        tries = self._tries.get(key)
        if tries is None:
            return
        while tries and now_ns - tries[0] > self._within_ns:
            tries.popleft()
        if len(tries) >= self._most:
            left_s = max(1, (self._within_ns - (now_ns - tries[0])) // NS_PER_S)
            raise TooMany("that was tried too often", hint=f"Wait {left_s} s, then try again.")

    def count(self, key: str, now_ns: int) -> None:
        """One more try."""
        if key not in self._tries and len(self._tries) >= KEYS_MAX:
            # whoever sends more keys than that must not make the others' counts go: the oldest key goes
            self._tries.pop(next(iter(self._tries)))
        self._tries.setdefault(key, deque(maxlen=self._most)).append(now_ns)

    def forget(self, key: str) -> None:
        """It went well."""
        self._tries.pop(key, None)
