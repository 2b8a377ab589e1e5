"""One direction of a simulated link: takes bursts of datagrams, says when each comes out, or that it never does.

Theory of operation. A datagram passes, in this order:

1. the switch: a killed link drops it;
2. the queue: one FIFO, drained at `rate_mbps`; a datagram that would wait longer than `queue_ms` is dropped (drop-tail,
   measured in time as routers' buffers are). Serialisation counts IP bytes: payload + 28 (RFC 791 20, RFC 768 8);
3. the air: random loss, each datagram on its own, and burst loss after Gilbert (1960): runs of good and bad datagrams
   with geometric lengths; all of a bad run is lost. Lost ones have used the link's time, as they do on radio;
4. the way: `delay_ms`, and jitter with a standard deviation of `jitter_ms`. A link that keeps order has one delay that
   wanders (Ornstein-Uhlenbeck, 20 ms), and nothing overtakes; a link that reorders draws each datagram's delay alone.

All the datagrams of one call are offered at the same instant, so the queue takes a prefix of them and drops the rest:
that makes every step a numpy expression.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from transfer_core.sim.conditions import BURST_LENGTH_DATAGRAMS, LinkConditions
from transfer_core.units import NS_PER_MS

IP_UDP_OVERHEAD_BYTES = 28
DROPPED = -1
JITTER_CORRELATION_NS = 20 * NS_PER_MS
JITTER_LIMIT_SIGMAS = 3.0

Times = NDArray[np.int64]


def datagram_sizes(payload_bytes: int, segment_bytes: int) -> Times:
    """Sizes of datagrams laid back to back, `segment_bytes` each, the last one perhaps shorter."""
    count = -(-payload_bytes // segment_bytes)
    sizes = np.full(count, segment_bytes, dtype=np.int64)
    if count:
        sizes[-1] = payload_bytes - (count - 1) * segment_bytes
    return sizes


@dataclass(slots=True)
class LinkCounters:
    """Datagrams by what became of them. What is neither dropped nor delivered is on its way."""

    offered: int = 0
    delivered: int = 0
    dropped_queue: int = 0
    dropped_loss: int = 0
    dropped_killed: int = 0

    @property
    def dropped(self) -> int:
        """All that were dropped."""
        return self.dropped_queue + self.dropped_loss + self.dropped_killed


class SimulatedLink:
    """One direction. `offer` may be called by one thread; `kill` and `restore` by any.

    Conditions of None make it transparent: no delay, no loss, no limit; only the switch works. Of a seed the generator
    is made at its first draw: numpy imports its generators then, which takes longer than to find and open the links.
    """

    def __init__(
        self, conditions: LinkConditions | None, rng: np.random.Generator | int, *, reorder: bool = False
    ) -> None:
        self.counters = LinkCounters()
        self._conditions = conditions
        self._rng_or_seed = rng
        self._reorder = reorder
        self._killed = False
        self._busy_until_ns = 0  # when the queue, as it is, has drained
        self._last_release_ns = 0
        self._bad_run: bool | None = None  # None: not begun
        self._run_left = 0
        self._wander = 0.0  # the common jitter, in standard deviations
        self._wander_ns: int | None = None

    @cached_property
    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self._rng_or_seed)

    @property
    def conditions(self) -> LinkConditions | None:
        """As they are now; None is transparent."""
        return self._conditions

    @property
    def killed(self) -> bool:
        """Whether it drops everything."""
        return self._killed

    def change(self, conditions: LinkConditions | None) -> None:
        """Use other conditions for what is offered from now on; what is in the queue leaves as it would have."""
        before = self._conditions
        self._conditions = conditions
        if before is None or conditions is None or before.burst_loss != conditions.burst_loss:
            self._bad_run = None
            self._run_left = 0

    def kill(self) -> None:
        """Drop everything, also what is on its way, until `restore`."""
        self._killed = True

    def restore(self) -> None:
        """Undo `kill`."""
        self._killed = False

    def offer(self, now_ns: int, sizes: Times) -> Times:
        """When each of these datagrams (payload bytes) comes out, in their order; DROPPED for those that don't.

        `now_ns` must not go back from call to call. Whoever holds the datagrams calls `deliver` when they come out.
        """
        count = len(sizes)
        self.counters.offered += count
        if self._killed:
            self.counters.dropped_killed += count
            return np.full(count, DROPPED, dtype=np.int64)
        conditions = self._conditions
        if conditions is None or count == 0:
            return np.full(count, now_ns, dtype=np.int64)
        finish_ns, taken = self._serialise(conditions, now_ns, sizes)
        releases = np.full(count, DROPPED, dtype=np.int64)
        if taken == 0:
            return releases
        arrival_ns = finish_ns + self._travel_ns(conditions, now_ns, taken)
        if not self._reorder:
            arrival_ns[0] = max(int(arrival_ns[0]), self._last_release_ns)
            np.maximum.accumulate(arrival_ns, out=arrival_ns)
            self._last_release_ns = int(arrival_ns[-1])
        lost = self._lost(conditions, taken)
        self.counters.dropped_loss += int(lost.sum())
        releases[:taken] = np.where(lost, DROPPED, arrival_ns)
        return releases

    def offer_one(self, now_ns: int, size: int) -> int:
        """`offer` for one datagram, in the same steps; several times faster than with numpy."""
        self.counters.offered += 1
        if self._killed:
            self.counters.dropped_killed += 1
            return DROPPED
        conditions = self._conditions
        if conditions is None:
            return now_ns
        start_ns = max(self._busy_until_ns, now_ns)
        if conditions.queue_ms * NS_PER_MS < start_ns - now_ns:
            self.counters.dropped_queue += 1
            return DROPPED
        self._busy_until_ns = start_ns + round((size + IP_UDP_OVERHEAD_BYTES) * (8e3 / conditions.rate_mbps))
        arrival_ns = self._busy_until_ns + self._travel_one_ns(conditions, now_ns)
        if not self._reorder:
            arrival_ns = self._last_release_ns = max(arrival_ns, self._last_release_ns)
        if self._is_lost(conditions):
            self.counters.dropped_loss += 1
            return DROPPED
        return arrival_ns

    def deliver(self, count: int) -> bool:
        """These datagrams come out now: True, and counted as delivered; False if the link was killed meanwhile."""
        if self._killed:
            self.counters.dropped_killed += count
            return False
        self.counters.delivered += count
        return True

    def _serialise(self, conditions: LinkConditions, now_ns: int, sizes: Times) -> tuple[Times, int]:
        """When each datagram that the queue takes has left the sender, and how many it takes."""
        ns_per_byte = 8e3 / conditions.rate_mbps
        start_ns = max(self._busy_until_ns, now_ns)
        finish = np.cumsum((sizes + IP_UDP_OVERHEAD_BYTES) * ns_per_byte)
        # the wait of a datagram ends when the one before it has left
        room_ns = conditions.queue_ms * NS_PER_MS - (start_ns - now_ns)
        taken = 0 if room_ns < 0 else 1 + int(np.searchsorted(finish[:-1], room_ns, side="right"))
        self.counters.dropped_queue += len(sizes) - taken
        finish_ns = start_ns + np.rint(finish[:taken]).astype(np.int64)
        if taken:
            self._busy_until_ns = int(finish_ns[-1])
        return finish_ns, taken

    def _travel_ns(self, conditions: LinkConditions, now_ns: int, count: int) -> Times:
        """Delay and jitter of each datagram; never negative."""
        delay_ns = conditions.delay_ms * NS_PER_MS
        if conditions.jitter_ms == 0:
            return np.full(count, round(delay_ns), dtype=np.int64)
        sigmas = self._rng.standard_normal(count) if self._reorder else np.full(count, self._wandered(now_ns))
        np.clip(sigmas, -JITTER_LIMIT_SIGMAS, JITTER_LIMIT_SIGMAS, out=sigmas)
        travel = np.maximum(delay_ns + sigmas * (conditions.jitter_ms * NS_PER_MS), 0.0)
        return np.rint(travel).astype(np.int64)

    def _travel_one_ns(self, conditions: LinkConditions, now_ns: int) -> int:
        """Likewise of one datagram."""
        delay_ns = conditions.delay_ms * NS_PER_MS
        if conditions.jitter_ms == 0:
            return round(delay_ns)
        sigmas = float(self._rng.standard_normal()) if self._reorder else self._wandered(now_ns)
        sigmas = min(max(sigmas, -JITTER_LIMIT_SIGMAS), JITTER_LIMIT_SIGMAS)
        return round(max(delay_ns + sigmas * (conditions.jitter_ms * NS_PER_MS), 0.0))

    def _wandered(self, now_ns: int) -> float:
        """The common jitter at `now_ns`: a mean-reverting walk with unit variance."""
        keep = 0.0 if self._wander_ns is None else math.exp(-(now_ns - self._wander_ns) / JITTER_CORRELATION_NS)
        self._wander = self._wander * keep + math.sqrt(1 - keep * keep) * float(self._rng.standard_normal())
        self._wander_ns = now_ns
        return self._wander

    def _lost(self, conditions: LinkConditions, count: int) -> NDArray[np.bool_]:
        """Which datagrams the air takes."""
        lost = self._rng.random(count) < conditions.loss if conditions.loss > 0 else np.zeros(count, dtype=np.bool_)
        if conditions.burst_loss > 0:
            self._mark_bad_runs(conditions.burst_loss, lost)
        return lost

    def _is_lost(self, conditions: LinkConditions) -> bool:
        """Whether the air takes one datagram."""
        is_lost = conditions.loss > 0 and float(self._rng.random()) < conditions.loss
        if conditions.burst_loss > 0:
            self._begin_run(conditions.burst_loss)
            self._run_left -= 1
            is_lost = is_lost or bool(self._bad_run)
        return is_lost

    def _mark_bad_runs(self, burst_loss: float, lost: NDArray[np.bool_]) -> None:
        """Lay good and bad runs over the datagrams; a run goes on from call to call."""
        at = 0
        while at < len(lost):
            self._begin_run(burst_loss)
            step = min(self._run_left, len(lost) - at)
            if self._bad_run:
                lost[at : at + step] = True
            self._run_left -= step
            at += step

    def _begin_run(self, burst_loss: float) -> None:
        """If the run before is over, draw the next one."""
        if self._run_left == 0:
            self._bad_run = bool(self._rng.random() < burst_loss) if self._bad_run is None else not self._bad_run
            good_run_mean = BURST_LENGTH_DATAGRAMS * (1 - burst_loss) / burst_loss
            mean = BURST_LENGTH_DATAGRAMS if self._bad_run else good_run_mean
            self._run_left = int(self._rng.geometric(min(1.0, 1.0 / mean)))
