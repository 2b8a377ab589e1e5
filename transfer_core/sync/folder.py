"""One shared folder of this machine at work: its disk, its index, its watcher, its node, and when to do what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from transfer_core.clock import Clock
from transfer_core.errors import DrsError
from transfer_core.events.sync import SyncFigures, SyncFolderView, SyncHappening, SyncPeerView, SyncState
from transfer_core.storage.database import open_database
from transfer_core.sync.disk_tree import DiskTree
from transfer_core.sync.index import Index
from transfer_core.sync.index_rows import MIGRATIONS
from transfer_core.sync.members import DIRECT, Member
from transfer_core.sync.node import Node
from transfer_core.sync.parcel import Parcel
from transfer_core.sync.scanner import SMALL_FOLDER, FolderGone, MassDelete, ScanResult
from transfer_core.sync.shares import Share, ShareStore
from transfer_core.sync.watcher import FolderWatcher
from transfer_core.units import NS_PER_MS, NS_PER_S, utc_iso

RESCAN_NS = 600 * NS_PER_S
RESCAN_BLIND_NS = 15 * NS_PER_S  # where the system reports no changes
RETRY_NS = 5 * NS_PER_S
LOOK_AGAIN_NS = 200 * NS_PER_MS  # at a file that changed while it was read
MANY_GONE_NS = NS_PER_S  # deletes in number are entered once they end
REPORTS_SHOWN = 200
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
        self.share, self.sent_bytes = share, 0
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
        self._unread: list[tuple[str, str]] = []
        self._reports: list[tuple[str, str]] = []
        self._failed_files = 0
        self._heard_ns: dict[str, int] = {}
        self._latencies_ns: list[int] = []
        self._counted = (-1, 0, 0, 0)  # files, bytes and conflicts at that sequence number
        self._history_at = self.index.history_end()

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
        now_ns = self._clock.monotonic_ns()
        for entry in parcel.entries:
            self._heard_ns.setdefault(entry.path, now_ns)
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
        self._reports = result.reports
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
        self._unread = result.unread
        if result.unread:
            self._dirty.update(path for path, _ in result.unread)
            self._look_due_ns = now_ns + LOOK_AGAIN_NS
        if result.edited or result.deleted:
            self._has_news = True

    def _work(self, now_ns: int) -> None:
        self._has_news = False
        self._work_due_ns = now_ns + RETRY_NS
        told = self.node.work()
        after_ns = self._clock.monotonic_ns()
        for entry in told.applied:
            heard_ns = self._heard_ns.pop(entry.path, None)
            if heard_ns is not None:
                self._latencies_ns.append(after_ns - heard_ns)
        del self._latencies_ns[:-1000]
        self._failed_files = len(told.waiting)
        if not self.node.waiting:
            self._heard_ns.clear()

    # --- for people

    def view(self) -> SyncFolderView:
        """How it stands."""
        waiting = self.node.waiting
        to_come = len({each.entry.path for each in waiting})
        if self._counted[0] != self.index.seq:
            self._counted = (self.index.seq, *self.index.totals(), len(self.index.conflict_copies()))
        _, files, size_bytes, conflicts = self._counted
        state, text = self._state(to_come)
        kept = [(each.entry.path, each.why) for each in waiting if each.why]
        return SyncFolderView(
            name=self.share.name,
            path=self.share.path,
            relay=self.share.relay,
            state=state,
            text=text,
            files=files,
            size_bytes=size_bytes,
            waiting=to_come,
            conflicts=conflicts,
            peers=self._peers(),
            reports=tuple((self._reports + self._unread + kept)[:REPORTS_SHOWN]),
            figures=self._figures(),
            updated_at=utc_iso(self._clock.wall_ns()),
        )

    def _peers(self) -> tuple[SyncPeerView, ...]:
        """The relay, or at a relay the agents; then the other machines, and the way to each."""
        known = {each.peer: each for each in self.index.peers()}
        views = [
            SyncPeerView(each.name or each.peer, each.peer in self._online, each.replica, self._untold(each.told))
            for each in known.values()
            if not each.peer.startswith(DIRECT)
        ]
        relay = known.get(self.share.relay)
        for member in self.members:
            peer = known.get(member.peer)
            if member.peer in self._online and peer is not None:
                views.append(SyncPeerView(member.name, True, peer.replica, self._untold(peer.told), "direct"))
            else:  # what it has been told is the relay's to know
                online = member.online and self.share.relay in self._online
                told = 0 if relay is None else relay.told
                replica = "" if peer is None else peer.replica
                way = f"through {self.share.relay}"
                views.append(SyncPeerView(member.name, online, replica, self._untold(told), way))
        return tuple(views)

    def _untold(self, told: int) -> int:
        return max(0, self.index.seq - told)

    def _state(self, waiting: int) -> tuple[SyncState, str]:
        if self.share.paused:
            return SyncState.PAUSED, "held by hand"
        if self._refused:
            return SyncState.REFUSED, self._refused
        if self._trouble is not None:
            return self._trouble
        if not self._online:
            return SyncState.OFFLINE, "nobody answers; edits are kept and told later"
        untold = max((self._untold(each.told) for each in self.index.peers() if each.peer in self._online), default=0)
        if waiting or untold:
            return SyncState.SYNCING, f"{waiting} changes to come, {untold} to tell"
        return SyncState.SYNCED, ""

    def _figures(self) -> SyncFigures:
        known = self.index.figures()
        latencies = sorted(self._latencies_ns)
        return SyncFigures(
            received_files=known.get("received_files", 0),
            failed_files=self._failed_files,
            full_bytes=known.get("received_file_bytes", 0),
            wire_bytes=known.get("received_wire_bytes", 0),
            packed_bytes=known.get("received_packed_bytes", 0),
            sent_bytes=self.sent_bytes,
            latency_ms=latencies[len(latencies) // 2] / NS_PER_MS if latencies else None,
        )

    def take_happenings(self) -> list[SyncHappening]:
        """New lines of its history."""
        with suppress(DrsError):
            self._history_at, rows = self.index.history_after(self._history_at)
            return [SyncHappening(utc_iso(row[0]), self.share.name, *row[1:]) for row in rows]
        return []
