"""One shared folder of this machine at work: its disk, its index, its watcher, its node, and when to do what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from transfer_core.clock import Clock
from transfer_core.errors import DrsError
from transfer_core.events.sync import SyncFolderView, SyncHappening, SyncState
from transfer_core.storage.database import open_database
from transfer_core.sync.disk_tree import DiskTree
from transfer_core.sync.index import Index
from transfer_core.sync.index_rows import MIGRATIONS
from transfer_core.sync.members import DIRECT, Member
from transfer_core.sync.node import Node
from transfer_core.sync.parcel import Parcel
from transfer_core.sync.scanner import SMALL_FOLDER, FolderGone, MassDelete, ScanResult
from transfer_core.sync.shares import Share, ShareStore
from transfer_core.sync.standing import Standing
from transfer_core.sync.watcher import FolderWatcher
from transfer_core.units import NS_PER_MS, NS_PER_S, utc_iso

RESCAN_NS = 600 * NS_PER_S
RESCAN_BLIND_NS = 15 * NS_PER_S  # where the system reports no changes
RETRY_NS = 5 * NS_PER_S
LOOK_AGAIN_NS = 200 * NS_PER_MS  # at a file that changed while it was read
MANY_GONE_NS = NS_PER_S  # deletes in number are entered once they end
TIDY_NS = 6 * 3600 * NS_PER_S


class Send(Protocol):
    """How a folder's parcels leave."""

    def __call__(self, peer: str, parcel: Parcel, *, urgent: bool, delivered: Callable[[], None] | None) -> None: ...


class _Post:
    """The node's post: see `node.Post`."""

    def __init__(self, send: Send) -> None:
        self.send = send


