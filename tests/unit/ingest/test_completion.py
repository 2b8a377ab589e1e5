from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_core.ingest.completion import CompletionRules, Ending, Facts, FileHistory, Sign, Step, Writer
from transfer_core.units import NS_PER_MS, NS_PER_S

RULES = CompletionRules()
MS = NS_PER_MS
LOOKS_MAX = 20_000
RESCAN_NS = NS_PER_S


@dataclass
class Disk:
    """One name in a folder, and a writer that does what it likes with it; `signs` are what inotify would tell."""

    now_ns: int = 1
    facts: Facts | None = None
    open_on: list[int] = field(default_factory=list)  # identities that somebody holds
    signs: Sign = Sign.NONE
    loses_events: bool = False
    made: int = 0
    has_end_mark: bool = False  # its format
    is_finished: bool = False

    @property
    def ending(self) -> Ending:
        if not self.has_end_mark:
            return Ending.UNKNOWN
        return Ending.WHOLE if self.is_finished else Ending.MISSING

    def sign(self, sign: Sign) -> None:
        if not self.loses_events:
            self.signs |= sign

    @property
    def is_held(self) -> bool:
        return self.facts is not None and self.facts.identity in self.open_on

    def act(self, action: str, amount: int) -> None:
        facts = self.facts
        if action in ("create", "replace"):
            self.made += 1
            self.facts = Facts(amount, self.now_ns, self.made)
            if action == "create":
                self.open_on.append(self.made)
                self.sign(Sign.MADE)
            else:
                self.sign(Sign.RENAMED)
        elif facts is None:
            return
        elif action == "delete":
            self.facts = None
        elif action == "open":
            self.open_on.append(facts.identity)
        elif action == "close" and facts.identity in self.open_on:
            self.open_on.remove(facts.identity)
            self.sign(Sign.CLOSED)
        elif self.is_held:
            size = {"write": facts.size + amount, "preallocate": facts.size + 1000 * amount, "truncate": 0}
            self.facts = Facts(size.get(action, facts.size), self.now_ns, facts.identity)

    def finish(self) -> None:
        self.is_finished = True
        if self.open_on:
            self.sign(Sign.CLOSED)
        self.open_on.clear()


class Watch:
    """Looks at the disk whenever a sign comes or a look is due, and remembers what it took for complete."""

    def __init__(self, disk: Disk, *, knows_writers: bool = True, asks_file: bool = False) -> None:
        self.disk, self.knows_writers, self.asks_file = disk, knows_writers, asks_file
        self.history = FileHistory(disk.now_ns)
        self.due_ns = 0
        self.taken: Facts | None = None
        self.gone = False

    def look(self) -> None:
        disk = self.disk
        signs, disk.signs = disk.signs, Sign.NONE
        if signs:
            self.history.hurry()
        self.history.observe(disk.now_ns, disk.facts, signs)
        self.gone = False
        for _ in range(2):
            verdict = self.history.judge(disk.now_ns, RULES)
            if verdict.step is not Step.ASK_WRITER:
                break
            writer = Writer.HELD if disk.is_held else Writer.FREE
            ending = disk.ending if self.asks_file else None
            self.history.asked(disk.now_ns, writer if self.knows_writers else Writer.UNKNOWN, ending)
            self.history.observe(disk.now_ns, disk.facts)
        assert verdict.step is not Step.ASK_WRITER, "it asks twice at one moment"
        if verdict.step is Step.COMPLETE:
            if self.knows_writers:
                assert not disk.is_held, "taken while its writer holds it"
            self.taken, self.due_ns = disk.facts, disk.now_ns + RESCAN_NS
        elif verdict.step is Step.GONE:
            self.gone, self.due_ns = True, disk.now_ns + RESCAN_NS
        else:
            assert verdict.due_ns > disk.now_ns, "it would look for ever at one moment"
            self.due_ns = verdict.due_ns

    def pass_time(self, until_ns: int) -> None:
        for _ in range(LOOKS_MAX):
            if self.disk.signs or self.due_ns <= self.disk.now_ns:
                self.look()
            if self.due_ns >= until_ns:
                break
            self.disk.now_ns = self.due_ns
        else:
            pytest.fail("it looks too often")
        self.disk.now_ns = until_ns


ACTIONS = st.sampled_from(["create", "write", "write", "write", "close", "open", "preallocate", "truncate", "in place"])
ODD_ACTIONS = st.one_of(ACTIONS, st.sampled_from(["replace", "delete"]))
PAUSES = st.one_of(st.integers(0, 8), st.integers(0, 300), st.just(60_000))  # ms; a writer may stall for a minute
SCRIPTS = st.lists(st.tuples(ODD_ACTIONS, st.integers(0, 5000), PAUSES), min_size=1, max_size=25)


@settings(max_examples=300)
@given(script=SCRIPTS, loses_events=st.booleans())
def test_a_file_is_never_complete_while_its_writer_holds_it_and_always_soon_after(
    script: list[tuple[str, int, int]], loses_events: bool
) -> None:
    disk = Disk(loses_events=loses_events)
    watch = Watch(disk)
    for action, amount, pause_ms in script:
        disk.act(action, amount)
        watch.pass_time(disk.now_ns + pause_ms * MS + 1)
    disk.finish()
    watch.pass_time(disk.now_ns + RESCAN_NS + RULES.bound_ns)
    watch.look()
    if disk.facts is None:
        assert watch.gone
    else:
        assert watch.taken == disk.facts


