"""Works the queue: a thread of its own, since SQLite and sources may make it wait.

Ten times a second it takes in what the loop reported, notices what people and other processes changed, claims the
next jobs for relays that are online, and keeps progress. It is the only one that moves a job from state to state on
the engine's behalf.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from transfer_core.clock import Clock
from transfer_core.config import EngineConfig
from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.event_bus import EventBus
from transfer_core.engine.link_desk import LinkDesk
from transfer_core.engine.link_usage import LinkUsage
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.engine.reach import Reach
from transfer_core.engine.system import raise_open_files_limit
from transfer_core.engine.under_way import RATE_SHOWN_BPS, Figures, RunningJob, UnderWay
from transfer_core.engine.uplink import RelayTarget
from transfer_core.engine.uploads.desk import UploadDesk
from transfer_core.engine.uploads.run import UploadRun
from transfer_core.entropy import Entropy
from transfer_core.errors import DrsError, LinkError, NoUsableLink, SourceChanged
from transfer_core.events import (
    DestinationsChanged,
    DestinationView,
    EngineChanged,
    EngineView,
    JobsChanged,
    JobsRemoved,
    JobState,
    JobView,
    LinkState,
    LinkView,
    Severity,
)
from transfer_core.jobs.model import Job
from transfer_core.jobs.policy import Outcome, after_failure
from transfer_core.jobs.store import Command, Destination, JobStore
from transfer_core.protocol.endpoint import Address
from transfer_core.protocol.security.tokens import fingerprint, parse_address
from transfer_core.units import NS_PER_MS, NS_PER_S

_LOG = logging.getLogger(__name__)
TURN_S = 0.1
FIGURES_NS = 250 * NS_PER_MS
KEEP_NS = NS_PER_S
COUNT_SHARE = 50
PAUSED_KEY = "paused_all"
CLOSED_WHY = "the timetable lets nothing pass in this hour"
_LIVE_LINKS = frozenset({LinkState.UP, LinkState.DEGRADED})


class WatchListener(Protocol):
    """Who is told what became of jobs. Called in the clerk's thread; must not block."""

    def on_arrived(self, file_ids: Sequence[str]) -> None:
        """These jobs are completed."""
        ...

    def on_failed(self, file_id: str, error: DrsError) -> None:
        """That job is given up."""
        ...

    def on_changed(self, file_id: str) -> None:
        """That job's source was not as it was queued; frame and job are forgotten."""
        ...


