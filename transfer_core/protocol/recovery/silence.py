"""When a path counts as silent, and when it is probed.

A path with packets in flight that hears no acknowledgement for 1.25 round trips, six usual gaps between
acknowledgements and 20 ms is taken for silent: long enough that a run of lost acknowledgements rarely looks like it,
short enough that other paths take its work within two round trips; and never more than three seconds, since a first
round trip may have been measured across a pause of the whole machine. Two probes go at once, then two again after a
quarter of the round trip (20 ms at least), each wait a tenth longer, up to 100 ms, and to a second once it has been
silent for a quarter of an hour, since somebody pays for them. Whatever is answered ends it.
"""

from __future__ import annotations

from transfer_core.units import NS_PER_MS, NS_PER_S

SLACK_NS = 20 * NS_PER_MS
UNKNOWN_NS = NS_PER_S  # while no round trip is known
WAIT_MAX_NS = 3 * NS_PER_S
PROBE_WAIT_MIN_NS, PROBE_WAIT_MAX_NS = 20 * NS_PER_MS, 100 * NS_PER_MS
LONG_NS, PROBE_WAIT_LONG_NS = 900 * NS_PER_S, NS_PER_S
PROBES = 2
GAP_GAIN = 0.1
GAP_FIRST_NS = 25 * NS_PER_MS


class Silence:
    """Watches the gaps between acknowledgements. The clock runs only while packets are in flight."""

    def __init__(self, now_ns: int) -> None:
        self.is_silent = False
        self.ack_gap_ns = GAP_FIRST_NS
        self.probe_due_ns = 0
        self.last_life_ns = now_ns
        self._clock_from_ns = now_ns
        self._begun_ns = now_ns
        self._probe_wait_ns = 0.0
        self._probes_left = 0

    def wait_ns(self, srtt_ns: int | None) -> int:
        """How long a path with packets in flight may hear nothing."""
        if srtt_ns is None:
            return UNKNOWN_NS
        return min(WAIT_MAX_NS, 5 * srtt_ns // 4 + 6 * self.ack_gap_ns + SLACK_NS)

    def due_ns(self, srtt_ns: int | None) -> int:
        """When the path will count as silent."""
        return self._clock_from_ns + self.wait_ns(srtt_ns)

    def on_first_in_flight(self, now_ns: int) -> None:
        """Something is in flight where nothing was."""
        self._clock_from_ns = max(self._clock_from_ns, now_ns)

    def on_life(self, now_ns: int, was_in_flight: bool, srtt_ns: int) -> bool:
        """An acknowledgement brought news; True if that ends a silence."""
        begins = self._clock_from_ns > self.last_life_ns  # then the first answer takes a round trip, which is no gap
        gap_ns = max(0, now_ns - (self._clock_from_ns + srtt_ns if begins else self.last_life_ns))
        if was_in_flight and not self.is_silent and gap_ns < NS_PER_S:
            self.ack_gap_ns += int(GAP_GAIN * (gap_ns - self.ack_gap_ns))
        self.last_life_ns = self._clock_from_ns = now_ns
        ended, self.is_silent = self.is_silent, False
        return ended

    def begin(self, now_ns: int, srtt_ns: int | None) -> None:
        """The path counts as silent from now on; the first probes may go at once."""
        self.is_silent = True
        self.probe_due_ns = now_ns
        self._begun_ns = now_ns
        self._probes_left = 0
        self._probe_wait_ns = float(min(PROBE_WAIT_MAX_NS, max(PROBE_WAIT_MIN_NS, (srtt_ns or 0) // 4)))

    def probes(self, now_ns: int) -> int:
        """How many probes may go now."""
        if now_ns >= self.probe_due_ns:
            self._probes_left = PROBES
            self.probe_due_ns = now_ns + int(self._probe_wait_ns)
            most_ns = PROBE_WAIT_LONG_NS if now_ns - self._begun_ns > LONG_NS else PROBE_WAIT_MAX_NS
            self._probe_wait_ns = min(float(most_ns), self._probe_wait_ns * 1.1)
        return self._probes_left

    def on_probes_sent(self, count: int) -> None:
        """Probes have gone."""
        self._probes_left = max(0, self._probes_left - count)
