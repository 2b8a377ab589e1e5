"""Frames per second in and out of a watched folder, and how long they take to the other end. Pure."""

from __future__ import annotations

from collections import deque

from transfer_core.clock import Clock
from transfer_core.units import NS_PER_MS, NS_PER_S

WINDOW_NS = 2 * NS_PER_S
LATENCIES_KEPT = 1000
RATE_STAMPS_MAX = 10_000


class Rate:
    """How often something happened in the last two seconds."""

    def __init__(self, since_ns: int) -> None:
        self._since_ns = since_ns
        self._stamps: deque[int] = deque(maxlen=RATE_STAMPS_MAX)

    def note(self, now_ns: int) -> None:
        """It happened."""
        self._stamps.append(now_ns)

    def per_s(self, now_ns: int) -> float | None:
        """None until there was time to tell."""
        while self._stamps and now_ns - self._stamps[0] > WINDOW_NS:
            self._stamps.popleft()
        if now_ns - self._since_ns < WINDOW_NS:
            return None
        return len(self._stamps) * NS_PER_S / WINDOW_NS


class WatchFigures:
    """Counts of one watched folder since the agent began."""

    def __init__(self, clock: Clock) -> None:
        now_ns = clock.monotonic_ns()
        self._clock = clock
        self.frames_in = 0
        self.frames_out = 0
        self.frames_failed = 0
        self.errors = 0
        self.error = ""
        self.error_ns: int | None = None  # when that was
        self.newest_frame = ""
        self.newest_there_ns: int | None = None
        self._in, self._out = Rate(now_ns), Rate(now_ns)
        self._latencies_ns: deque[int] = deque(maxlen=LATENCIES_KEPT)

    def came(self, path: str, now_ns: int) -> None:
        """A frame is complete."""
        self.frames_in += 1
        self.newest_frame = path
        self._in.note(now_ns)

    def arrived(self, complete_ns: int | None, now_ns: int) -> None:
        """A frame has arrived; `complete_ns` is None for one of a former run of the agent."""
        self.frames_out += 1
        self._out.note(now_ns)
        if complete_ns is not None:
            self._latencies_ns.append(now_ns - complete_ns)
            self.newest_there_ns = max(complete_ns, self.newest_there_ns or complete_ns)

    def failed(self, text: str) -> None:
        """A frame can't be sent."""
        self.frames_failed += 1
        self.went_wrong(text)

    def went_wrong(self, text: str) -> None:
        """Something that a person should know."""
        self.errors += 1
        self.error, self.error_ns = text, self._clock.monotonic_ns()

    def rates(self, now_ns: int) -> tuple[float | None, float | None]:
        """Frames per second in and out."""
        return self._in.per_s(now_ns), self._out.per_s(now_ns)

    def latency_ms(self, share: float) -> float | None:
        """The time that this share of the last frames did not exceed."""
        if not self._latencies_ns:
            return None
        ordered = sorted(self._latencies_ns)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] / NS_PER_MS
