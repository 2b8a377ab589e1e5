"""The watched folders of a running agent, in a thread of their own.

Theory of operation. The thread sleeps until a folder has events, something is due, or somebody calls. Then each folder
that has something to do takes its turn (all of them do, once a second), and whatever is complete by then is
queued in one transaction (group commit): while SQLite syncs that one, the frames of the next gather. A frame counts as
queued only once that transaction is on the disk; killed before, the next scan finds it again. What the clerk tells of
jobs that ended goes through an inbox.
"""

from __future__ import annotations

import logging
import queue
import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from transfer_core.clock import Clock
from transfer_core.engine.event_bus import EventBus
from transfer_core.engine.watches.arrivals import Arrivals
from transfer_core.engine.watches.folder import WatchedFolder
from transfer_core.engine.watches.old_frames import OldFrames
from transfer_core.engine.watches.selections import selection_of
from transfer_core.entropy import Entropy
from transfer_core.errors import DrsError
from transfer_core.events import Severity
from transfer_core.events.watches import WatchesChanged, WatchView
from transfer_core.jobs.store import FrameRow, JobStore, NewFrame
from transfer_core.units import NS_PER_MS, NS_PER_S

_LOG = logging.getLogger(__name__)
FOLLOW_NS = NS_PER_S  # who changes a watch tells; this is for one who can't
CHECK_NS = 5 * NS_PER_S
VIEW_NS = 250 * NS_PER_MS
STOP_WAIT_S = 10.0