WRITES = st.sampled_from(["write", "write", "preallocate", "truncate"])
STALLS = st.lists(st.tuples(WRITES, st.integers(0, 5000), PAUSES), max_size=10)


@settings(max_examples=100)
@given(script=STALLS, follows=st.booleans())
def test_a_file_of_another_user_that_was_seen_being_made_is_taken_once_when_it_is_closed(
    script: list[tuple[str, int, int]], follows: bool
) -> None:
    disk = Disk()
    watch = Watch(disk, knows_writers=False)
    disk.act("create", 0)
    for action, amount, pause_ms in script:
        disk.act(action, amount)
        if follows:
            disk.sign(Sign.FOLLOWED)
        watch.pass_time(disk.now_ns + pause_ms * MS + 1)
        assert watch.taken is None
    disk.finish()
    watch.pass_time(disk.now_ns + RULES.bound_ns)
    watch.look()
    assert watch.taken == disk.facts


def test_a_file_of_another_user_that_is_never_closed_waits_for_two_minutes_or_until_events_were_lost() -> None:
    for lost, wait_ns in ((False, RULES.unclosed_ns), (True, RULES.quiet_ns)):
        disk = Disk()
        watch = Watch(disk, knows_writers=False)
        disk.act("create", 100)
        watch.look()
        if lost:
            watch.history.events_lost()
        watch.pass_time(wait_ns - NS_PER_S)
        assert watch.taken is None
        watch.pass_time(wait_ns + NS_PER_S)
        assert watch.taken == disk.facts


@settings(max_examples=100)
@given(script=SCRIPTS)
def test_where_nobody_knows_the_writers_what_was_taken_too_early_is_taken_again_when_it_has_changed(
    script: list[tuple[str, int, int]],
) -> None:
    disk = Disk(loses_events=True)
    watch = Watch(disk, knows_writers=False)
    for action, amount, pause_ms in script:
        disk.act(action, amount)
        watch.pass_time(disk.now_ns + pause_ms * MS + 1)
    disk.finish()
    watch.pass_time(disk.now_ns + RESCAN_NS + RULES.bound_ns)
    watch.look()
    assert watch.gone if disk.facts is None else watch.taken == disk.facts


