"""The files of a watched folder that something spoke of: each is looked at until it is complete, or gone.

`completion` has the verdict; here is what it takes: the file's facts, who has it open, which frames have followed, and
the time at which each is to be judged again.
"""

from __future__ import annotations

import heapq
import os
from dataclasses import dataclass
from typing import Protocol

from transfer_core.clock import Clock
from transfer_core.ingest.completion import CompletionRules, Facts, FileHistory, Sign, Step, Writer
from transfer_core.ingest.file_end import ending_of
from transfer_core.ingest.open_writers import writer_of
from transfer_core.ingest.selection import Successors
from transfer_core.ingest.sent_file import facts_of
from transfer_core.units import NS_PER_S

HELD_LONG_NS = 10 * NS_PER_S


class Wanted(Protocol):
    """Whoever knows which files are to be sent."""

    def looks_at(self, relative: str) -> bool:
        """Whether a file of this name may be one of them."""
        ...

    def wants(self, relative: str, facts: Facts) -> bool:
        """Whether it is to be sent as it is: it has not been yet."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """A complete file. `complete_ns` is when that was found."""

    relative: str
    path: str
    facts: Facts
    complete_ns: int


@dataclass(slots=True)
class _Candidate:
    history: FileHistory
    due_ns: int


class Candidates:
    """See the module. `is_held_back`: only a trigger adds one. `knows_writers`: it can be told who has a file open."""

    def __init__(self, root: str, wanted: Wanted, clock: Clock, rules: CompletionRules, lookahead: int) -> None:
        self.is_held_back = False
        self.knows_writers = True
        self._wanted, self._clock, self._rules = wanted, clock, rules
        self._prefix = os.path.join(root, "")  # noqa: PTH118 - names need not be valid Unicode
        self._successors = Successors(lookahead)
        self._candidates: dict[str, _Candidate] = {}
        self._heap: list[tuple[int, str]] = []
        self._held: set[str] = set()  # those that somebody was found to have open

    def __len__(self) -> int:
        return len(self._candidates)

    def __contains__(self, relative: str) -> bool:
        return relative in self._candidates

    def names(self) -> list[str]:
        """Which they are."""
        return list(self._candidates)

    def held(self) -> list[tuple[str, int]]:
        """Those that somebody has kept open for long, and for how many nanoseconds."""
        now_ns = self._clock.monotonic_ns()
        found = ((name, self._candidates[name].history.held_ns(now_ns)) for name in self._held)
        return [(name, held_ns) for name, held_ns in found if held_ns >= HELD_LONG_NS]

    def due_ns(self, otherwise_ns: int) -> int:
        """When the next one is to be judged; `otherwise_ns` if there is none."""
        while self._heap and self._is_put_off(*self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else otherwise_ns

    def note(self, relative: str) -> None:
        """A file of that name is there: those before it have been followed."""
        self._successors.note(relative)

    def events_lost(self) -> None:
        """What events told of any of them is not the whole."""
        for candidate in self._candidates.values():
            candidate.history.events_lost()

    def clear(self) -> None:
        """Forget them."""
        self._candidates.clear()
        self._held.clear()
        self._heap.clear()

    def judge_due(self) -> list[Frame]:
        """The frames that are complete by now, in the order of their names.

        All are judged as of one moment; else, of those seen at once, a later name could be ripe before an earlier one.
        """
        frames: list[Frame] = []
        turn_ns = self._clock.monotonic_ns()
        while self._heap and self._heap[0][0] <= turn_ns:
            due_ns, relative = heapq.heappop(self._heap)
            if self._is_put_off(due_ns, relative):
                continue
            frame = self._judge(relative, self._candidates[relative], turn_ns)
            if frame is not None:
                frames.append(frame)
        frames.sort(key=lambda frame: frame.relative)
        return frames

    def _is_put_off(self, due_ns: int, relative: str) -> bool:
        candidate = self._candidates.get(relative)
        return candidate is None or candidate.due_ns != due_ns

    def look(self, relative: str, signs: Sign, facts: Facts | None = None, *, closing_is_told: bool = False) -> None:
        """Something speaks of this file: see it as it is now, and judge it in this turn or when it is ripe.

        `facts` are handed in where they were looked up for this. `closing_is_told`: a scan found it, and if it is open
        still, an event will say when it is not.
        """
        candidate = self._candidates.get(relative)
        facts = facts or self.facts(relative)
        if candidate is None:
            if Sign.TOLD not in signs and self.is_held_back:
                return
            if Sign.TOLD not in signs and (facts is None or not self._wanted.wants(relative, facts)):
                return
            candidate = self._candidates[relative] = _Candidate(FileHistory(self._clock.monotonic_ns()), 0)
            if closing_is_told and facts is not None and self._may_be_open(relative, facts):
                signs |= Sign.MADE
        elif signs:
            candidate.history.hurry()
        candidate.history.observe(self._clock.monotonic_ns(), facts, signs)
        self._look_again(relative, candidate, self._clock.monotonic_ns())

    def _may_be_open(self, relative: str, facts: Facts) -> bool:
        """Whether it has changed so lately that a writer may be at it. Who is, is asked when it is ripe: only of a file
        whose writers nobody names does it count."""
        since_ns = self._clock.wall_ns() - self._rules.unclosed_ns
        if facts.mtime_ns > since_ns:
            return True
        try:  # its time may be one that it brought along
            return os.lstat(self.path(relative)).st_ctime_ns > since_ns
        except OSError:
            return False

    def _judge(self, relative: str, candidate: _Candidate, turn_ns: int) -> Frame | None:
        history = candidate.history
        if self._successors.follow(relative):
            history.signs |= Sign.FOLLOWED
        now_ns = self._clock.monotonic_ns()
        verdict = history.judge(turn_ns, self._rules)
        if verdict.step is not Step.ASK_WRITER:  # or it is looked at after the question
            history.observe(now_ns, self.facts(relative))
            verdict = history.judge(turn_ns, self._rules)
        if verdict.step is Step.ASK_WRITER:
            writer = writer_of(self.path(relative)) if self.knows_writers else Writer.UNKNOWN
            history.asked(now_ns, writer, None if self.knows_writers else ending_of(self.path(relative)))
            (self._held.add if writer is Writer.HELD else self._held.discard)(relative)
            history.observe(now_ns, self.facts(relative))
            verdict = history.judge(turn_ns, self._rules)
        if verdict.step is Step.WAIT:
            self._look_again(relative, candidate, verdict.due_ns)
            return None
        del self._candidates[relative]
        self._held.discard(relative)
        facts = history.facts
        if verdict.step is Step.GONE or facts is None or not self._wanted.wants(relative, facts):
            return None
        return Frame(relative, self.path(relative), facts, self._clock.monotonic_ns())

    def _look_again(self, relative: str, candidate: _Candidate, due_ns: int) -> None:
        candidate.due_ns = due_ns
        heapq.heappush(self._heap, (due_ns, relative))

    def path(self, relative: str) -> str:
        """Where it is."""
        return self._prefix + relative

    def facts(self, relative: str) -> Facts | None:
        """What it is like now; None if it is not there, or no file."""
        return facts_of(self.path(relative))
