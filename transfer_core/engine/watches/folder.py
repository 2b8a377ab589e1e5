"""One watched folder: what it wants, what it has queued already, what it has to tell.

What was queued is kept as one number for each state of each file (a 128-bit hash of name, size, time and inode), so
that hundreds of thousands of old files cost little memory and a scan asks no database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import xxhash

from transfer_core.clock import Clock
from transfer_core.engine.watches.chosen import Chosen, EarlyFrames
from transfer_core.engine.watches.figures import WatchFigures
from transfer_core.entropy import Entropy
from transfer_core.errors import DrsError
from transfer_core.events.watches import WatchState, WatchView
from transfer_core.ingest.candidates import Frame
from transfer_core.ingest.completion import CompletionRules, Facts
from transfer_core.ingest.selection import NamePattern, Selection, dest_path_of, own_selection
from transfer_core.ingest.watcher import FolderWatcher
from transfer_core.jobs.model import FileIds
from transfer_core.jobs.store import FrameRow, NewFrame, NewJob, WatchRow
from transfer_core.units import NS_PER_MS, NS_PER_S

BACKLOG_MAX = 20_000  # more is left in the folder for the next scan


@dataclass(frozen=True, slots=True)
class Waiting:
    """A frame that is queued. `complete_ns` is None for one of a former run of the agent."""

    row: FrameRow
    complete_ns: int | None


class WatchedFolder:
    """See the module. Used by the desk's thread."""

    def __init__(self, row: WatchRow, clock: Clock, entropy: Entropy) -> None:
        self.row = row
        self.spec = row.spec
        self.figures = WatchFigures(clock)
        self.waiting: dict[str, Waiting] = {}  # by file id
        self.stopped: dict[str, Waiting] = {}  # failed, or cancelled by a person
        self.is_over = False
        self.met_known_scan = -1  # the scan that last met a file that was queued before
        self._why_waiting = ""
        self.told = ""  # the trouble that was told of last
        self.listens_to: tuple[int | None, int] = (None, 0)  # the descriptor of events that is waited for, and whose
        self._clock, self._file_ids = clock, FileIds(entropy)
        self._pattern = NamePattern(row.spec.pattern)
        self._chosen: dict[str, Chosen] = {}
        self._names: Counter[str] = Counter()  # frames not yet arrived, by name
        self._queued: set[int] = set()
        self._early = EarlyFrames()
        if not row.spec.on_trigger:
            self._chosen[""] = Chosen(own_selection(row.spec), row.taken)
        self.watcher = self._make_watcher() if not row.paused and not row.ended else None

    def _make_watcher(self) -> FolderWatcher:
        spec = self.spec
        return FolderWatcher(
            spec.directory,
            self,
            self._clock,
            rules=CompletionRules(round(spec.stable_ms * NS_PER_MS), round(spec.file_wait_ms * NS_PER_MS)),
            lookahead=spec.lookahead,
            cleanup_part_files=spec.cleanup_part_files,
        )

    def remember(self, frames: Iterable[FrameRow], under_way: Mapping[str, bool]) -> None:
        """What was queued before. `under_way` has the file ids that have not arrived: whether they still may."""
        for row in frames:
            self._queued.add(_version(row.run_id, row.relative, row.size, row.mtime_ns, row.inode))
            if row.file_id in under_way:
                (self.waiting if under_way[row.file_id] else self.stopped)[row.file_id] = Waiting(row, None)
                self._names[row.relative] += 1
                self.figures.frames_in += 1

    # --- what it wants

    def begin_run(self, selection: Selection, taken: int, *, frame: str = "") -> None:
        """A trigger asks for these too; `frame` is known to be complete."""
        if selection.run_id in self._chosen:
            return
        scans_done = self.watcher.scans_done if self.watcher is not None else 0
        self._chosen[selection.run_id] = Chosen(selection, taken, scans_done)
        if self.watcher is not None:
            self.watcher.rescan()
            if frame:
                self.watcher.tell(frame)

    def end_runs_but(self, run_ids: set[str]) -> None:
        """Only these runs go on."""
        for run_id in [each for each in self._chosen if each and each not in run_ids]:
            del self._chosen[run_id]

    @property
    def runs(self) -> list[Chosen]:
        """Runs of triggers under way."""
        return [chosen for run_id, chosen in self._chosen.items() if run_id]

    def looks_at(self, relative: str) -> bool:
        """See `watcher.Wanted`."""
        if not self._pattern.wants(relative):
            return False
        for chosen in self._chosen.values():  # noqa: SIM110 - a generator each is a fifth of what a scan costs
            if chosen.begins(relative):
                return True
        return False

    def wants(self, relative: str, facts: Facts) -> bool:
        """See `watcher.Wanted`."""
        return bool(self._takers(relative, facts))

    def _takers(self, relative: str, facts: Facts) -> list[tuple[Chosen, int]]:
        """Who takes that state of that file, and as which number it is to be kept."""
        takers = []
        for run_id, chosen in self._chosen.items():
            version = _version(run_id, relative, facts.size, facts.mtime_ns, facts.identity)
            if version in self._queued:
                self.met_known_scan = self.watcher.scans_done if self.watcher is not None else -1
            elif not chosen.is_full and chosen.begins(relative):
                takers.append((chosen, version))
        return takers

    # --- frames

    def has_turn(self, now_ns: int, readable: Container[int]) -> bool:
        """Whether there is something to do by now; `readable` are the descriptors at which events wait.

        What people change does not show here: call `turn` every now and then, too.
        """
        watcher = self.watcher
        if watcher is None:
            return False
        is_held = watcher.is_held_back or bool(self._early)
        return is_held or watcher.events_fd in readable or watcher.due_ns() <= now_ns

    def turn(self) -> list[NewFrame]:
        """Do what is due; gives the frames to queue. Their queueing is to be told by `queued` or `refused`."""
        if self.watcher is None:
            return []
        most = BACKLOG_MAX // 2 if self.watcher.is_held_back else BACKLOG_MAX
        self.watcher.hold_back(len(self.waiting) >= most or not self._chosen)
        new: list[NewFrame] = []
        for frame in self._in_order(self.watcher, self.watcher.turn()):
            for chosen, version in self._takers(frame.relative, frame.facts):
                new.append(self._new_frame(chosen, frame, version))
        self._judge_end()
        return new

    def _in_order(self, watcher: FolderWatcher, frames: list[Frame]) -> list[Frame]:
        limited = [chosen for chosen in self._chosen.values() if chosen.selection.max_files and not chosen.is_full]
        if not self._early and not limited:
            return frames
        names, now_ns = watcher.unfinished_names(), self._clock.monotonic_ns()
        return self._early.ready(frames, limited, names, watcher.scans_done, now_ns)

    def _new_frame(self, chosen: Chosen, frame: Frame, version: int) -> NewFrame:
        spec, facts, run_id = self.spec, frame.facts, chosen.selection.run_id
        target = dest_path_of(chosen.selection.folder, frame.relative, preserve_structure=spec.preserve_structure)
        job = NewJob(
            self._file_ids.next(),
            frame.path,
            facts.size,
            spec.priority,
            spec.destination,
            target,
            "watch",
            facts.mtime_ns,
            facts.identity,
        )
        row = FrameRow(spec.name, run_id, frame.relative, facts.size, facts.mtime_ns, facts.identity, job.file_id)
        chosen.taken += 1
        self._queued.add(version)
        self._names[frame.relative] += 1
        self.waiting[job.file_id] = Waiting(row, frame.complete_ns)
        return NewFrame(spec.name, run_id, frame.relative, job)

    def queued(self, frames: Sequence[NewFrame]) -> None:
        """The database has them."""
        for frame in frames:
            self.figures.came(frame.job.path, self._clock.monotonic_ns())

    def refused(self, frames: Sequence[NewFrame], error: DrsError) -> None:
        """The database did not take them: the next scan finds them again."""
        text = f"frames can't be queued: {error.message}"
        if self.figures.error != text:
            self.figures.went_wrong(text)
        for frame in frames:
            waiting = self.waiting.get(frame.job.file_id)
            if waiting is not None:
                self._take_back(waiting.row)
        if self.watcher is not None:
            self.watcher.rescan()

    def forget(self, row: FrameRow) -> None:
        """That state of that file is not known any more: found again, it is queued again."""
        self._queued.discard(_version(row.run_id, row.relative, row.size, row.mtime_ns, row.inode))
        self.done(row)

    def replaced(self, row: FrameRow) -> None:
        """That state of that file is not sent: a newer one is in its place, and counts instead."""
        self.figures.frames_in -= 1
        self._take_back(row)

    def _take_back(self, row: FrameRow) -> None:
        self.forget(row)
        chosen = self._chosen.get(row.run_id)
        if chosen is not None:
            chosen.taken -= 1

    def done(self, row: FrameRow) -> bool:
        """It is not on its way any more; whether none of that name is."""
        if self.waiting.pop(row.file_id, None) is not None or self.stopped.pop(row.file_id, None) is not None:
            self._names[row.relative] -= 1
            if not self._names[row.relative]:
                del self._names[row.relative]
        return row.relative not in self._names

    def stop_waiting(self, file_id: str) -> bool:
        """It failed or was cancelled: its source is not to be deleted; whether it is of this folder."""
        waiting = self.waiting.pop(file_id, None)
        if waiting is not None:
            self.stopped[file_id] = waiting
        return waiting is not None

    def check(self, under_way: Mapping[str, bool], why_waiting: str) -> None:
        """Of the frames that have not arrived, which go on by themselves, and why one of these has to wait."""
        self._why_waiting = why_waiting
        for file_id, goes_on in under_way.items():
            here, there = (self.stopped, self.waiting) if goes_on else (self.waiting, self.stopped)
            if file_id in here:
                there[file_id] = here.pop(file_id)

    def _judge_end(self) -> None:
        watcher = self.watcher
        own = self._chosen.get("")
        if watcher is None or watcher.trouble or own is None:
            return
        if own.is_full or (self.spec.once and not watcher.is_held_back and self._has_taken_all(watcher)):
            self.is_over = True

    def _has_taken_all(self, watcher: FolderWatcher) -> bool:
        """But for what somebody keeps open."""
        return watcher.scans_done > 0 and not self._early and watcher.unfinished <= len(watcher.held())

    def full_runs(self) -> list[str]:
        """Runs that have taken as many frames as they were to take."""
        return [chosen.selection.run_id for chosen in self.runs if chosen.is_full]

    @property
    def is_through(self) -> bool:
        """Whether everything that is there and complete by now is queued."""
        watcher = self.watcher
        if watcher is None or watcher.trouble or self.is_over:
            return True
        if watcher.is_held_back:
            return not self._chosen
        return self._has_taken_all(watcher)

    # --- what it has to tell

    def view(self, now_ns: int, online: bool | None) -> WatchView:
        """As people see it."""
        figures, watcher = self.figures, self.watcher
        fps_in, fps_out = figures.rates(now_ns)
        held = watcher.held() if watcher is not None else []
        return WatchView(
            spec=self.spec,
            state=self.state,
            why=self._why(),
            online=online,
            frames_in=figures.frames_in,
            frames_out=figures.frames_out,
            frames_failed=figures.frames_failed,
            backlog=len(self.waiting),
            backlog_bytes=sum(each.row.size for each in self.waiting.values()),
            unfinished=watcher.unfinished if watcher is not None else 0,
            fps_in=fps_in,
            fps_out=fps_out,
            newest_frame=figures.newest_frame,
            newest_there_ns=figures.newest_there_ns,
            latency_p50_ms=figures.latency_ms(0.5),
            latency_p99_ms=figures.latency_ms(0.99),
            blocked=f"frames wait for {self.spec.destination}: {self._why_waiting}" if self._why_waiting else "",
            held=f"{held[0][0]} has been open for {held[0][1] // NS_PER_S} s" if held else "",
            errors=figures.errors,
            error=figures.error,
            error_ns=figures.error_ns,
            run=", ".join(chosen.text for chosen in self.runs),
        )

    @property
    def state(self) -> WatchState:
        """How it is doing."""
        if self.row.paused:
            return WatchState.PAUSED
        if self.row.ended or self.is_over or self.watcher is None:
            return WatchState.ENDED
        if self.watcher.trouble:
            return WatchState.WAITING
        return WatchState.WATCHING if self._chosen else WatchState.ARMED

    def _why(self) -> str:
        watcher = self.watcher
        if watcher is None:
            return ""
        left_out = f"{watcher.refusals.count} left out: {watcher.refusals.first}" if watcher.refusals.count else ""
        return self.trouble or left_out

    @property
    def trouble(self) -> str:
        """What is wrong with its folder as a whole."""
        return "" if self.watcher is None else self.watcher.trouble or self.watcher.doubt

    def end(self) -> None:
        """It has sent what it was to send."""
        self.row = replace(self.row, ended=True)
        self.close()
        self.watcher = None

    def close(self) -> None:
        """Stop watching."""
        if self.watcher is not None:
            self.watcher.close()


def _version(run_id: str, relative: str, size: int, mtime_ns: int, inode: int) -> int:
    text = f"{run_id}\0{relative}\0{size}\0{mtime_ns}\0{inode}"
    return xxhash.xxh3_128_intdigest(text.encode("utf-8", "surrogateescape"))
