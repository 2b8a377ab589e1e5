"""Decides when a file that somebody writes is complete: sizes, times and signs in, a verdict out.

Theory of operation. No single sign is enough: a close may be one of many, a stable size may be a writer that stalls or
a file that was preallocated, a lookahead says nothing about a writer that is late. So a file is complete when

    (renamed into place | closed after writing | told by a trigger | the frame N + lookahead is there)
    and its size, time and identity have been the same for `stable_ns`
    and nobody has it open for writing, asked after that time.

Without a sign (an event was lost, or the file was there before anybody watched) it has to be the same for ten times as
long, and for `quiet_ns` where nobody can say who has it open, as on a network share. An empty file waits longer, since
some writers make it first and fill it later. Any change begins anew and takes the signs back that it belies.

On a network share nothing tells of a writer that stalls, and the frames that follow say nothing about it. So there the
file itself is asked: one that lacks the end of its format waits for `unclosed_ns` without a change, whatever follows it
or names it; one that has it goes as soon as it is followed; of another format nobody knows, and once it is followed it
has to be the same for `followed_ns`, which is as long as a share's client believes what it was told of a file.

Of another user's file the system may not say who has it open, but it tells of its making and its closing. So one that
was seen being made is not complete before it is closed, whatever follows it, but for `unclosed_ns` without a change: a
hard link is made and never closed. The same goes for one that was found so soon after its last change that it may be
open still: whether it was closed before anybody watched, nobody knows.

A file that is still held by a writer is never complete, however long that takes. Once it is not, the verdict is reached
within `CompletionRules.bound_ns` of looking as often as `Verdict.due_ns` asks. Only the monotonic clock is used; a
file's own time is compared for equality alone, so that clocks may jump.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, Flag, auto

from transfer_core.units import NS_PER_MS, NS_PER_S

WITHOUT_SIGN = 10  # times as long
EMPTY_WAIT_NS = NS_PER_S
ASK_AGAIN_MIN_NS = 20 * NS_PER_MS
ASK_AGAIN_MAX_NS = NS_PER_S
FRESH_NS = 100 * NS_PER_MS  # an older answer about the writer is worth nothing


class Sign(Flag):
    """What speaks for a file being complete."""

    NONE = 0
    RENAMED = auto()  # it was renamed into place
    CLOSED = auto()  # a writer closed it
    TOLD = auto()  # a trigger named it
    FOLLOWED = auto()  # the frame `lookahead` places after it is there
    MADE = auto()  # speaks for nothing yet: it was seen being made, or may be open, so that its closing will be told


_TOLD_BY_SYSTEM = Sign.RENAMED | Sign.CLOSED
_NOT_BELIED_BY_CHANGE = ~(Sign.RENAMED | Sign.CLOSED)
_NOT_MADE = ~Sign.MADE


class Writer(Enum):
    """Whether somebody has the file open for writing."""

    UNKNOWN = "unknown"  # this system, or this file system, does not say
    FREE = "free"
    HELD = "held"


class Ending(Enum):
    """Whether a file has the end that its format asks for."""

    UNKNOWN = "unknown"  # the format is not known, or has no such end, or it can't be read
    WHOLE = "whole"
    MISSING = "missing"


class Step(Enum):
    """What to do with a file."""

    COMPLETE = "complete"
    WAIT = "wait"  # look again at `due_ns`, or when something happens to it
    ASK_WRITER = "ask writer"  # everything else is settled: who has it open?
    GONE = "gone"  # it is not there, and was waited for


@dataclass(frozen=True, slots=True)
class Facts:
    """What the system says about a file at one moment."""

    size: int
    mtime_ns: int
    identity: int  # another number is another file under the same name


@dataclass(frozen=True, slots=True)
class CompletionRules:
    """How long to wait for what."""

    stable_ns: int = 5 * NS_PER_MS
    file_wait_ns: int = 10 * NS_PER_MS
    quiet_ns: int = 10 * NS_PER_S  # without a sign, and without knowing who has it open
    followed_ns: int = 3 * NS_PER_S  # followed, on a share, of a format whose end is not known
    unclosed_ns: int = 120 * NS_PER_S  # without knowing who has it open, where its closing is to be told and was not

    @property
    def bound_ns(self) -> int:
        """The longest time from a file's last change, with its writer gone, its closing told and its end not missing,
        to its verdict."""
        settled_ns = max(self.quiet_ns, WITHOUT_SIGN * self.stable_ns, EMPTY_WAIT_NS)
        return settled_ns + 2 * ASK_AGAIN_MAX_NS  # to see that it changed, and that it is held no more


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do now; `due_ns` is when to look again if nothing happens before."""

    step: Step
    due_ns: int = 0


