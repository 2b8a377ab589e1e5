"""Shows a recording again, through a feed like the live one: same datagrams, same decoder, at any speed.

Theory of operation. Each datagram is due at a deadline counted from the moment play began, never from the one before,
so that being late once makes nothing late for good. A thread sleeps until the next is due and hands over all that are.
A seek looks the place up in the log's index, forgets what was shown, and hands over the newest datagram of each sender
before that place, so that a picture of that moment is there at once.
"""

from __future__ import annotations

import socket
import threading
import time
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from transfer_core.errors import DrsError, IntegrityError, LinkDown, UsageError
from transfer_core.events.telemetry import SPEED_MAX, SPEED_MIN, ReplayState, ReplayView
from transfer_core.net.urgency import mark_live
from transfer_core.telemetry.arrivals import Arrivals, Sender
from transfer_core.telemetry.decoders.base import Decoder
from transfer_core.telemetry.feed import Feed
from transfer_core.telemetry.log import LogReader
from transfer_core.units import NS_PER_S

BACK_NS = 2 * NS_PER_S  # how far before a place a sender's newest datagram is looked for
BACK_RECORDS = 256
SLIP_NS = NS_PER_S  # so far behind the deadlines, they are counted anew: this machine is too slow for the speed
SPIN_NS = 60_000  # the last stretch is waited for awake; a sleep is not that exact


