"""The jobs under way, begun, followed and ended: what becomes of each goes to the queue's database.

In the clerk's thread alone, which is the only one that moves a job from state to state on the engine's behalf.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast

from transfer_core.clock import Clock
from transfer_core.config import EngineConfig
from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.carried import figures_of
from transfer_core.engine.event_bus import EventBus
from transfer_core.engine.given_up import GivenUp
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.engine.under_way import Figures, RunningJob, UnderWay
from transfer_core.entropy import Entropy
from transfer_core.errors import DrsError, SourceChanged
from transfer_core.events import JobsChanged, JobState, JobView, Severity
from transfer_core.jobs.leftovers import Leftover
from transfer_core.jobs.model import Job, to_view
from transfer_core.jobs.policy import Outcome, after_failure
from transfer_core.jobs.store import JobStore
from transfer_core.units import NS_PER_S

if TYPE_CHECKING:
    from transfer_core.engine.uploads.desk import UploadDesk
    from transfer_core.engine.uploads.run import UploadRun

Notify = Callable[[Severity, str, str, str], None]
OPENED_AT_ONCE = 256  # several bundles


class WatchListener(Protocol):
    """Who is told what became of jobs. Called in the clerk's thread; must not block."""

    def on_arrived(self, file_ids: Mapping[str, int]) -> None:
        """These jobs are completed; with when they were, by the monotonic clock."""
        ...

    def on_failed(self, file_id: str, error: DrsError) -> None:
        """That job is given up."""
        ...

    def on_changed(self, file_id: str) -> None:
        """That job's source was not as it was queued; frame and job are forgotten."""
        ...


