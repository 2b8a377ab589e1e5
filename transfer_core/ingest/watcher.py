"""One watched folder: events, scans and verdicts become complete frames.

Theory of operation. A file becomes a candidate by an event or by a scan, and leaves as a `Frame` when `completion` says
so, or when it is gone. Events are quick but get lost, so the folder is scanned again all the time where there are none
(a network share, another system, no inotify watch left). Where there are events that is done seldom, and in between
those folders alone are read again whose time of change says that names came or went; a file that is changed in its
place is told of by an event, or found by the next whole scan, a quarter of an hour later at most. Scans take a small
share of the processor, but for one that would be later than that.

A scan goes on in slices, and rests while there are many candidates, so that neither a huge folder nor a huge backlog
makes events wait or memory grow. A folder that is gone, or another one under its name (unmounted, mounted again), is
noticed within a second and begun anew. Where a disk was mounted and is not any more, that is said: the empty folder
below it looks like a camera that rests.

Driven from outside: call `turn` when `events_fd` is readable, and at `due_ns` at the latest. One thread.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from transfer_core.clock import Clock
from transfer_core.ingest.candidates import Candidates, Frame, Wanted
from transfer_core.ingest.completion import CompletionRules, Sign, Writer
from transfer_core.ingest.folder_events import FolderEvent, FolderEvents, Happened, open_folder_events
from transfer_core.ingest.folder_scan import Refusals, walk
from transfer_core.ingest.open_writers import is_inside, mount_of, writer_of
from transfer_core.ingest.selection import PART_SUFFIX
from transfer_core.storage.staleness import Staleness
from transfer_core.units import NS_PER_MS, NS_PER_S

CANDIDATES_MAX = 5000
SLICE_NS = 20 * NS_PER_MS
ROOT_CHECK_NS = NS_PER_S
EARLY_NS = 100 * NS_PER_MS  # so much sooner it is done along with whatever else is
CHECK_NS, CHECK_SHARE = 5 * NS_PER_S, 200  # with events, of folders that have changed: at most 1/200 of the time
RESCAN_NS, RESCAN_SHARE = 60 * NS_PER_S, 200  # and of everything
RESCAN_MAX_NS = 900 * NS_PER_S  # after so long a lost event is found, whatever that costs
SETTLED_NS = 2 * NS_PER_S  # a folder that changed so shortly before it was read may have changed again in the same tick
UNSETTLED = -1
POLL_NS, POLL_SHARE = 50 * NS_PER_MS, 20
STALE_PART_NS = 3600 * NS_PER_S
_SIGN_OF = {Happened.CLOSED: Sign.CLOSED, Happened.RENAMED: Sign.RENAMED, Happened.MADE: Sign.MADE}


class FolderWatcher:
    """See the module. `trouble` says why the folder can't be read, `doubt` why it may be the wrong one; or empty."""

    def __init__(
        self,
        root: str,
        wanted: Wanted,
        clock: Clock,
        *,
        rules: CompletionRules,
        lookahead: int,
        polls: bool = False,
        cleanup_part_files: bool = False,
    ) -> None:
        self.root = root
        self.trouble = self.doubt = ""
        self.scans_done = 0
        self.parts_removed = 0
        self.overflows = 0
        self.begun = 0  # how often: each time has a descriptor of its own
        self.refusals = Refusals()
        self.root_identity: tuple[int, int] | None = None
        self._mounted_at = ""
        self._wanted, self._clock = wanted, clock
        self._candidates = Candidates(root, wanted, clock, rules, lookahead)
        self._polls = polls
        self._events: FolderEvents | None = None
        self._uses_events = False
        self._new_folders: list[str] = []
        self._cleanup = cleanup_part_files
        self._staleness = Staleness(clock, STALE_PART_NS)
        self._folders: dict[int, str] = {}
        self._keys: dict[str, int] = {}
        self._scan: Iterator[str] | None = None
        self._scan_refusals = Refusals()
        self._scan_cost_ns = 0
        self._scan_due_ns = 0
        self._rescan_due_ns = 0  # of everything
        self._is_check = False  # the scan under way looks into folders that have changed, alone
        self._read_at: dict[str, int] = {}  # by folder: its time of change when it was read
        self._root_due_ns = 0

    # --- what is going on

    @property
    def unfinished(self) -> int:
        """Files that are seen and not yet complete."""
        return len(self._candidates)

    @property
    def is_held_back(self) -> bool:
        """Whether it takes no new candidates."""
        return self._candidates.is_held_back

    def unfinished_names(self) -> list[str]:
        """Which these are."""
        return self._candidates.names()

    @property
    def events_fd(self) -> int | None:
        """Readable when something has happened; None if the folder is polled."""
        return None if self._events is None else self._events.fd

    def due_ns(self) -> int:
        """When to call `turn`, at the latest."""
        due = [self._root_due_ns]
        if not self.trouble:
            due.append(self._candidates.due_ns(self._root_due_ns))
            if not self._may_not_scan():
                due.append(self._scan_due_ns if self._scan is None else 0)
        return min(due)

    def held(self) -> list[tuple[str, int]]:
        """Files that somebody has kept open for long, and for how many nanoseconds."""
        return self._candidates.held()

    # --- what happens

    def hold_back(self, held: bool) -> None:
        """Take no new candidates, but for those that a trigger names; let go, it looks at everything again."""
        if self._candidates.is_held_back and not held:
            self.rescan()
        self._candidates.is_held_back = held

    def rescan(self) -> None:
        """Events were lost, or a person wants to be sure: look at everything again."""
        self._scan = None
        self._scan_due_ns = self._rescan_due_ns = 0

    def tell(self, relative: str) -> None:
        """A trigger says that this frame is complete; it is waited for if it is not there yet."""
        self._candidates.look(relative, Sign.TOLD)

    def tell_changed(self, relative: str) -> None:
        """Somebody found that this file is not as it was when it was taken for complete."""
        if self._wanted.looks_at(relative):
            self._candidates.look(relative, Sign.NONE)

    def turn(self) -> list[Frame]:
        """Do what is due; gives the frames that are complete, in the order of their names."""
        now_ns = self._clock.monotonic_ns()
        if self._events is not None:
            for event in self._events.read():
                self._take_event(event)
        if now_ns >= self._root_due_ns - EARLY_NS:
            self._root_due_ns = now_ns + ROOT_CHECK_NS
            self._check_root()
        if self.trouble:
            return []
        while self._new_folders and not self._may_not_scan():
            self._meet_folder(self._new_folders.pop())
        if not self._may_not_scan() and (self._scan is not None or now_ns >= self._scan_due_ns):
            self._scan_slice(now_ns)
        return self._candidates.judge_due()

    def close(self) -> None:
        """Stop watching."""
        if self._events is not None:
            self._events.close()
            self._events = None
        self._uses_events = False
        self._folders.clear()
        self._keys.clear()
        self._read_at.clear()
        self._new_folders.clear()
        self._candidates.clear()
        self._scan = None

    # --- events

    def _take_event(self, event: FolderEvent) -> None:
        if event.happened is Happened.EVENTS_LOST:
            self.overflows += 1
            self._candidates.events_lost()
            self.rescan()
            return
        folder = self._folders.get(event.key)
        if folder is None:
            return
        relative = f"{folder}/{event.name}".lstrip("/")
        if event.happened is Happened.FOLDER_LOST:
            self._folders.pop(event.key, None)
            self._keys.pop(folder, None)
            if not folder:
                self._root_due_ns = 0
        elif event.happened is Happened.FOLDER_CAME:
            self._new_folders.append(relative)
        elif self._wanted.looks_at(relative):
            self._candidates.note(relative)
            self._candidates.look(relative, _SIGN_OF[event.happened])

    # --- the folder itself

    def _check_root(self) -> None:
        try:
            facts = os.stat(self.root)  # noqa: PTH116 - names need not be valid Unicode
            identity = facts.st_dev, facts.st_ino
            problem = "" if stat.S_ISDIR(facts.st_mode) else "it is no folder"
            if not problem and not os.access(self.root, os.R_OK | os.X_OK):
                problem = "permission denied"
        except OSError as error:
            identity, problem = (-1, -1), error.strerror or str(error)
        if problem:
            self._lose_root(f"{self.root} can't be watched: {problem}")
        elif self.trouble or identity != self.root_identity or (self._uses_events and "" not in self._keys):
            self._begin(identity)

    def _lose_root(self, trouble: str) -> None:
        self.close()
        self.trouble = trouble

    def _begin(self, identity: tuple[int, int]) -> None:
        self.close()
        mount = mount_of(self.root)
        self.trouble, self.root_identity = "", identity
        self._doubt_place(mount.place)
        self.begun += 1
        self._events = None if mount.is_remote or self._polls else open_folder_events()
        self._uses_events = self._events is not None
        self._candidates.knows_writers = not mount.is_remote
        self._scan_due_ns = self._rescan_due_ns = 0

    def _doubt_place(self, mounted_at: str) -> None:
        if self._mounted_at != mounted_at and is_inside(self._mounted_at, mounted_at):
            self.doubt = f"nothing is mounted at {self._mounted_at} any more; the folder below it is watched"
        else:
            self._mounted_at, self.doubt = mounted_at, ""

    def _enter(self, folder: str) -> None:
        """Begin to watch a folder before it is read."""
        if not self._uses_events or self._events is None:
            return
        read_at_ns = self._settled_ns(folder)
        if read_at_ns is not None:
            self._read_at[folder] = read_at_ns
        if folder in self._keys:
            return
        key = self._events.add(self._folder_path(folder), follow=not folder)
        if key is None:  # the system has no watch left: polling sees as much, only later
            self._uses_events = False
            return
        self._keys[folder] = key
        self._folders[key] = folder

    def _folder_path(self, folder: str) -> str:
        return self._candidates.path(folder) if folder else self.root

    # --- scanning

    def _may_not_scan(self) -> bool:
        return self._candidates.is_held_back or len(self._candidates) >= CANDIDATES_MAX

    def _scan_slice(self, now_ns: int) -> None:
        if self._scan is None:
            self._is_check = self._uses_events and now_ns < self._rescan_due_ns
            self._scan_refusals, self._scan_cost_ns = self.refusals if self._is_check else Refusals(), 0
            self._scan = self._changed() if self._is_check else walk(self.root, self._enter, self._scan_refusals)
        begun_ns, seen = self._clock.monotonic_ns(), 0
        try:
            for relative in self._scan:
                self._meet(relative)
                seen += 1
                if seen % 64 == 0 and self._clock.monotonic_ns() - begun_ns > SLICE_NS:
                    break
                if len(self._candidates) >= CANDIDATES_MAX:
                    break
            else:
                self._end_scan(begun_ns)
                return
        except OSError as error:
            self._lose_root(f"{self.root} can't be read: {error.strerror or error}")
            return
        self._scan_cost_ns += self._clock.monotonic_ns() - begun_ns

    def _changed(self) -> Iterator[str]:
        """What is in the folders in which names came or went since they were read, and in new ones inside them."""
        for folder, read_at_ns in list(self._read_at.items()):
            changed_ns = self._settled_ns(folder)
            if changed_ns is None:
                del self._read_at[folder]
                self.refusals.read_again(folder)
            elif changed_ns == UNSETTLED or changed_ns != read_at_ns:
                yield from walk(self.root, self._enter, self._scan_refusals, folder, leave_out=self._read_at)

    def _settled_ns(self, folder: str) -> int | None:
        """A folder's time of change; UNSETTLED if that is too new to tell of the next one; None if it is gone."""
        try:
            facts = os.stat(self._folder_path(folder))  # noqa: PTH116 - names need not be valid Unicode
        except OSError:
            return None
        return facts.st_mtime_ns if self._clock.wall_ns() - facts.st_mtime_ns > SETTLED_NS else UNSETTLED

    def _meet_folder(self, folder: str) -> None:
        """A folder came, perhaps with files in it."""
        for relative in walk(self.root, self._enter, self.refusals, folder):
            self._meet(relative)
            if self._may_not_scan():
                self.rescan()
                break

    def _end_scan(self, begun_ns: int) -> None:
        now_ns = self._clock.monotonic_ns()
        cost_ns = self._scan_cost_ns + now_ns - begun_ns
        self._scan = None
        if not self._uses_events:
            self._scan_due_ns = now_ns + max(POLL_NS, POLL_SHARE * cost_ns)
        elif self._is_check:
            self._scan_due_ns = min(now_ns + max(CHECK_NS, CHECK_SHARE * cost_ns), self._rescan_due_ns)
            return
        else:
            self._scan_due_ns = now_ns + CHECK_NS
            self._rescan_due_ns = now_ns + min(max(RESCAN_NS, RESCAN_SHARE * cost_ns), RESCAN_MAX_NS)
        self.refusals = self._scan_refusals
        self.scans_done += 1

    def _meet(self, relative: str) -> None:
        if relative.endswith(PART_SUFFIX):
            if self._cleanup:
                self._remove_stale_part(relative)
            return
        if not self._wanted.looks_at(relative):
            return
        self._candidates.note(relative)
        facts = self._candidates.facts(relative)
        if facts is not None or relative in self._candidates:
            self._candidates.look(relative, Sign.NONE, facts, closing_is_told=self._uses_events)

    def _remove_stale_part(self, relative: str) -> None:
        path, facts = self._candidates.path(relative), self._candidates.facts(relative)
        if facts is None or not self._staleness.is_stale(facts.mtime_ns):
            return
        if not self._candidates.knows_writers or writer_of(path) is not Writer.FREE:
            return
        try:
            os.unlink(path)  # noqa: PTH108 - names need not be valid Unicode
            self.parts_removed += 1
        except FileNotFoundError:
            pass
        except OSError as error:
            why = f"stale, and can't be deleted: {error.strerror or error}"
            self._scan_refusals.add(relative.rpartition("/")[0], relative, why)