class Replay:
    """One open replay. Safe from any thread."""

    def __init__(
        self, replay_id: str, race_id: str, name: str, log: Path, port: int, decoder: Decoder, names: Mapping[str, str]
    ) -> None:
        """IntegrityError if the log holds no datagram; errors of the log."""
        self.replay_id, self.race_id, self._name = replay_id, race_id, name
        self._port, self._decoder = port, decoder
        self.feed = Feed(replay_id, names)
        self._reader = LogReader(log)
        self._index = self._reader.index()
        if not len(self._index.starts):
            self._reader.close()
            raise IntegrityError(f"the recording {name!r} holds no datagram", hint="Choose another one.")
        self._start_ns, self._end_ns = int(self._index.first_ns[0]), int(self._index.last_ns[-1])
        self._wake = threading.Condition()
        self._state, self._speed = ReplayState.PAUSED, 1.0
        self._loop: tuple[int, int] | None = None
        self._record, self._row = 0, 0  # the next datagram
        self._arrivals: tuple[int, Arrivals] | None = None
        self._position_ns = self._start_ns
        self._anchor = (0, 0)  # monotonic and recorded time from which deadlines are counted
        self._to: tuple[str, int] | None = None
        self._socket: socket.socket | None = None
        self._sent, self._error, self._closed = 0, "", False
        self._thread = threading.Thread(target=self._run, name="telemetry-replay", daemon=True)
        self._thread.start()

    # --- asking
    def view(self) -> ReplayView:
        """As it is now."""
        with self._wake:
            loop = self._loop
            return ReplayView(
                self.replay_id,
                self.race_id,
                self._name,
                self._state,
                self._speed,
                self._now_ns() - self._start_ns,
                self._end_ns - self._start_ns,
                self._start_ns,
                None if loop is None else loop[0] - self._start_ns,
                None if loop is None else loop[1] - self._start_ns,
                "" if self._to is None else f"{self._to[0]}:{self._to[1]}",
                self._sent,
                self._error,
            )

    def now_ns(self) -> int:
        """The recorded time that is shown."""
        with self._wake:
            return self._now_ns()

    def _now_ns(self) -> int:
        if self._state is not ReplayState.PLAYING:
            return self._position_ns
        anchor_ns, from_ns = self._anchor
        return min(self._end_ns, from_ns + round((time.monotonic_ns() - anchor_ns) * self._speed))

    # --- steering
    def send_to(self, address: tuple[str, int]) -> None:
        """Send every datagram there too. LinkDown."""
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        mark_live(sock)
        try:
            # asked of another socket: one that is connected would hear of every moment that nobody listens there
            with socket.socket(family, socket.SOCK_DGRAM) as asking:
                asking.connect(address)
        except OSError as error:
            sock.close()
            raise LinkDown(f"{address[0]}:{address[1]} can't be sent to: {error.strerror or error}") from error
        with self._wake:
            self._to, self._socket = address, sock

    def play(self) -> None:
        """Go on, from the start if it had ended."""
        with self._wake:
            if self._state is ReplayState.ENDED:
                self._go_to(self._start_ns)
            if self._state is not ReplayState.PLAYING:
                self._state = ReplayState.PLAYING
                self._anchor = (time.monotonic_ns(), self._position_ns)
                self._wake.notify()

    def pause(self) -> None:
        """Hold."""
        with self._wake:
            self._hold()

    def _hold(self) -> None:
        self._position_ns = self._now_ns()
        self._state = ReplayState.PAUSED
        self._wake.notify()

    def seek(self, position_ns: int) -> None:
        """Go to a position from the start; beyond the ends to them."""
        with self._wake:
            self._go_to(min(self._end_ns, max(self._start_ns, self._start_ns + position_ns)))
            if self._state is ReplayState.ENDED:
                self._state = ReplayState.PAUSED
            self._wake.notify()

    def step(self, count: int) -> None:
        """Hold, and go some datagrams on or back."""
        with self._wake:
            self._hold()
            firsts = np.concatenate(([0], np.cumsum(self._index.counts)))
            place = int(firsts[self._record]) + self._row + count
            place = min(max(place, 0), int(firsts[-1]))
            record = min(int(np.searchsorted(firsts, place, side="right")) - 1, len(self._index.starts) - 1)
            row = place - int(firsts[record])
            if count == 1 and place:
                self._hand_over_until(record, row)
                self._position_ns = self._time_before()
            else:
                self._show(record, row)
                self._position_ns = self._time_before()

    def set_speed(self, speed: float) -> None:
        """UsageError beyond 0.1 to 50."""
        if not SPEED_MIN <= speed <= SPEED_MAX:
            raise UsageError(f"a speed of {speed:g} can't be played", hint=f"Use {SPEED_MIN:g} to {SPEED_MAX:g}.")
        with self._wake:
            now_ns = self._now_ns()
            self._speed = speed
            self._anchor = (time.monotonic_ns(), now_ns)
            self._wake.notify()

    def set_loop(self, from_ns: int | None, to_ns: int | None) -> None:
        """Repeat a stretch, given as positions; None ends that. UsageError if it is empty."""
        with self._wake:
            if from_ns is None or to_ns is None:
                self._loop = None
            elif not 0 <= from_ns < to_ns:
                raise UsageError("a loop has to end after its start", hint="Set its start first, then its end.")
            else:
                self._loop = (self._start_ns + from_ns, min(self._end_ns, self._start_ns + to_ns))
            self._wake.notify()

    def resume(self, other: ReplayView) -> None:
        """Go on as another one was. UsageError."""
        self.set_speed(other.speed)
        self.set_loop(other.loop_from_ns, other.loop_to_ns)
        self.seek(other.position_ns)
        if other.state is ReplayState.PLAYING:
            self.play()

    def close(self) -> None:
        """End it. May be called twice."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()
        self._reader.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # --- playing
    def _run(self) -> None:
        with self._wake:
            while not self._closed:
                try:
                    if self._state is ReplayState.PLAYING:
                        self._play_on()
                    else:
                        self._wake.wait()
                except DrsError as error:
                    self._error, self._state = error.one_line(), ReplayState.PAUSED

    def _play_on(self) -> None:
        """Hand over what is due, then wait for the next; the lock is given away meanwhile."""
        now_ns = self._now_ns()
        if self._loop is not None and (now_ns >= self._loop[1] or now_ns < self._loop[0]):
            self._go_to(self._loop[0])
            return
        next_ns = self._next_ns()
        if next_ns is None:
            if now_ns >= self._end_ns:
                self._state, self._position_ns = ReplayState.ENDED, self._end_ns
                return
            next_ns = self._end_ns
        elif next_ns <= now_ns:
            if now_ns - next_ns > SLIP_NS * max(1.0, self._speed):
                self._anchor = (time.monotonic_ns(), next_ns)
                now_ns = next_ns
            self._hand_over_due(now_ns)
            return
        if self._loop is not None:
            next_ns = min(next_ns, self._loop[1])
        left_ns = round((next_ns - now_ns) / self._speed)
        if left_ns > SPIN_NS:
            self._wake.wait((left_ns - SPIN_NS) / NS_PER_S)

    def _next_ns(self) -> int | None:
        arrivals = self._at(self._record)
        return None if arrivals is None else arrivals.time_ns[self._row]

    def _at(self, record: int) -> Arrivals | None:
        """The datagrams of a record, None behind the last. One record is kept."""
        if record >= len(self._index.starts):
            return None
        if self._arrivals is None or self._arrivals[0] != record:
            found = self._reader.read(int(self._index.starts[record]))
            if found is None or found.arrivals is None:
                raise IntegrityError(f"the recording {self._name!r} is damaged", hint="Export what can be read of it.")
            self._arrivals = (record, found.arrivals)
        return self._arrivals[1]

    def _hand_over_due(self, now_ns: int) -> None:
        """All of this record that is due; at most some milliseconds of work at once, so that steering is prompt."""
        arrivals = self._at(self._record)
        assert arrivals is not None
        last = self._row
        while last < len(arrivals) and arrivals.time_ns[last] <= now_ns:
            last += 1
        self._hand_over(arrivals, self._row, last)
        self._row = last
        if last == len(arrivals):
            self._record, self._row = self._record + 1, 0

    def _hand_over_until(self, record: int, row: int) -> None:
        while (self._record, self._row) < (record, row):
            arrivals = self._at(self._record)
            if arrivals is None:
                return
            last = row if self._record == record else len(arrivals)
            self._hand_over(arrivals, self._row, last)
            self._record, self._row = (self._record, last) if last < len(arrivals) else (self._record + 1, 0)

    def _hand_over(self, arrivals: Arrivals, first: int, last: int) -> None:
        if first >= last:
            return
        part = slice(first, last)
        if self._socket is not None:
            for datagram in arrivals.datagrams[part]:
                self._send(datagram)
        self.feed.take(
            self._port,
            self._decoder,
            Arrivals(arrivals.senders[part], arrivals.time_ns[part], arrivals.datagrams[part]),
        )

    def _send(self, datagram: bytes) -> None:
        assert self._socket is not None
        assert self._to is not None
        try:
            self._socket.sendto(datagram, self._to)
        except OSError as error:
            self._error = f"{self._to[0]}:{self._to[1]} can't be sent to: {error.strerror or error}"
        else:
            self._sent += 1

    # --- places
    def _go_to(self, time_ns: int) -> None:
        """The next datagram is the first that is not before this time."""
        record = int(np.searchsorted(self._index.last_ns, time_ns, side="left"))
        arrivals = self._at(record)
        row = 0 if arrivals is None else bisect_left(arrivals.time_ns, time_ns)
        self._show(record, row)
        self._position_ns = time_ns
        self._anchor = (time.monotonic_ns(), time_ns)

    def _show(self, record: int, row: int) -> None:
        """Make this the next datagram, and show each sender's newest before it."""
        self.feed.restart()
        newest: dict[Sender, tuple[int, bytes]] = {}
        at, last = record, row
        arrivals = self._at(record)
        limit_ns = (self._end_ns if arrivals is None or row >= len(arrivals) else arrivals.time_ns[row]) - BACK_NS
        for _ in range(BACK_RECORDS):
            arrivals = self._at(at) if last else None
            for place in reversed(range(last)):
                assert arrivals is not None
                newest.setdefault(arrivals.senders[place], (arrivals.time_ns[place], arrivals.datagrams[place]))
            at -= 1
            if at < 0 or self._index.last_ns[at] < limit_ns:
                break
            last = int(self._index.counts[at])
        shown = sorted((time_ns, sender, datagram) for sender, (time_ns, datagram) in newest.items())
        if shown:
            times, senders, datagrams = zip(*shown, strict=True)
            self.feed.take(self._port, self._decoder, Arrivals(senders, times, datagrams))
        self._record, self._row = record, row

    def _time_before(self) -> int:
        """Of the datagram that was handed over last."""
        record, row = (self._record, self._row - 1) if self._row else (self._record - 1, -1)
        arrivals = self._at(record) if record >= 0 else None
        return self._start_ns if arrivals is None else arrivals.time_ns[row]