class SharedFolder:
    """See the module. Used by the keeper's thread, but for `changed`'s caller, who posts it there."""

    def __init__(
        self,
        share: Share,
        store: ShareStore,
        name: str,
        new_replica: str,
        clock: Clock,
        send: Send,
        on_changes: Callable[[set[str] | None], None],
    ) -> None:
        self.share = share
        self._store, self._clock, self._on_changes = store, clock, on_changes
        self._tree = DiskTree(Path(share.path), share.name)
        self._db, _ = open_database(store.index_path(share.name), MIGRATIONS, now_text=utc_iso(clock.wall_ns()))
        self.index = Index(self._db, new_replica)
        is_home = share.intent == "home"
        self.node = Node(
            share.name,
            name,
            self._tree,
            self.index,
            _Post(send),
            clock.wall_ns,
            clock.monotonic_ns,
            "" if is_home else share.intent,
            passes_on=is_home,
        )
        self._watcher: FolderWatcher | None = None
        self._is_blind = True
        self._dirty: set[str] = set()
        self._look_due_ns = 0
        self._scan_due_ns = 0
        self._scanning: Iterator[None] | None = None
        self._scanned, self._meant = ScanResult(), False
        self._work_due_ns = 0
        self._tidy_due_ns = 0
        self._has_news = True
        self._trouble: tuple[SyncState, str] | None = None
        self._refused = ""
        self._online: set[str] = set()
        self.members = store.members(share.name)
        self.standing = Standing(self.index, clock)

    def close(self) -> None:
        """Let go of it; files and index stay."""
        if self._watcher is not None:
            self._watcher.stop()
        self._db.close()

    def follow(self, share: Share) -> None:
        """Its row has changed."""
        if (share.paused, share.deletes_are_meant) != (self.share.paused, self.share.deletes_are_meant):
            self._scan_due_ns, self._has_news, self._trouble, self._scanning = 0, True, None, None
        self.share = share

    # --- what happens

    def changed(self, paths: set[str] | None) -> None:
        """The watcher says so; None: look at everything."""
        if paths is None:
            self._scan_due_ns = 0
        else:
            self._dirty |= paths

    def session(self, peer: str) -> None:
        """There is a new session with a peer: what was under way to it or asked of it is begun again."""
        self.node.remove_peer(peer)
        self.node.add_peer(peer)
        self.online(peer, True)

    def online(self, peer: str, online: bool) -> None:
        """It answers, or does not just now."""
        (self._online.add if online else self._online.discard)(peer)

    @property
    def online_peers(self) -> frozenset[str]:
        """Peers that answer."""
        return frozenset(self._online)

    @property
    def direct_peers(self) -> frozenset[str]:
        """Machines that are reached directly, beside the way through the relay."""
        return frozenset(peer for peer in self._online if peer.startswith(DIRECT))

    def has_member(self, peer: str) -> bool:
        """Whether the relay says that this machine takes part."""
        return any(each.peer == peer for each in self.members)

    def gone(self, peer: str) -> None:
        """It can't be reached any more."""
        self._online.discard(peer)
        self.node.remove_peer(peer)

    def receive(self, peer: str, parcel: Parcel) -> None:
        """Take a parcel in, durably."""
        if peer == self.share.relay:
            if parcel.say.startswith("refused"):
                self._refused = parcel.say.partition(":")[2].strip()
                self._meet(())
                return
            self._refused = ""
            if parcel.members is not None:
                self._meet(parcel.members)
                return
        self.node.receive(peer, parcel)
        self.standing.heard(parcel.entries)
        self._has_news = True

    def _meet(self, members: tuple[Member, ...]) -> None:
        """The relay says who takes part."""
        if members != self.members:
            self._store.keep_members(self.share.name, members)
            self.members = members

    # --- the turn

    def turn(self, now_ns: int) -> None:
        """Do what is due."""
        if self.share.paused:
            return
        try:
            if self._scanning is not None or now_ns >= self._scan_due_ns:
                self._scan(now_ns)
            elif self._dirty and now_ns >= self._look_due_ns:
                self._look(now_ns)
            if self._has_news or (self.node.waiting and now_ns >= self._work_due_ns):
                self._work(now_ns)
            if now_ns >= self._tidy_due_ns:
                self._tidy_due_ns = now_ns + TIDY_NS
                self._tree.tidy(self._clock.wall_ns())
        except FolderGone as error:
            self._stumble(SyncState.MISSING, error, now_ns)
        except MassDelete as error:
            self._stumble(SyncState.QUESTION, error, now_ns)
        except DrsError as error:
            self._stumble(SyncState.FAILED, error, now_ns)

    def _stumble(self, state: SyncState, error: DrsError, now_ns: int) -> None:
        self._scanning = None
        self._trouble = (state, f"{error.message}. {error.hint}")
        self._scan_due_ns = now_ns + RETRY_NS
        self._dirty.clear()

    @property
    def is_busy(self) -> bool:
        """Whether a scan is under way, which goes on in the next turn."""
        return self._scanning is not None and not self.share.paused

    def _scan(self, now_ns: int) -> None:
        """Begin to look at everything, or take the next step of it."""
        if self._scanning is None:
            if self._watcher is None and self._tree.is_there():
                self._watcher = FolderWatcher(self._tree.root, self._on_changes)
                self._is_blind = not self._watcher.start()
            self._dirty.clear()
            self._scan_due_ns = now_ns + RETRY_NS  # who wants another one meanwhile says so again
            self._scanned, self._meant = ScanResult(), self.share.deletes_are_meant
            self._scanning = self.node.scan_in_steps(self._scanned, deletes_are_meant=self._meant)
        if next(self._scanning, self) is not self:
            return
        self._scanning = None
        self._scan_ended(self._scanned, now_ns)

    def _scan_ended(self, result: ScanResult, now_ns: int) -> None:
        if self._meant:
            self._store.deletes_done(self.share.name)
        self._trouble = None
        if self._scan_due_ns:  # else another one has been asked for meanwhile
            self._scan_due_ns = now_ns + (RESCAN_BLIND_NS if self._is_blind else RESCAN_NS)
        self.standing.reports = result.reports
        self._took(result, now_ns)

    def _look(self, now_ns: int) -> None:
        paths, self._dirty = self._dirty, set()
        if not self._tree.is_there():
            raise FolderGone("the folder is not there, or its marker is missing")
        gone = [path for path in paths if self._tree.stat(path) is None and self._is_known(path)]
        if len(gone) > SMALL_FOLDER or any(self.index.holds_something(path) for path in gone):
            self._scan_due_ns = now_ns + MANY_GONE_NS
            paths.difference_update(gone)
        if any(path.rpartition("/")[2] == ".drsignore" for path in paths):
            self._scan_due_ns = 0
        self._took(self.node.look(sorted(paths)), now_ns)

    def _is_known(self, path: str) -> bool:
        entry = self.index.entry(path)
        return entry is not None and entry.is_live

    def _took(self, result: ScanResult, now_ns: int) -> None:
        """Look again at what could not be read, while it still changes."""
        self.standing.unread = result.unread
        if result.unread:
            self._dirty.update(path for path, _ in result.unread)
            self._look_due_ns = now_ns + LOOK_AGAIN_NS
        if result.edited or result.deleted:
            self._has_news = True

    def _work(self, now_ns: int) -> None:
        self._has_news = False
        self._work_due_ns = now_ns + RETRY_NS
        told = self.node.work()
        self.standing.applied(told.applied)
        self.standing.failed_files = len(told.waiting)
        if not self.node.waiting:
            self.standing.nothing_waits()

    # --- for people

    def view(self) -> SyncFolderView:
        """How it stands."""
        return self.standing.view(self.share, self.node.waiting, self._online, self.members, self._hindrance())

    def _hindrance(self) -> tuple[SyncState, str] | None:
        """Why it does not go on as a whole."""
        if self.share.paused:
            return SyncState.PAUSED, "held by hand"
        if self._refused:
            return SyncState.REFUSED, self._refused
        return self._trouble

    def take_happenings(self) -> list[SyncHappening]:
        """New lines of its history."""
        return self.standing.take_happenings(self.share.name)