class JobRunner:
    """See the module."""

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
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        self._store, self._loop, self._clock, self._entropy = store, loop, clock, entropy
        self._bus, self._config, self._notify, self._post = bus, config, notify, post
        self.retry = config.retry  # how often jobs are tried, from now on
        self.under_way = UnderWay()
        self._stopped_rows: list[tuple[str, int, dict[str, int], int]] = []  # how far they were, not saved yet
        self._given_up = GivenUp(round(config.given_up_kept_s * NS_PER_S))
        self.uploads: UploadDesk | None = None
        self.watches: WatchListener | None = None
        self._arrived: list[tuple[str, str, str, dict[str, int], int]] = []
        self._arrived_ns: dict[str, int] = {}

    # --- begun

    def begin(self, jobs: Sequence[Job]) -> None:
        """Open their sources, and send them to their relays: the first of many while the rest is opened."""
        for at in range(0, len(jobs), OPENED_AT_ONCE):
            opened: dict[str, list[OutgoingJob]] = {}
            for job in jobs[at : at + OPENED_AT_ONCE]:
                out = self._open(job)
                if out is not None:
                    opened.setdefault(job.destination, []).append(out)
            if opened:
                self._loop.loop.post(partial(self._send, opened))

    def _send(self, opened: Mapping[str, Sequence[OutgoingJob]]) -> None:
        for relay, outs in opened.items():
            self._loop.begin(relay, outs)

    def _open(self, job: Job) -> OutgoingJob | None:
        try:
            out = OutgoingJob.open(job, self._config.chunk_bytes)
        except DrsError as error:
            self.failed(job.file_id, error)
            return None
        size = out.source.fingerprint.size
        if size != job.size:  # it was another one when it was queued
            self._store.resize(job.file_id, size)
            job = out.job = replace(job, size=size, bytes_done=min(size, job.bytes_done))
        self.under_way.add(RunningJob(out, job.destination, job.priority, job.position))
        return out

    def begin_upload(self, job: Job, uploads: UploadDesk) -> None:
        """Send it over HTTP."""
        run = uploads.begin(job)
        self.under_way.add(RunningJob(run, job.destination, job.priority, job.position))

    # --- followed

    def follow(self, job: JobView) -> None:
        """Its row has changed."""
        running = self.under_way.find(job.file_id)
        if running is None:
            return
        if job.status is not JobState.UPLOADING:
            self.stop(job.file_id, discard=job.status is JobState.CANCELLED)
        elif (job.priority, job.position) != (running.priority, running.position):
            running.priority, running.position = job.priority, job.position
            self._reorder(running)

    def _reorder(self, running: RunningJob) -> None:
        """Tell the session a file's place, with the priority that it has reached by waiting."""
        relay, file_id, position = running.destination, running.out.job.file_id, running.position
        priority = running.told_priority = running.counts_as(self._clock.wall_ns() / NS_PER_S)
        self._loop.loop.post(lambda: self._loop.reorder(relay, file_id, priority, position))

    def let_age(self) -> None:
        """Those that have waited long rise."""
        wall_s = self._clock.wall_ns() / NS_PER_S
        for running in self.under_way:
            told = running.priority if running.told_priority is None else running.told_priority
            if isinstance(running.out, OutgoingJob) and running.counts_as(wall_s) != told:
                self._reorder(running)

    def stop(self, file_id: str, *, discard: bool) -> None:
        """Send no more of it. `discard`: nobody wants it; what its destination is to drop is known to the store."""
        running = self.under_way.pop(file_id)
        if running is not None:
            self._stopped_rows += running.rows_to_keep()
        if self.uploads is not None and self.uploads.stop(file_id, discard=discard):
            return
        if running is None:
            return
        self._loop.loop.post(lambda: self._loop.stop_job(running.destination, file_id))

    def keep_stopped(self) -> None:
        """Save how far those were that have been stopped."""
        rows, self._stopped_rows = self._stopped_rows, []
        self._store.stopped_at(rows)

    def drop_given_up(self, now_ns: int | None) -> None:
        """Have relays drop their parts of what nobody takes back any more; None: of all that was given up."""
        left = self._store.leftovers()
        due = left if now_ns is None else self._given_up.due(left, now_ns)
        whole = [each.number for each in due if each.size <= self._config.chunk_bytes]  # no relay keeps a part of these
        if whole:
            self._store.parts_dropped(whole)
        by_relay: dict[str, list[Leftover]] = {}
        for each in due:
            if each.size > self._config.chunk_bytes:
                by_relay.setdefault(each.destination, []).append(each)
        for relay, parts in by_relay.items():
            self._loop.loop.post(partial(self._loop.drop_there, relay, parts, self._config.chunk_bytes))

    def parts_dropped(self, numbers: Sequence[int]) -> None:
        """Their relays have the word to drop these."""
        self._store.parts_dropped(numbers)

    def parts_stay(self, destination: str, count: int, error: DrsError) -> None:
        """That server will not drop its parts of so many uploads."""
        whose = "an upload that was" if count == 1 else f"{count} uploads that were"
        text = f"{destination} keeps its part of {whose} given up: {error.message}"
        self._notify(Severity.CAUTION, "uploads", text, error.one_line())

    # --- ended

    def arrived(self, file_id: str, digest: str, stored_as: str, links: dict[str, int], resent_bytes: int) -> None:
        """It is in its place at the destination; kept with others by `complete`."""
        self.under_way.arrived(file_id)
        self._arrived.append((file_id, digest, stored_as, links, resent_bytes))
        self._arrived_ns[file_id] = self._clock.monotonic_ns()

    def complete(self) -> None:
        """Keep, in one transaction, what has arrived since the last time."""
        if self._arrived:
            news = self._store.complete(self._arrived)
            arrived_ns, self._arrived, self._arrived_ns = self._arrived_ns, [], {}  # not before: a disk may be full
            if self.watches is not None:
                self.watches.on_arrived({file_id: arrived_ns[file_id] for file_id in news})

    def held(self, out: OutgoingJob, code: str | None, text: str) -> None:
        """The relay asks it to wait, for this reason; without a code it goes on."""
        if out.job.file_id in self.under_way and out.held != text:
            out.held = text
            self._store.say_why_of(out.job.file_id, code, text)
            if text and not self.under_way.holds_others(out.job.destination, out.job.file_id):
                self._notify(Severity.CAUTION, "relay", f"{out.job.destination}: {text}", f"{code}: {text}")

    def failed(self, file_id: str, error: DrsError) -> None:
        """It is tried again later, or given up."""
        running = self.under_way.pop(file_id)
        job = self._store.job(file_id)
        if job.status is not JobState.UPLOADING:
            return
        is_frame = isinstance(error, SourceChanged) and job.source_inode is not None
        if is_frame and self._store.give_up_changed(file_id):  # it is queued anew once it is complete as it is now
            if self.watches is not None:
                self.watches.on_changed(file_id)
            return
        moved = running is not None and running.figures.durable_bytes > job.bytes_done
        decision = after_failure(
            job.idle_attempts, error, made_progress=moved, config=self.retry, entropy=self._entropy
        )
        if isinstance(error, SourceChanged) and job.attempts >= self.retry.max_attempts:
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

    def interrupt(self, name: str, reason: str, *, over_http: bool) -> None:
        """What goes there in that way waits, for this reason."""
        for running in self.under_way:
            if running.destination == name and isinstance(running.out, OutgoingJob) is not over_http:
                file_id = running.out.job.file_id
                self._store.wait(file_id, None, reason, is_attempt=False)
                self.stop(file_id, discard=False)

    def come_back(self, relay: str) -> None:
        """UDP is back: what has not come half its way over HTTP goes over UDP, the rest may end as it began."""
        for running in self.under_way:
            run = running.out
            if running.destination != relay or isinstance(run, OutgoingJob) or self.uploads is None:
                continue
            if not self.uploads.owns(relay) and 2 * cast("UploadRun", run).figures().arrived_bytes < run.job.size:
                self._store.wait(run.job.file_id, None, "goes on over UDP", is_attempt=False)
                self.stop(run.job.file_id, discard=False)

    def halt_uploads(self, reason: str) -> None:
        """What goes over HTTP waits, for this reason."""
        for running in self.under_way:
            file_id = running.out.job.file_id
            if self.uploads is not None and self.uploads.stop(file_id, discard=False):
                self.under_way.pop(file_id)
                self._store.wait(file_id, None, reason, is_attempt=False)

    def put_back(self) -> None:
        """Running jobs are pending again, with their progress."""
        self.keep_progress()
        self.complete()
        for running in self.under_way:
            self._store.wait(running.out.job.file_id, None, "", is_attempt=False)
        self.drop_given_up(None)

    # --- figures

    def collect(self) -> None:
        """In the loop's thread: figures of all jobs under way."""
        found: dict[str, Figures] = {}
        for uplink in self._loop.uplinks.values():
            for file_id, out in uplink.jobs.items():
                found[file_id] = figures_of(uplink, out)
        if self.uploads is not None:
            found.update(self.uploads.figures())
        self._post(lambda: self.take_figures(found))

    def take_figures(self, found: dict[str, Figures]) -> None:
        """Newer figures; people see them."""
        changed = self.under_way.take(found, self._clock.monotonic_ns())
        if changed:
            self._bus.publish(JobsChanged(tuple(running.view(to_view(running.out.job)) for running in changed)))

    def keep_progress(self) -> None:
        """Save how far each is."""
        rows = self.under_way.rows_to_keep()
        if rows:
            self._store.progress(rows)
