"""Which of several processes has hung, told by the beats that each gives while its loop goes round. Pure.

Silence is added up look by look, and no look adds more than it should have taken: where the machine slept, or a clock
jumped, the parent stood still as well, and that time says nothing. One that is silent alone has hung. Where most are
silent together, it is rather the machine, a disk that does not answer say, and ending them would cure nothing: that is
waited for much longer, and when it is over, whoever comes back last is given time for it. One is ended at a time, and
the next one not before a pause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transfer_core.units import NS_PER_S


@dataclass(frozen=True, slots=True)
class Patience:
    """How long silence lasts before one has hung."""

    look_ns: int = NS_PER_S
    suspect_ns: int = 5 * NS_PER_S  # silent for so long, it counts among those that are silent together
    alone_ns: int = 30 * NS_PER_S
    together_ns: int = 120 * NS_PER_S  # when more than half of them are silent
    start_ns: int = 120 * NS_PER_S  # before its first beat: programs are read from a disk that may be busy
    recover_ns: int = 10 * NS_PER_S  # for the last to come back, when most have
    pause_ns: int = 30 * NS_PER_S  # from one that is ended to the next


@dataclass(frozen=True, slots=True)
class Hung:
    """One that is to be ended."""

    worker: int
    pid: int
    silent_ns: int


@dataclass(slots=True)
class _Pulse:
    pid: int
    silent_ns: int = 0
    has_beaten: bool = False


class Heartbeats:
    """See the module."""

    def __init__(self, workers: int, patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self._pulses: list[_Pulse | None] = [None] * workers
        self._looked_ns: int | None = None
        self._pause_ns = 0
        self._was_machine = False

    def beat(self, worker: int, pid: int) -> None:
        """That process has said that its loop goes round."""
        pulse = self._pulse(worker, pid)
        pulse.silent_ns, pulse.has_beaten = 0, True

    def excuse(self) -> None:
        """Nobody could be heard up to now, and that was no fault of theirs."""
        for pulse in self._pulses:
            if pulse is not None:
                pulse.silent_ns = 0

    def look(self, now_ns: int, pids: Sequence[int | None]) -> Hung | None:
        """Who has hung, of those that run now; to be asked every `look_ns`. Who does not go is named again."""
        passed_ns = self._passed_ns(now_ns)
        self._pause_ns = max(0, self._pause_ns - passed_ns)
        running = [self._pulse(worker, pid) for worker, pid in enumerate(pids) if pid is not None]
        for pulse in running:
            pulse.silent_ns += passed_ns
        silent = sum(pulse.silent_ns >= self.patience.suspect_ns for pulse in running if pulse.has_beaten)
        is_machine = silent * 2 > len(self._pulses)
        if self._was_machine and not is_machine:
            for pulse in running:
                pulse.silent_ns = min(pulse.silent_ns, self.patience.alone_ns - self.patience.recover_ns)
        self._was_machine = is_machine
        for worker, pid in enumerate(pids):
            pulse_now = None if pid is None else self._pulse(worker, pid)
            if pulse_now is None or self._pause_ns or pulse_now.silent_ns < self._limit_ns(pulse_now, is_machine):
                continue
            self._pause_ns = self.patience.pause_ns
            hung = Hung(worker, pulse_now.pid, pulse_now.silent_ns)
            pulse_now.silent_ns = 0
            return hung
        return None

    def _limit_ns(self, pulse: _Pulse, is_machine: bool) -> int:
        if not pulse.has_beaten:
            return self.patience.start_ns
        return self.patience.together_ns if is_machine else self.patience.alone_ns

    def _passed_ns(self, now_ns: int) -> int:
        since_ns = now_ns - (now_ns if self._looked_ns is None else self._looked_ns)
        self._looked_ns = now_ns
        return min(max(0, since_ns), 2 * self.patience.look_ns)

    def _pulse(self, worker: int, pid: int) -> _Pulse:
        """Its own; one that was started anew begins anew."""
        pulse = self._pulses[worker]
        if pulse is None or pulse.pid != pid:
            pulse = self._pulses[worker] = _Pulse(pid)
        return pulse