SHORT_PAUSES = st.integers(0, RULES.followed_ns // MS - 1)


@settings(max_examples=200)
@given(
    script=st.lists(st.tuples(WRITES, st.integers(0, 5000), PAUSES), max_size=10),
    follows=st.integers(0, 10),
    told=st.booleans(),
)
def test_on_a_share_a_file_without_its_end_is_not_taken_however_long_its_writer_stalls_and_whoever_follows(
    script: list[tuple[str, int, int]], follows: int, told: bool
) -> None:
    disk = Disk(loses_events=True, has_end_mark=True)
    watch = Watch(disk, knows_writers=False, asks_file=True)
    disk.act("create", 100)
    for number, (action, amount, pause_ms) in enumerate(script):
        disk.act(action, amount)
        if number == follows:
            disk.signs |= Sign.FOLLOWED | (Sign.TOLD if told else Sign.NONE)
        watch.pass_time(disk.now_ns + pause_ms * MS + 1)
        assert watch.taken is None
    disk.act("write", 1)
    disk.finish()
    watch.pass_time(disk.now_ns + RULES.bound_ns)
    watch.look()
    assert watch.taken == disk.facts


@settings(max_examples=200)
@given(script=st.lists(st.tuples(WRITES, st.integers(0, 5000), SHORT_PAUSES), max_size=10))
def test_on_a_share_a_followed_file_of_any_format_is_not_taken_while_its_writer_stalls_for_less_than_three_seconds(
    script: list[tuple[str, int, int]],
) -> None:
    disk = Disk(loses_events=True)
    watch = Watch(disk, knows_writers=False, asks_file=True)
    disk.act("create", 100)
    disk.signs |= Sign.FOLLOWED
    for action, amount, pause_ms in script:
        disk.now_ns += MS  # a share that tells no time as fine as that would hide the change
        disk.act(action, 1 + amount)
        watch.look()
        watch.pass_time(disk.now_ns + pause_ms * MS)
        assert watch.taken is None
    disk.finish()
    watch.pass_time(disk.now_ns + RULES.bound_ns)
    watch.look()
    assert watch.taken == disk.facts


@pytest.mark.parametrize(
    ("signs", "ending", "wait_ns"),
    [
        (Sign.FOLLOWED, Ending.WHOLE, RULES.stable_ns),
        (Sign.FOLLOWED, Ending.UNKNOWN, RULES.followed_ns),
        (Sign.FOLLOWED, Ending.MISSING, RULES.unclosed_ns),
        (Sign.TOLD, Ending.UNKNOWN, RULES.stable_ns),
        (Sign.TOLD, Ending.MISSING, RULES.unclosed_ns),
        (Sign.NONE, Ending.WHOLE, RULES.quiet_ns),
        (Sign.NONE, Ending.MISSING, RULES.unclosed_ns),
        (Sign.CLOSED, Ending.MISSING, RULES.stable_ns),
        (Sign.RENAMED, Ending.MISSING, RULES.stable_ns),
    ],
)
def test_how_long_a_file_of_a_share_has_to_be_the_same(signs: Sign, ending: Ending, wait_ns: int) -> None:
    history, facts = FileHistory(0), Facts(1000, 7, 1)
    history.observe(0, facts, signs)
    assert settle(history, facts, wait_ns - 1, Writer.UNKNOWN, ending) is Step.WAIT
    assert settle(history, facts, wait_ns, Writer.UNKNOWN, ending) is Step.COMPLETE


def settle(
    history: FileHistory, facts: Facts, at_ns: int, writer: Writer = Writer.FREE, ending: Ending | None = None
) -> Step:
    history.observe(at_ns, facts)
    verdict = history.judge(at_ns, RULES)
    if verdict.step is Step.ASK_WRITER:
        history.asked(at_ns, writer, ending)
        verdict = history.judge(at_ns, RULES)
    return verdict.step


def test_a_closed_file_is_complete_five_milliseconds_after_its_last_change() -> None:
    history, facts = FileHistory(0), Facts(1000, 7, 1)
    history.observe(0, facts, Sign.CLOSED)
    verdict = history.judge(0, RULES)
    assert (verdict.step, verdict.due_ns) == (Step.WAIT, 5 * MS)
    assert settle(history, facts, 5 * MS) is Step.COMPLETE


@pytest.mark.parametrize("sign", [Sign.RENAMED, Sign.CLOSED, Sign.TOLD, Sign.FOLLOWED])
def test_no_sign_makes_a_file_complete_that_somebody_writes(sign: Sign) -> None:
    history, facts = FileHistory(0), Facts(1000, 7, 1)
    history.observe(0, facts, sign)
    for at_s in range(1, 120):
        assert settle(history, facts, at_s * NS_PER_S, Writer.HELD) is Step.WAIT
    assert history.held_ns(120 * NS_PER_S) >= 118 * NS_PER_S
    history.hurry()
    assert settle(history, facts, 120 * NS_PER_S) is Step.COMPLETE


def test_without_a_sign_a_file_has_to_be_the_same_for_ten_times_as_long() -> None:
    history, facts = FileHistory(0), Facts(1000, 7, 1)
    assert settle(history, facts, 0) is Step.WAIT
    assert settle(history, facts, 50 * MS - 1) is Step.WAIT
    assert settle(history, facts, 50 * MS) is Step.COMPLETE


def test_without_a_sign_and_without_knowing_the_writers_it_waits_for_the_quiet_time() -> None:
    history, facts = FileHistory(0), Facts(1000, 7, 1)
    assert settle(history, facts, 0, Writer.UNKNOWN) is Step.WAIT
    assert settle(history, facts, RULES.quiet_ns - 1, Writer.UNKNOWN) is Step.WAIT
    assert settle(history, facts, RULES.quiet_ns, Writer.UNKNOWN) is Step.COMPLETE


def test_the_next_frames_stand_for_a_sign_of_what_was_there_before_events_were_told() -> None:
    history, facts = FileHistory(0), Facts(1000, 7, 1)
    assert settle(history, facts, 0, Writer.UNKNOWN) is Step.WAIT
    history.observe(60 * MS, facts, Sign.FOLLOWED)
    assert settle(history, facts, 60 * MS, Writer.UNKNOWN) is Step.COMPLETE


def test_a_change_takes_the_close_back_that_came_before_it() -> None:
    history = FileHistory(0)
    history.observe(0, Facts(1000, 7, 1), Sign.CLOSED)
    changed = Facts(1000, 8, 1)
    assert settle(history, changed, 6 * MS) is Step.WAIT
    assert settle(history, changed, 55 * MS) is Step.WAIT  # no sign is left
    assert settle(history, changed, 56 * MS) is Step.COMPLETE


def test_an_empty_file_waits_for_a_second_in_case_it_is_filled() -> None:
    history, empty = FileHistory(0), Facts(0, 7, 1)
    history.observe(0, empty, Sign.CLOSED)
    assert settle(history, empty, 999 * MS) is Step.WAIT
    assert settle(history, empty, 1000 * MS) is Step.COMPLETE


def test_a_file_that_is_named_but_not_there_is_waited_for() -> None:
    history = FileHistory(0)
    history.observe(0, None, Sign.TOLD)
    verdict = history.judge(0, RULES)
    assert (verdict.step, verdict.due_ns) == (Step.WAIT, 10 * MS)
    assert settle(history, Facts(9, 9, 9), 9 * MS) is Step.WAIT
    assert settle(history, Facts(9, 9, 9), 14 * MS) is Step.COMPLETE


def test_a_file_that_does_not_come_is_gone() -> None:
    history = FileHistory(0)
    history.observe(0, None, Sign.TOLD)
    assert history.judge(10 * MS, RULES).step is Step.GONE
