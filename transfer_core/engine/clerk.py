"""Works the queue: a thread of its own, since SQLite and sources may make it wait.

Ten times a second, or four times while nothing is on its way, it takes in what the loop reported, notices what people
and other processes changed, claims the next jobs for relays that are online, and keeps progress. It is the only one
that moves a job from state to state on the engine's behalf. It works sooner when something is reported; but a turn
costs some transactions however little there is to write, so while many files are under way it rests between turns,
while few are an arrival waits for the next one, and what comes meanwhile is written together.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transfer_core.clock import Clock
from transfer_core.config import EngineConfig
from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.claims import Claims
from transfer_core.engine.event_bus import EventBus
from transfer_core.engine.gate import Gate
from transfer_core.engine.link_desk import LinkDesk
from transfer_core.engine.link_usage import LinkUsage
from transfer_core.engine.overview import Overview
from transfer_core.engine.runner import JobRunner, Notify
from transfer_core.engine.targets import Targets
from transfer_core.engine.wall_clock import WallClockWatch
from transfer_core.entropy import Entropy
from transfer_core.errors import DiskFull, DrsError, LinkError, StateCorrupt, StateError
from transfer_core.events import (
    EngineChanged,
    EngineView,
    JobsChanged,
    JobsRemoved,
    JobView,
    Severity,
)
from transfer_core.jobs.store import Command, JobStore
from transfer_core.units import NS_PER_MS, NS_PER_S

_LOG = logging.getLogger(__name__)
TURN_S = 0.1
IDLE_TURN_S = 0.25
BUSY_FILES = 32  # so many under way keep the links at work while the clerk rests
REST_NS = 20 * NS_PER_MS
GATHER_NS = 50 * NS_PER_MS  # so long an arrival waits for others, where fewer are under way
FOLLOW_BUSY_NS = 500 * NS_PER_MS  # while the clerk itself is who changes most: who else does rings
FIGURES_NS = 250 * NS_PER_MS
KEEP_NS = NS_PER_S
TROUBLE_WAIT_S = 0.5  # before a database that took nothing is tried again


class Clerk:
    """See the module. `runner` has the jobs under way, `Reports` brings what loop and uploads tell."""

    def __init__(
        self,
        *,
        store: JobStore,
        loop: AgentLoop,
        clock: Clock,
        entropy: Entropy,
        bus: EventBus,
        config: EngineConfig,
        notify: Notify,
    ) -> None:
        self._store, self._loop, self._clock, self._entropy = store, loop, clock, entropy
        self._bus, self._config, self._notify = bus, config, notify
        self.desk: LinkDesk | None = None
        self.usage: LinkUsage | None = None
        self.answerers: dict[str, Callable[[str], str]] = {}  # what other processes may ask, by verb
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.runner = JobRunner(
            store=store,
            loop=loop,
            clock=clock,
            entropy=entropy,
            bus=bus,
            config=config,
            notify=notify,
            post=self._inbox.put,
        )
        self._call: Callable[[], None] | None = None  # the one of the inbox that is not done yet
        self._is_patient = False  # the last one made
        self._trouble = ""  # why the database takes nothing
        self._owner = f"{os.getpid()}-{entropy.token_bytes(4).hex()}"
        self.targets = Targets(store=store, loop=loop, clock=clock, bus=bus, notify=notify, runner=self.runner)
        self.gate = Gate(store, loop, self.runner, self.targets)
        self._claims = Claims(
            owner=self._owner, store=store, clock=clock, config=config, runner=self.runner, targets=self.targets
        )
        self._overview = Overview(store, clock, self.runner.under_way, self.targets.reach)
        self._change = -1  # the newest that was followed
        self._told = store.newest_change()  # whoever listens has read the list at this state or a newer one
        self._follow_due_ns = 0
        self._rested_ns = 0  # when the last turn ended
        self._rescan_due_ns = 0
        self._figures_due_ns = 0
        self._keep_due_ns = 0
        self._engine_due_ns = 0
        self._wall_clock = WallClockWatch(clock)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)
        self.failure: BaseException | None = None

    # --- any thread

    def start(self) -> None:
        """Begin."""
        reclaimed = self._store.reclaim(self._owner)
        if reclaimed:
            self._notify(Severity.INFO, "queue", f"{reclaimed} jobs of the last run go on", "")
        self._forget_far_delays()
        self.poke()  # else the first turn would wait a beat for somebody's call
        self._thread.start()

    def stop(self) -> None:
        """Put back what is under way, and end."""
        self._stopping.set()
        self.poke()
        self._thread.join(10)

    def poke(self) -> None:
        """Look at once at what somebody changed."""
        self._inbox.put(self._follow_soon)

    def claim_soon(self) -> None:
        """There are new jobs."""
        self._inbox.put(_nothing)

    def do(self, call: Callable[[], None]) -> None:
        """Have the clerk's thread make this call."""
        self._inbox.put(call)

    def do_with_others(self, call: Callable[[], None]) -> None:
        """The same; what follows it is done together with what follows others that come within milliseconds."""
        self._inbox.put(_Patient(call))

    def live_views(self, rows: Sequence[JobView]) -> list[JobView]:
        """Rows with the newest figures of those under way."""
        return [self.runner.under_way.view(row) for row in rows]

    # --- the clerk's thread

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    self._turn()
                    self._end_trouble()
                except (DiskFull, StateError) as error:
                    self._wait_for_database(error)
            if not self._trouble:  # otherwise the next start puts back what was under way
                self.runner.put_back()
                self._keep_usage()
        except BaseException as error:
            self.failure = error
            _LOG.exception("the clerk ended")
            self._notify(Severity.CRITICAL, "engine", f"the queue is not worked any more: {error}", repr(error))
            raise

    def _wait_for_database(self, error: DrsError) -> None:
        if isinstance(error, StateCorrupt):
            raise error
        if self._trouble != error.message:
            self._trouble = error.message
            self._notify(Severity.SERIOUS, "engine", f"the queue waits: {error.message}", error.one_line())
        self._stopping.wait(TROUBLE_WAIT_S)

    def _end_trouble(self) -> None:
        if self._trouble:
            self._store.release(self._owner, but=[running.out.job.file_id for running in self.runner.under_way])
            self._trouble = ""
            self._notify(Severity.INFO, "engine", "the queue goes on", "")

    def _turn(self) -> None:
        self._make_call(self._beat_s)
        self._gather()
        self._rest()
        for _ in range(1000):
            if not self._make_call(0):
                break
        now_ns = self._clock.monotonic_ns()
        if self.desk is not None:
            self.desk.play(now_ns)
            if now_ns >= self._rescan_due_ns:
                self._rescan(now_ns)
        news = self._obey_changes()
        if self.gate.lets_pass:
            self._claims.begin_more()
        self.runner.complete()  # what is begun is on its way meanwhile
        if news is not None:
            self._tell_changes(news)
        if self.runner.uploads is not None:
            self.runner.uploads.turn(now_ns)
        if now_ns >= self._figures_due_ns:
            self._figures_due_ns = now_ns + FIGURES_NS
            if len(self.runner.under_way):
                self._loop.loop.post(self.runner.collect)
            else:
                self.runner.take_figures({})  # the rate of what has ended falls
        if now_ns >= self._keep_due_ns:
            self._keep_due_ns = now_ns + KEEP_NS
            self.runner.keep_progress()
            self.runner.let_age()
            self.runner.drop_given_up(now_ns)
            self._keep_usage()
            if self._wall_clock.was_set_back():
                self._forget_far_delays()
        if now_ns >= self._engine_due_ns:
            self._engine_due_ns = now_ns + FIGURES_NS
            self._bus.publish(EngineChanged(self.engine_view()))
        self._rested_ns = self._clock.monotonic_ns()

    def _forget_far_delays(self) -> None:
        """Jobs wait by the wall clock: one that was set back must not make them wait the longer."""
        self._store.forget_delays_of_the_future(round(self._config.retry.max_delay_s * NS_PER_S))

    def _make_call(self, wait_s: float) -> bool:
        """The next call of the inbox; whether there was one. What raises is made again by the next turn."""
        if self._call is None:
            try:
                self._call = self._inbox.get(wait_s > 0, wait_s)
            except queue.Empty:
                return False
        self._call()
        self._is_patient = isinstance(self._call, _Patient)
        self._call = None
        return True

    def _gather(self) -> None:
        until_ns = self._clock.monotonic_ns() + GATHER_NS
        while self._is_patient and 0 < len(self.runner.under_way) < BUSY_FILES:
            left_ns = until_ns - self._clock.monotonic_ns()
            if left_ns <= 0 or not self._make_call(left_ns / NS_PER_S):
                break
        self._is_patient = False

    def _rest(self) -> None:
        if self._is_busy:
            rest_ns = self._rested_ns + REST_NS - self._clock.monotonic_ns()
            if rest_ns > 0:
                self._stopping.wait(rest_ns / NS_PER_S)

    @property
    def _beat_s(self) -> float:
        is_idle = not len(self.runner.under_way) and not (self.desk is not None and self.desk.plays)
        return IDLE_TURN_S if is_idle else TURN_S

    @property
    def _is_busy(self) -> bool:
        return len(self.runner.under_way) >= BUSY_FILES

    def _rescan(self, now_ns: int) -> None:
        assert self.desk is not None
        self._rescan_due_ns = now_ns + int(self._config.scan_interval_s * NS_PER_S)
        if self.desk.rescan(self.targets.hosts):
            self._store.try_now()
            if self.runner.uploads is not None:
                self.runner.uploads.on_link_up()

    # --- what changed

    def link_failed(self, link: str, error: LinkError) -> None:
        """Its port failed and is closed."""
        if self.desk is not None:
            self.desk.on_failed(link)
        self._rescan_due_ns = 0
        self._notify(Severity.CAUTION, "link", f"{link}: {error.message}", error.one_line())

    def _follow_soon(self) -> None:
        self._follow_due_ns = 0

    def _obey_changes(self) -> int | None:
        """Do what others want done; the newest change, None if it was told of."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._follow_due_ns:
            return None
        change = self._store.newest_change()  # read first: what is written from here on is the next turn's
        if change == self._change:
            return None
        self._follow_due_ns = now_ns + FOLLOW_BUSY_NS if self._is_busy else 0
        if self.targets.follow():
            self._rescan_due_ns = 0
        if self.runner.uploads is not None:
            self.runner.uploads.obey_kept()
        self.gate.say_why()
        for command in self._store.commands():
            self._obey(command)
        return change

    def _tell_changes(self, change: int) -> None:
        self._told, jobs, gone = self._store.changes_since(self._told)
        self._change = change
        for job in jobs:
            self.runner.follow(job)
        for file_id in gone:
            self.runner.stop(file_id, discard=True)
        self.runner.keep_stopped()
        if jobs:
            self._bus.publish(JobsChanged(tuple(self.runner.under_way.view(job) for job in jobs)))
        if gone:
            self._bus.publish(JobsRemoved(tuple(gone)))

    def _obey(self, command: Command) -> None:
        assert self.desk is not None
        try:
            if command.verb == "kill":
                self.desk.kill(command.argument)
            elif command.verb == "restore":
                self.desk.restore(command.argument)
            elif command.verb == "pause_all":
                self.gate.pause(command.argument == "1")
            answerer = self.answerers.get(command.verb)
            result = "ok" if answerer is None else answerer(command.argument)
        except DrsError as error:
            result = f"{error.code} {error.message}"
        self._store.answer(command.number, result)

    # --- figures

    def _keep_usage(self) -> None:
        if self.usage is not None:
            self.usage.save()

    def engine_view(self) -> EngineView:
        """The bar on top."""
        return self._overview.view(
            [] if self.desk is None else self.desk.views(),
            paused=self.gate.is_paused,
            policy=self._loop.policy.value,
            has_targets=self.targets.there_are_some,
        )


@dataclass(frozen=True, slots=True)
class _Patient:
    """A call of which what follows may wait."""

    call: Callable[[], None]

    def __call__(self) -> None:
        self.call()


def _nothing() -> None:
    """A poke."""
