"""Whether a relay's disk answers, told from what its disk threads are seen to do. Pure.

A thread that waits for a disk is in the middle of one call and uses no processor meanwhile; one that reads a large file
again to verify it is in the middle of one call too, but works. So a disk is silent that has let a thread wait for
`LIMIT_NS` within one call without any work. That is many times what a slow disk takes for a sync. Where the system does
not say what a thread uses, a call may last ten times as long.

Nobody is ended for it: a process that waits for a disk can't be, before the disk answers, and the next one would wait
for the same disk. It is said instead, and files wait, until the call is over. As in `workers.heartbeats`, no look adds
more than it should have taken, so that a machine that slept is no disk that did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from transfer_core.units import NS_PER_MS, NS_PER_S

LOOK_NS = NS_PER_S
LIMIT_NS = 30 * NS_PER_S
LIMIT_BLIND_NS = 10 * LIMIT_NS
WORK_NS = 5 * NS_PER_MS  # of the processor: less is the waiting itself


@dataclass(frozen=True, slots=True)
class DiskPulse:
    """What a thread does at one moment."""

    calls: int  # that it has begun
    is_busy: bool  # in the middle of the last one
    cpu_ns: int | None  # that it has used so far, None where the system does not say


@dataclass(frozen=True, slots=True)
class DiskNews:
    """The disk does not answer any more, or does again."""

    is_silent: bool
    thread: str
    silent_ns: int


@dataclass(slots=True)
class _Wait:
    calls: int
    cpu_ns: int | None
    waited_ns: int = 0


class DiskSilence:
    """Show it what the threads do every `LOOK_NS`."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}
        self._looked_ns: int | None = None
        self._silent: str | None = None  # the thread by which it was told

    @property
    def is_silent(self) -> bool:
        """Whether the disk was told to be silent, and has not answered since."""
        return self._silent is not None

    def look(self, now_ns: int, pulses: Mapping[str, DiskPulse]) -> DiskNews | None:
        """What is new, if anything is; `pulses` by the threads' names."""
        since_ns = now_ns - (now_ns if self._looked_ns is None else self._looked_ns)
        self._looked_ns = now_ns
        passed_ns = min(max(0, since_ns), 2 * LOOK_NS)
        for name, pulse in pulses.items():
            self._follow(name, pulse, passed_ns)
        if self._silent is not None and self._silent not in self._waits:
            news, self._silent = DiskNews(False, self._silent, 0), None
            return news
        for name, wait in self._waits.items():
            if self._silent is None and wait.waited_ns >= (LIMIT_BLIND_NS if wait.cpu_ns is None else LIMIT_NS):
                self._silent = name
                return DiskNews(True, name, wait.waited_ns)
        return None

    def _follow(self, name: str, pulse: DiskPulse, passed_ns: int) -> None:
        if not pulse.is_busy:
            self._waits.pop(name, None)
            return
        wait = self._waits.get(name)
        if wait is not None and wait.calls == pulse.calls and not _has_worked(wait.cpu_ns, pulse.cpu_ns):
            wait.waited_ns += passed_ns
        else:
            self._waits[name] = _Wait(pulse.calls, pulse.cpu_ns)


def _has_worked(before_ns: int | None, now_ns: int | None) -> bool:
    return before_ns is not None and now_ns is not None and now_ns - before_ns > WORK_NS