class FileHistory:
    """What is known of one file. Hand it what was seen with `observe` and `asked`, then `judge`."""

    __slots__ = (
        "_ask_due_ns",
        "_asked_ns",
        "_ending",
        "_held_since_ns",
        "_missing_ns",
        "_writer",
        "facts",
        "signs",
        "since_ns",
    )

    def __init__(self, now_ns: int) -> None:
        self.facts: Facts | None = None
        self.since_ns = now_ns  # when `facts` were first seen as they are
        self.signs = Sign.NONE
        self._missing_ns: int | None = now_ns
        self._writer: Writer | None = None  # None: not asked since the last change
        self._ending: Ending | None = None
        self._asked_ns = 0
        self._ask_due_ns = 0
        self._held_since_ns: int | None = None

    def observe(self, now_ns: int, facts: Facts | None, signs: Sign = Sign.NONE) -> None:
        """The file as it is now, None if it is not there, and the signs that were given since the last look.

        The facts are to be looked up after the signs came, so that a sign never vouches for what is older than it.
        """
        if facts is None:
            if self._missing_ns is None:
                self._missing_ns = now_ns
            self._change(now_ns, None)
        else:
            self._missing_ns = None
            if facts != self.facts:
                self._change(now_ns, facts)
        if signs is not Sign.NONE:
            self.signs |= signs

    def asked(self, now_ns: int, writer: Writer, ending: Ending | None = None) -> None:
        """The answer to ASK_WRITER, as of now; `observe` the file once more before the next `judge`.

        `ending` is what the file itself says, None where that is not asked since events tell of its writers.
        """
        self._writer, self._ending, self._asked_ns = writer, ending, now_ns
        if writer is not Writer.HELD:
            self._held_since_ns = None
            return
        if self._held_since_ns is None:
            self._held_since_ns = now_ns
        # seldom while it is held for long: its end is seen as an event, or is no matter of milliseconds any more
        held_ns = now_ns - self._held_since_ns
        self._ask_due_ns = now_ns + min(max(held_ns // 4, ASK_AGAIN_MIN_NS), ASK_AGAIN_MAX_NS)

    def events_lost(self) -> None:
        """Its closing may have been told in vain."""
        self.signs &= _NOT_MADE

    def hurry(self) -> None:
        """Something happened to the file: ask for its writer again without waiting."""
        self._ask_due_ns = 0

    def held_ns(self, now_ns: int) -> int:
        """For how long a writer has been known to hold it; 0 if none does."""
        return 0 if self._held_since_ns is None else now_ns - self._held_since_ns

    def judge(self, now_ns: int, rules: CompletionRules) -> Verdict:
        """What to do with the file."""
        if self._missing_ns is not None or self.facts is None:
            due_ns = (self._missing_ns or 0) + rules.file_wait_ns
            return Verdict(Step.GONE) if now_ns >= due_ns else Verdict(Step.WAIT, due_ns)
        ripe_ns = self.since_ns + self._stable_for(rules, self.facts.size)
        if now_ns < ripe_ns:
            return Verdict(Step.WAIT, min(ripe_ns, now_ns + ASK_AGAIN_MAX_NS))
        if self._writer is Writer.HELD and now_ns < self._ask_due_ns:
            return Verdict(Step.WAIT, self._ask_due_ns)
        if self._writer in (None, Writer.HELD) or self._asked_ns < ripe_ns or now_ns - self._asked_ns > FRESH_NS:
            return Verdict(Step.ASK_WRITER)
        if self._writer is Writer.UNKNOWN:
            quiet_ns = self.since_ns + self._quiet_for(rules)
            if now_ns < quiet_ns:
                return Verdict(Step.WAIT, min(quiet_ns, now_ns + ASK_AGAIN_MAX_NS))
        self._writer = None  # an answer is good for one verdict
        return Verdict(Step.COMPLETE)

    def _change(self, now_ns: int, facts: Facts | None) -> None:
        self.facts, self.since_ns = facts, now_ns
        if self.signs is not Sign.NONE:
            self.signs &= _NOT_BELIED_BY_CHANGE
        if self._writer is not Writer.HELD:
            self._writer = None

    def _quiet_for(self, rules: CompletionRules) -> int:
        """How long an unknown writer has to have changed nothing."""
        if self.signs & _TOLD_BY_SYSTEM:
            return 0
        if self._ending is Ending.MISSING:
            return rules.unclosed_ns
        if Sign.TOLD in self.signs:
            return 0
        if Sign.MADE in self.signs:
            return rules.unclosed_ns
        if not self.signs:
            return rules.quiet_ns
        return rules.followed_ns if self._ending is Ending.UNKNOWN else 0

    def _stable_for(self, rules: CompletionRules, size: int) -> int:
        stable_ns = rules.stable_ns if self.signs & _NOT_MADE else WITHOUT_SIGN * rules.stable_ns
        return max(stable_ns, EMPTY_WAIT_NS) if size == 0 else stable_ns