class Clerk:
    """See the module. Also the `AgentListener` of the loop: those methods only put something into its inbox."""

    def __init__(
        self,
        *,
        store: JobStore,
        loop: AgentLoop,
        clock: Clock,
        entropy: Entropy,
        bus: EventBus,
        config: EngineConfig,
        notify: Callable[[Severity, str, str, str], None],
    ) -> None:
        self._store, self._loop, self._clock, self._entropy = store, loop, clock, entropy
        self._bus, self._config, self._notify = bus, config, notify
        self.desk: LinkDesk | None = None
        self.uploads: UploadDesk | None = None
        self.usage: LinkUsage | None = None
        self.watches: WatchListener | None = None
        self.answerers: dict[str, Callable[[str], str]] = {}  # what other processes may ask, by verb
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._under_way = UnderWay()
        self._open_files = raise_open_files_limit()
        self._held_there: set[str] = set()  # of the loop's thread: jobs that a relay asked to wait with
        self._owner = f"{os.getpid()}-{entropy.token_bytes(4).hex()}"
        self._reach = Reach()
        self._room: dict[str, int] = {}
        self._change = -1
        self._targets: tuple[Destination, ...] = ()
        self._hosts: list[str] = []
        self._rescan_due_ns = 0
        self._figures_due_ns = 0
        self._keep_due_ns = 0
        self._engine_due_ns = 0
        self._left, self._left_due_ns = (0, 0), 0
        self._stopping = threading.Event()
        self._arrived: list[tuple[str, str, str, dict[str, int], int]] = []
        self.paused = bool(store.setting(PAUSED_KEY))
        self._closed = False  # by the timetable
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)
        self.failure: BaseException | None = None

    # --- any thread

    def start(self) -> None:
        """Begin."""
        reclaimed = self._store.reclaim(self._owner)
        if reclaimed:
            self._notify(Severity.INFO, "queue", f"{reclaimed} jobs of the last run go on", "")
        self._thread.start()

    def stop(self) -> None:
        """Put back what is under way, and end."""
        self._stopping.set()
        self.poke()
        self._thread.join(10)

    def poke(self) -> None:
        """Look at the queue at once."""
        self._inbox.put(_nothing)

    def do(self, call: Callable[[], None]) -> None:
        """Have the clerk's thread make this call."""
        self._inbox.put(call)

    def wait_online(self, relay: str, timeout_s: float) -> bool:
        """Wait until a relay answers."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if self._reach.own(relay):
                return True
            if self._reach.why(relay).startswith("E_"):
                return False
            self._stopping.wait(0.05)
        return False

    def why(self, relay: str) -> str:
        """Why a relay is not online."""
        return self._reach.why(relay)

    def online(self) -> Mapping[str, bool]:
        """Which destinations answer."""
        return self._reach.all_online()

    def live_views(self, jobs: list[Job]) -> list[JobView]:
        """Jobs with the newest figures of those under way."""
        return [self._under_way.view(job) for job in jobs]

    def destination_views(self) -> list[DestinationView]:
        """Where jobs can go, and whether it answers."""
        return [
            DestinationView(
                name=each.name,
                kind=each.kind,
                addresses=each.addresses,
                online=self._reach.online(each.name),
                why=self._reach.why(each.name),
                free_bytes=self._room.get(each.name),
                fingerprint=fingerprint(each.public_key) if each.public_key else "",
            )
            for each in self._store.destinations()
        ]

    # --- the uploads' listener: their threads

    def on_fallback(self, relay: str, open_now: bool, why: str) -> None:
        """See `UploadListener`."""
        self._inbox.put(lambda: self._fallback_changed(relay, open_now, why))

    def on_uploaded(self, run: UploadRun) -> None:
        """See `UploadListener`."""

        def arrived() -> None:
            self._under_way.pop(run.job.file_id)
            self._arrived.append((run.job.file_id, run.file_hash, run.stored_as, run.carried, run.resent_bytes))

        self._inbox.put(arrived)

    def on_upload_failed(self, run: UploadRun, error: DrsError) -> None:
        """See `UploadListener`."""

        def failed() -> None:
            if not run.is_stopped:
                self._take_figures({run.job.file_id: run.figures()})
                self._keep_progress()
                self._failed(run.job.file_id, error)

        self._inbox.put(failed)

    # --- the listener: the loop's thread

    def hello_counter(self, relay: str) -> None:
        """See `AgentListener`."""

        def answer() -> None:
            counter = self._store.next_hello_counter(relay)
            self._loop.loop.post(lambda: self._loop.hello(relay, counter))

        self._inbox.put(answer)

    def on_paired(self, relay: str) -> None:
        """See `AgentListener`."""
        self._inbox.put(lambda: self._store.mark_paired(relay))

    def on_online(self, relay: str, online: bool, why: str) -> None:
        """See `AgentListener`."""
        self._inbox.put(lambda: self._online_changed(relay, online, why))

    def on_refused(self, relay: str, error: DrsError) -> None:
        """See `AgentListener`."""

        def refused() -> None:
            self._reach.refused(relay, error.one_line())
            self._notify(Severity.SERIOUS, "relay", f"{relay}: {error.message}", error.one_line())
            self._store.say_why(relay, error.message)
            self._bus.publish(DestinationsChanged(tuple(self.destination_views())))

        self._inbox.put(refused)

    def on_accepted(self, job: OutgoingJob, bytes_there: int) -> None:
        """See `AgentListener`. Most are never held: the clerk is not woken for them."""
        if job.job.file_id in self._held_there:
            self._held_there.discard(job.job.file_id)
            self._inbox.put(lambda: self._held(job, None, ""))

    def on_held(self, job: OutgoingJob, code: str, text: str) -> None:
        """See `AgentListener`."""
        self._held_there.add(job.job.file_id)
        self._inbox.put(lambda: self._held(job, code, text))

    def on_arrived(self, job: OutgoingJob, digest: str, stored_as: str) -> None:
        """See `AgentListener`."""

        def arrived() -> None:
            self._under_way.pop(job.job.file_id)
            self._arrived.append((job.job.file_id, digest, stored_as, job.carried, job.resent_bytes))

        self._inbox.put(arrived)

    def on_failed(self, job: OutgoingJob, error: DrsError) -> None:
        """See `AgentListener`."""
        self._inbox.put(lambda: self._failed(job.job.file_id, error))

    def on_room(self, relay: str, free_bytes: int) -> None:
        """See `AgentListener`."""
        self._inbox.put(lambda: self._room.__setitem__(relay, free_bytes))

    def on_link_failed(self, link: str, error: LinkError) -> None:
        """See `AgentListener`."""

        def failed() -> None:
            if self.desk is not None:
                self.desk.on_failed(link)
            self._rescan_due_ns = 0
            self._notify(Severity.CAUTION, "link", f"{link}: {error.message}", error.one_line())

        self._inbox.put(failed)

    # --- the clerk's thread

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._turn()
            self._put_back()
        except BaseException as error:
            self.failure = error
            _LOG.exception("the clerk ended")
            self._notify(Severity.CRITICAL, "engine", f"the queue is not worked any more: {error}", repr(error))
            raise

    def _turn(self) -> None:
        with contextlib.suppress(queue.Empty):
            self._inbox.get(timeout=TURN_S)()
        for _ in range(1000):
            try:
                self._inbox.get_nowait()()
            except queue.Empty:
                break
        if self._arrived:
            arrived, self._arrived = self._arrived, []
            news = self._store.complete(arrived)
            if self.watches is not None:
                self.watches.on_arrived(news)
        now_ns = self._clock.monotonic_ns()
        if self.desk is not None:
            self.desk.play(now_ns)
            if now_ns >= self._rescan_due_ns:
                self._rescan(now_ns)
        self._follow_changes()
        self._claim()
        if self.uploads is not None:
            self.uploads.turn(now_ns)
        if now_ns >= self._figures_due_ns:
            self._figures_due_ns = now_ns + FIGURES_NS
            self._loop.loop.post(self._collect)
        if now_ns >= self._keep_due_ns:
            self._keep_due_ns = now_ns + KEEP_NS
            self._keep_progress()
            self._let_age()
            self._keep_usage()
        if now_ns >= self._engine_due_ns:
            self._engine_due_ns = now_ns + FIGURES_NS
            self._bus.publish(EngineChanged(self.engine_view()))

    def _put_back(self) -> None:
        """Running jobs are pending again, with their progress."""
        self._keep_progress()
        self._keep_usage()
        if self._arrived:
            self._store.complete(self._arrived)
        for running in self._under_way:
            self._store.wait(running.out.job.file_id, None, "", is_attempt=False)

    def _rescan(self, now_ns: int) -> None:
        assert self.desk is not None
        self._rescan_due_ns = now_ns + int(self._config.scan_interval_s * NS_PER_S)
        if self.desk.rescan(self._hosts):
            self._store.try_now()
            if self.uploads is not None:
                self.uploads.on_link_up()

    # --- what changed

    def _follow_changes(self) -> None:
        if self._store.newest_change() == self._change:
            return
        destinations = tuple(self._store.destinations())
        if destinations != self._targets:
            self._targets = destinations
            self._point_at(destinations)
        if self.uploads is not None:
            self.uploads.obey_kept()
        if self._closed:
            self._say_closed(CLOSED_WHY)
        for command in self._store.commands():
            self._obey(command)
        self._change, jobs, gone = self._store.changes_since(self._change)
        for job in jobs:
            self._follow(job)
        for file_id in gone:
            self._stop(file_id, discard=True)
        if jobs:
            self._bus.publish(JobsChanged(tuple(self._under_way.view(job) for job in jobs)))
        if gone:
            self._bus.publish(JobsRemoved(tuple(gone)))

    def _follow(self, job: Job) -> None:
        running = self._under_way.find(job.file_id)
        if running is None:
            return
        if job.status is not JobState.UPLOADING:
            self._stop(job.file_id, discard=job.status is JobState.CANCELLED)
        elif (job.priority, job.position) != (running.priority, running.position):
            running.priority, running.position = job.priority, job.position
            self._reorder(running)

    def _reorder(self, running: RunningJob) -> None:
        """Tell the session a file's place, with the priority that it has reached by waiting."""
        relay, file_id, position = running.destination, running.out.job.file_id, running.position
        priority = running.told_priority = running.counts_as(self._clock.wall_ns() / NS_PER_S)
        self._loop.loop.post(lambda: self._loop.reorder(relay, file_id, priority, position))

    def _let_age(self) -> None:
        wall_s = self._clock.wall_ns() / NS_PER_S
        for running in self._under_way:
            told = running.priority if running.told_priority is None else running.told_priority
            if isinstance(running.out, OutgoingJob) and running.counts_as(wall_s) != told:
                self._reorder(running)

    def _stop(self, file_id: str, *, discard: bool) -> None:
        running = self._under_way.pop(file_id)
        if self.uploads is not None and self.uploads.stop(file_id, discard=discard):
            return
        if running is not None:
            self._loop.loop.post(lambda: self._loop.stop_job(running.destination, file_id, discard=discard))

    def _point_at(self, destinations: tuple[Destination, ...]) -> None:
        targets = [
            RelayTarget(each.name, _resolve(each.addresses), each.public_key, each.secret)
            for each in destinations
            if each.kind == "relay"
        ]
        if self.uploads is not None:
            self.uploads.set_destinations(destinations)
        self._hosts = sorted({address[0] for target in targets for address in target.addresses})
        self._rescan_due_ns = 0
        self._reach.keep([each.name for each in destinations], self._clock.monotonic_ns())
        self._loop.loop.post(lambda: self._loop.set_relays(targets))
        self._bus.publish(DestinationsChanged(tuple(self.destination_views())))

    def _obey(self, command: Command) -> None:
        assert self.desk is not None
        try:
            if command.verb == "kill":
                self.desk.kill(command.argument)
            elif command.verb == "restore":
                self.desk.restore(command.argument)
            elif command.verb == "pause_all":
                self.set_paused(command.argument == "1")
            answerer = self.answerers.get(command.verb)
            result = "ok" if answerer is None else answerer(command.argument)
        except DrsError as error:
            result = f"{error.code} {error.message}"
        self._store.answer(command.number, result)

    def set_paused(self, paused: bool) -> None:
        """Send nothing at all, or go on."""
        self.paused = paused
        self._store.set_setting(PAUSED_KEY, paused)

        if paused:
            self._halt_uploads("everything is paused")
        self._hold_the_loop()

    def close_for_now(self, closed: bool) -> None:
        """The timetable lets nothing pass, or something again."""
        self._closed = closed
        if closed:
            self._halt_uploads(CLOSED_WHY)
        self._say_closed(CLOSED_WHY if closed else "")
        self._hold_the_loop()

    def _say_closed(self, reason: str) -> None:
        for each in self._targets:
            self._store.say_why(each.name, reason)

    def _hold_the_loop(self) -> None:
        held = self.paused or self._closed
        self._loop.loop.post(lambda: self._loop.set_paused(held))

    def _halt_uploads(self, reason: str) -> None:
        for running in self._under_way:
            file_id = running.out.job.file_id
            if self.uploads is not None and self.uploads.stop(file_id, discard=False):
                self._under_way.pop(file_id)
                self._store.wait(file_id, None, reason, is_attempt=False)

    # --- jobs

    def _room_for_files(self) -> int:
        """How many more jobs may begin: small ones many at once, or each would wait for the round trip of another."""
        config, count = self._config, len(self._under_way)
        few = config.open_files_max - count
        if few >= config.open_files_max // 2 or self._under_way.whole_bytes >= config.small_files_bytes:
            return few
        most = min(config.small_files_max, self._open_files // 4)
        return max(few, min(most - count, config.open_files_max // 2))  # not all at once: the next may be large

    def _claim(self) -> None:
        room = self._room_for_files()
        if self.paused or self._closed or room <= 0:
            return
        ready = [each.name for each in self._targets if each.kind == "relay" and self._reach.own(each.name)]
        for job in self._store.claim(self._owner, room, ready):
            self._begin(job)
        if self.uploads is not None:
            self._claim_uploads(self.uploads)

    def _claim_uploads(self, uploads: UploadDesk) -> None:
        now_ns = self._clock.monotonic_ns()
        names = uploads.open_destinations(now_ns)
        names += [name for name in uploads.open_fallbacks(now_ns) if self._reach.falls_back(name, now_ns)]
        for job in self._store.claim(self._owner, uploads.room, names):
            run = uploads.begin(job)
            self._under_way.add(RunningJob(run, job.destination, job.priority, job.position))

    def _begin(self, job: Job) -> None:
        try:
            out = OutgoingJob.open(job, self._config.chunk_bytes)
        except DrsError as error:
            self._failed(job.file_id, error)
            return
        size = out.source.fingerprint.size
        if size != job.size:  # it was another one when it was queued
            self._store.resize(job.file_id, size)
            job = out.job = replace(job, size=size, bytes_done=min(size, job.bytes_done))
        self._under_way.add(RunningJob(out, job.destination, job.priority, job.position))
        self._loop.loop.post(lambda: self._loop.begin(job.destination, out))

    def _held(self, out: OutgoingJob, code: str | None, text: str) -> None:
        if out.job.file_id in self._under_way and out.held != text:
            out.held = text
            self._store.say_why_of(out.job.file_id, code, text)
            if text:
                self._notify(Severity.CAUTION, "relay", f"{out.job.destination}: {text}", f"{code}: {text}")

    def _failed(self, file_id: str, error: DrsError) -> None:
        running = self._under_way.pop(file_id)
        job = self._store.job(file_id)
        if job.status is not JobState.UPLOADING:
            return
        if isinstance(error, SourceChanged) and job.source_inode is not None:
            self._store.give_up_changed(file_id)  # it is queued anew once it is complete as it is now
            if self.watches is not None:
                self.watches.on_changed(file_id)
            return
        moved = running is not None and running.figures.durable_bytes > job.bytes_done
        decision = after_failure(
            job.idle_attempts, error, made_progress=moved, config=self._config.retry, entropy=self._entropy
        )
        if isinstance(error, SourceChanged) and job.attempts >= self._config.retry.max_attempts:
            decision = type(decision)(Outcome.GIVE_UP)
        if decision.outcome is Outcome.GIVE_UP:
            self._store.fail(file_id, error.code, error.message)
            if self.watches is not None:
                self.watches.on_failed(file_id, error)
            self._notify(Severity.SERIOUS, "queue", f"{job.path}: {error.message}", error.one_line())
        else:
            if isinstance(error, SourceChanged):
                self._notify(
                    Severity.INFO, "queue", f"{job.path}: {error.message}; sent as it is now", error.one_line()
                )
            is_attempt = decision.outcome is Outcome.PUT_OFF
            self._store.wait(file_id, error.code, error.message, delay_ns=decision.delay_ns, is_attempt=is_attempt)

    def _online_changed(self, relay: str, online: bool, why: str) -> None:
        """A destination is there by its own protocol, or not any more."""
        is_news = self._reach.own_changed(relay, online, why, self._clock.monotonic_ns())
        if online and is_news:
            self._store.say_why(relay, "")
            self._store.try_now()
            self._come_back(relay)
        elif not online:
            over_http = self.uploads is not None and self.uploads.owns(relay)
            self._interrupt(relay, NoUsableLink(why).message, over_http=over_http)
        if is_news:
            severity = Severity.INFO if online else Severity.CAUTION
            self._notify(severity, "relay", f"{relay} {'is online' if online else 'is offline: ' + why}", "")
            self._bus.publish(DestinationsChanged(tuple(self.destination_views())))

    def _fallback_changed(self, relay: str, online: bool, why: str) -> None:
        """A relay's HTTP side is there, or not any more."""
        is_news = self._reach.http_changed(relay, online, why)
        if not online:
            self._interrupt(relay, NoUsableLink(why).message, over_http=True)
        if is_news:
            self._bus.publish(DestinationsChanged(tuple(self.destination_views())))

    def _interrupt(self, name: str, reason: str, *, over_http: bool) -> None:
        """What goes there in that way waits, for this reason."""
        for running in self._under_way:
            if running.destination == name and isinstance(running.out, UploadRun) is over_http:
                file_id = running.out.job.file_id
                self._store.wait(file_id, None, reason, is_attempt=False)
                self._stop(file_id, discard=False)
        if not self._reach.own(name):
            self._store.say_why(name, self._reach.why(name) or reason)

    def _come_back(self, relay: str) -> None:
        """UDP is back: what has not come half its way over HTTP goes over UDP, the rest may end as it began."""
        for running in self._under_way:
            run = running.out
            if running.destination != relay or not isinstance(run, UploadRun) or self.uploads is None:
                continue
            if not self.uploads.owns(relay) and 2 * run.figures().arrived_bytes < run.job.size:
                self._store.wait(run.job.file_id, None, "goes on over UDP", is_attempt=False)
                self._stop(run.job.file_id, discard=False)

    # --- figures

    def _collect(self) -> None:
        """In the loop's thread: figures of all jobs under way."""
        found: dict[str, Figures] = {}
        for uplink in self._loop.uplinks.values():
            for file_id, out in uplink.jobs.items():
                found[file_id] = self._loop.figures(uplink, out)
        if self.uploads is not None:
            found.update(self.uploads.figures())
        self._inbox.put(lambda: self._take_figures(found))

    def _take_figures(self, found: dict[str, Figures]) -> None:
        changed = self._under_way.take(found, self._clock.monotonic_ns())
        if changed:
            self._bus.publish(JobsChanged(tuple(running.view(running.out.job) for running in changed)))

    def _keep_progress(self) -> None:
        rows = self._under_way.rows_to_keep()
        if rows:
            self._store.progress(rows)

    def _keep_usage(self) -> None:
        if self.usage is not None:
            self.usage.save()

    def _count_left(self) -> tuple[int, int]:
        """What is left to send, counted so seldom that it takes no more than a fiftieth of the time."""
        began_ns = self._clock.monotonic_ns()
        if began_ns >= self._left_due_ns:
            self._left = self._store.counts_left()
            ended_ns = self._clock.monotonic_ns()
            self._left_due_ns = ended_ns + COUNT_SHARE * (ended_ns - began_ns)
        return self._left

    def engine_view(self) -> EngineView:
        """The bar on top."""
        links = [] if self.desk is None else self.desk.views()
        files_left, bytes_left = self._count_left()
        bytes_left -= self._under_way.unkept_bytes
        rate_bps = self._under_way.rate_bps
        severity, why = self._worst(links, files_left)
        return EngineView(
            online=any(self._reach.all_online().values()),
            paused=self.paused,
            rate_bps=rate_bps,
            files_left=files_left,
            bytes_left=max(0, bytes_left),
            eta_s=bytes_left * 8 / rate_bps if rate_bps > RATE_SHOWN_BPS and files_left else None,
            links_up=sum(link.state in _LIVE_LINKS for link in links),
            links_total=sum(link.state is not LinkState.UNUSED for link in links),
            severity=severity,
            why=why,
            policy=self._loop.policy.value,
            undo=self._store.undo_label(),
        )

    def _worst(self, links: list[LinkView], files_left: int) -> tuple[Severity, str]:
        bad = [link for link in links if link.state in (LinkState.SILENT, LinkState.DOWN, LinkState.KILLED)]
        if files_left and self._targets and not any(self._reach.all_online().values()):
            return Severity.SERIOUS, self._reach.first_why() or "no relay answers yet"
        if self._under_way.held:
            return Severity.SERIOUS, self._under_way.held
        if bad:
            return Severity.CAUTION, ", ".join(f"{link.name} {link.state}" for link in bad)
        degraded = next((link for link in links if link.state is LinkState.DEGRADED), None)
        if degraded is not None:
            return Severity.CAUTION, f"{degraded.name}: {degraded.why}"
        return Severity.INFO, ""


def _nothing() -> None:
    """A poke."""


def _resolve(addresses: tuple[str, ...]) -> tuple[Address, ...]:
    """Numeric addresses; names are looked up, and left out if that fails."""
    found: dict[Address, None] = {}
    for text in addresses:
        host, port = parse_address(text)
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except OSError as error:
            _LOG.info("%s can't be looked up: %s", host, error)
            continue
        for _, _, _, _, address in entries:
            found[(str(address[0]), int(address[1]))] = None
    return tuple(found)