class WatchDesk:
    """See the module. Methods are for the desk's thread unless they say otherwise."""

    def __init__(
        self,
        *,
        store: JobStore,
        clock: Clock,
        entropy: Entropy,
        bus: EventBus,
        notify: Callable[[Severity, str, str, str], None],
        queued: Callable[[], None],
        online: Callable[[], Mapping[str, bool | None]],
    ) -> None:
        self._store, self._clock, self._entropy, self._bus = store, clock, entropy, bus
        self._notify, self._queued, self._online = notify, queued, online
        self._folders: dict[str, WatchedFolder] = {}
        self._arrivals = Arrivals(store, clock, self._folders)
        self._old = OldFrames(store, clock, self._folders)
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._change = -1
        self._follow_due_ns = 0
        self._view_due_ns = 0
        self._check_due_ns = 0
        self._views: tuple[WatchView, ...] = ()
        self._is_told = True  # nothing was done since the views were made
        self._trouble = ""
        self._through_at = -1  # the change of watches at which all was queued
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watches", daemon=True)
        self.failure: BaseException | None = None
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ)

    # --- any thread

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching. What is complete and not yet queued is found by the next start."""
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(STOP_WAIT_S)
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    def poke(self) -> None:
        """Watches were changed: look at once."""
        self._through_at = -1
        self._do(self._follow_soon)

    def on_arrived(self, file_ids: Mapping[str, int]) -> None:
        """See `WatchListener`."""
        self._do(lambda: self._arrivals.add(file_ids))

    def on_failed(self, file_id: str, error: DrsError) -> None:
        """That job is given up."""
        self._do(lambda: self._job_failed(file_id, error))

    def on_changed(self, file_id: str) -> None:
        """That job's source was not as it was queued; frame and job are forgotten."""
        self._do(lambda: self._source_changed(file_id))

    def rescan(self, name: str) -> None:
        """Look at everything in that folder again."""
        self._do(lambda: self._rescan(name))

    def views(self) -> tuple[WatchView, ...]:
        """All watches as they were a moment ago, by name."""
        return self._views

    @property
    def is_through(self) -> bool:
        """Whether everything that is there and complete by now is queued, and what follows an arrival is done."""
        return self._through_at == self._store.watch_change()

    def _do(self, call: Callable[[], None]) -> None:
        self._inbox.put(call)
        self._wake()

    def _wake(self) -> None:
        with suppress(BlockingIOError, OSError):  # full: it is awake already; closed: it has ended
            self._wake_out.send(b"\0")

    # --- the desk's thread

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._turn()
            self._finish()
        except BaseException as error:
            self.failure = error
            _LOG.exception("the watches ended")
            self._notify(Severity.CRITICAL, "watch", f"folders are not watched any more: {error}", repr(error))
            raise
        finally:
            for folder in self._folders.values():
                folder.close()

    def _turn(self) -> None:
        ready = self._wait()
        now_ns = self._clock.monotonic_ns()
        try:
            self._empty_inbox()
            is_everyones = now_ns >= self._follow_due_ns
            if is_everyones:
                self._follow_due_ns = now_ns + FOLLOW_NS
                self._follow()
            if now_ns >= self._check_due_ns:
                self._check_due_ns = now_ns + CHECK_NS
                self._check_waiting()
            folders = [each for each in self._folders.values() if is_everyones or each.has_turn(now_ns, ready)]
            self._queue([frame for folder in folders for frame in self._turn_of(folder)])
            self._arrivals.turn()
            self._old.turn(now_ns)
            self._end_what_is_over()
            self._through_at = self._change if self._judge_through() else -1
        except DrsError as error:  # the database: a full disk, somebody who holds it
            self._tell_trouble(error)
            self._through_at = -1
            self._stopping.wait(0.5)
        self._is_told = now_ns >= self._view_due_ns
        if self._is_told:
            self._view_due_ns = now_ns + VIEW_NS
            self._publish(now_ns)

    def _empty_inbox(self) -> None:
        with suppress(queue.Empty):
            for _ in range(1000):
                self._inbox.get_nowait()()

    def _judge_through(self) -> bool:
        return (
            self._inbox.empty()
            and self._arrivals.is_idle
            and all(folder.is_through for folder in self._folders.values())
        )

    def _finish(self) -> None:
        """Do what follows the arrivals that were told of so far; what fails is done at the next start."""
        with suppress(DrsError):
            while not self._inbox.empty():
                self._empty_inbox()
            while not self._arrivals.is_idle:
                self._arrivals.turn()

    def _wait(self) -> set[int]:
        """Sleep until something is due; the descriptors of events that are readable then."""
        now_ns = self._clock.monotonic_ns()
        due = [folder.watcher.due_ns() for folder in self._folders.values() if folder.watcher is not None]
        due.append(self._follow_due_ns if self._is_told else min(self._follow_due_ns, self._view_due_ns))
        until_ns = min(due) if self._inbox.empty() and self._arrivals.is_idle else now_ns
        ready = {key.fd for key, _ in self._selector.select(max(0, until_ns - now_ns) / NS_PER_S)}
        if self._wake_in.fileno() in ready:
            with suppress(BlockingIOError):
                self._wake_in.recv(4096)
        return ready

    def _turn_of(self, folder: WatchedFolder) -> list[NewFrame]:
        overflows = folder.watcher.overflows if folder.watcher is not None else 0
        try:
            frames = folder.turn()
        except OSError as error:
            folder.figures.went_wrong(f"{folder.spec.directory}: {error.strerror or error}")
            _LOG.info("%s: %s", folder.spec.name, error)
            frames = []
        watcher = folder.watcher
        if watcher is not None:
            if watcher.overflows > overflows:
                text = f"{folder.spec.name}: the system lost events; everything is looked at again"
                self._notify(Severity.INFO, "watch", text, "")
            if folder.trouble != folder.told:
                folder.told = folder.trouble
                severity = Severity.CAUTION if folder.trouble else Severity.INFO
                self._notify(severity, "watch", f"{folder.spec.name}: {folder.trouble or 'its folder is back'}", "")
            self._listen_to(folder)
        return frames

    def _listen_to(self, folder: WatchedFolder) -> None:
        """Have the selector wait for the folder's events; a folder that was begun anew has another descriptor."""
        assert folder.watcher is not None
        fd, begun = folder.watcher.events_fd, folder.watcher.begun
        if folder.listens_to != (fd, begun):
            self._stop_listening(folder)
            if fd is not None:
                self._selector.register(fd, selectors.EVENT_READ)
            folder.listens_to = fd, begun

    def _stop_listening(self, folder: WatchedFolder) -> None:
        fd = folder.listens_to[0]
        if fd is not None:
            with suppress(KeyError, ValueError, OSError):  # it may be closed already
                self._selector.unregister(fd)
        folder.listens_to = None, 0

    def _queue(self, frames: list[NewFrame]) -> None:
        if not frames:
            return
        mine = {folder: [frame for frame in frames if frame.watch == name] for name, folder in self._folders.items()}
        try:
            replaced = self._store.queue_frames(frames)
        except DrsError as error:
            for folder, refused in mine.items():
                if refused:
                    folder.refused(refused, error)
            raise
        for folder, queued in mine.items():
            folder.queued(queued)
        self._trouble = ""
        for file_id in replaced:
            self._forget(file_id)
        self._queued()

    # --- what people change

    def _follow_soon(self) -> None:
        self._follow_due_ns = 0

    def _follow(self) -> None:
        change = self._store.watch_change()
        if change == self._change:
            return
        rows = {row.spec.name: row for row in self._store.watches()}
        for name, folder in list(self._folders.items()):
            row = rows.get(name)
            if row is None or (row.spec, row.paused, row.ended) != (folder.spec, folder.row.paused, folder.row.ended):
                self._stop_listening(folder)
                folder.close()
                del self._folders[name]
        for name, row in rows.items():
            if name not in self._folders:
                folder = WatchedFolder(row, self._clock, self._entropy)
                folder.remember(self._store.frames_of(name), self._store.open_frames(name))
                self._folders[name] = folder
        self._follow_runs()
        self._change = change

    def _follow_runs(self) -> None:
        runs = self._store.runs()
        for folder in self._folders.values():
            mine = [run for run in runs if run.watch == folder.spec.name]
            folder.end_runs_but({run.run_id for run in mine})
            for run in mine:
                selection = selection_of(run)
                folder.begin_run(selection, run.taken, frame=selection.start)

    def _rescan(self, name: str) -> None:
        folder = self._folders.get(name)
        if folder is not None and folder.watcher is not None:
            folder.watcher.rescan()

    def _end_what_is_over(self) -> None:
        over = [each for each in self._folders.values() if each.is_over and not each.row.ended]
        full = [(run_id, name) for name, folder in self._folders.items() for run_id in folder.full_runs()]
        if not over and not full:
            return
        self._store.end_watches([folder.spec.name for folder in over], full)
        for folder in over:
            folder.end()
            self._stop_listening(folder)
        if full:
            self._follow_runs()

    # --- what became of jobs

    def _job_failed(self, file_id: str, error: DrsError) -> None:
        for folder in self._folders.values():
            if folder.stop_waiting(file_id):
                folder.figures.failed(error.one_line())

    def _check_waiting(self) -> None:
        """People cancel, remove and retry jobs; a destination may take none for a while."""
        for name, folder in self._folders.items():
            if folder.waiting or folder.stopped:
                folder.check(self._store.open_frames(name), self._store.why_waiting(name))

    def _source_changed(self, file_id: str) -> None:
        found = self._forget(file_id)
        if found is not None and found[0].watcher is not None:
            found[0].watcher.tell_changed(found[1].relative)

    def _forget(self, file_id: str) -> tuple[WatchedFolder, FrameRow] | None:
        """A state of a file that is not sent any more: should it be found again, it is queued again."""
        for folder in self._folders.values():
            waiting = folder.waiting.get(file_id) or folder.stopped.get(file_id)
            if waiting is not None:
                folder.replaced(waiting.row)
                return folder, waiting.row
        return None

    # --- what is told

    def _tell_trouble(self, error: DrsError) -> None:
        if self._trouble != error.message:
            self._trouble = error.message
            self._notify(Severity.SERIOUS, "watch", f"frames can't be queued: {error.message}", error.one_line())

    def _publish(self, now_ns: int) -> None:
        online = self._online()
        views = tuple(
            folder.view(now_ns, online.get(folder.spec.destination)) for _, folder in sorted(self._folders.items())
        )
        if views != self._views:
            self._views = views
            self._bus.publish(WatchesChanged(views))
