"""How often one address may ask: a bucket of requests that fills at a steady rate (RFC 2697, one colour)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from transfer_core.errors import TooMany
from transfer_core.server.loopback import is_loopback
from transfer_core.units import NS_PER_S

ADDRESSES_MAX = 4096
REFUSED_COST = 20.0  # a credential that was refused counts as so many requests


class Rates:
    """The buckets of all addresses that asked lately. This machine itself is not limited. Used by one thread."""

    def __init__(self, per_s: float, burst: int, monotonic_ns: Callable[[], int]) -> None:
        self._per_ns = per_s / NS_PER_S
        self._burst = float(burst)
        self._monotonic_ns = monotonic_ns
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def admit(self, address: str) -> None:
        """Count one request. TooMany if there are too many."""
        if is_loopback(address):
            return
        level = self._level(address)
        self._keep(address, level - 1 if level >= 1 else level)
        if level < 1:
            raise TooMany("too many requests from one address")

    def punish(self, address: str) -> None:
        """A credential of that address was refused."""
        if not is_loopback(address):
            self._keep(address, max(self._level(address) - REFUSED_COST, -self._burst))

    def _level(self, address: str) -> float:
        now_ns = self._monotonic_ns()
        level, at_ns = self._buckets.get(address, (self._burst, now_ns))
        return min(self._burst, level + (now_ns - at_ns) * self._per_ns)

    def _keep(self, address: str, level: float) -> None:
        self._buckets[address] = (level, self._monotonic_ns())
        self._buckets.move_to_end(address)
        if len(self._buckets) > ADDRESSES_MAX:
            self._buckets.popitem(last=False)
