"""How a shared folder stands, for people: its counts and figures, its peers, what it could not do, its history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress

from transfer_core.clock import Clock
from transfer_core.errors import DrsError
from transfer_core.events.sync import SyncFigures, SyncFolderView, SyncHappening, SyncPeerView, SyncState
from transfer_core.sync.entry import Entry
from transfer_core.sync.index import Index, Todo
from transfer_core.sync.members import DIRECT, Member
from transfer_core.sync.shares import Share
from transfer_core.units import NS_PER_MS, utc_iso

REPORTS_SHOWN = 200
LATENCIES_KEPT = 1000


class Standing:
    """See the module. Used by the keeper's thread."""

    def __init__(self, index: Index, clock: Clock) -> None:
        self._index, self._clock = index, clock
        self.sent_bytes = 0
        self.failed_files = 0
        self.reports: list[tuple[str, str]] = []  # of the last scan: (path, what is wrong with it)
        self.unread: list[tuple[str, str]] = []  # of the last look, the same
        self._heard_ns: dict[str, int] = {}  # when a peer first said that a path has changed
        self._latencies_ns: list[int] = []
        self._counted = (-1, 0, 0, 0)  # files, bytes and conflicts at that sequence number
        self._history_at = index.history_end()

    def heard(self, entries: Iterable[Entry]) -> None:
        """A peer says that these have changed."""
        now_ns = self._clock.monotonic_ns()
        for entry in entries:
            self._heard_ns.setdefault(entry.path, now_ns)

    def applied(self, entries: Iterable[Entry]) -> None:
        """These are here as well by now."""
        now_ns = self._clock.monotonic_ns()
        for entry in entries:
            heard_ns = self._heard_ns.pop(entry.path, None)
            if heard_ns is not None:
                self._latencies_ns.append(now_ns - heard_ns)
        del self._latencies_ns[:-LATENCIES_KEPT]

    def nothing_waits(self) -> None:
        """All that peers have said is done."""
        self._heard_ns.clear()

    def view(
        self,
        share: Share,
        waiting: Sequence[Todo],
        online: AbstractSet[str],
        members: Sequence[Member],
        trouble: tuple[SyncState, str] | None,
    ) -> SyncFolderView:
        """As people see it: what waits here, who answers, and what is wrong with it as a whole."""
        to_come = len({each.entry.path for each in waiting})
        if self._counted[0] != self._index.seq:
            self._counted = (self._index.seq, *self._index.totals(), len(self._index.conflict_copies()))
        _, files, size_bytes, conflicts = self._counted
        state, text = trouble or self._state(to_come, online)
        kept = [(each.entry.path, each.why) for each in waiting if each.why]
        return SyncFolderView(
            name=share.name,
            path=share.path,
            relay=share.relay,
            state=state,
            text=text,
            files=files,
            size_bytes=size_bytes,
            waiting=to_come,
            conflicts=conflicts,
            peers=self._peers(share.relay, online, members),
            reports=tuple((self.reports + self.unread + kept)[:REPORTS_SHOWN]),
            figures=self._figures(),
            updated_at=utc_iso(self._clock.wall_ns()),
        )

    def _state(self, to_come: int, online: AbstractSet[str]) -> tuple[SyncState, str]:
        if not online:
            return SyncState.OFFLINE, "nobody answers; edits are kept and told later"
        untold = max((self._untold(each.told) for each in self._index.peers() if each.peer in online), default=0)
        if to_come or untold:
            return SyncState.SYNCING, f"{to_come} changes to come, {untold} to tell"
        return SyncState.SYNCED, ""

    def _peers(self, relay: str, online: AbstractSet[str], members: Sequence[Member]) -> tuple[SyncPeerView, ...]:
        """The relay, or at a relay the agents; then the other machines, and the way to each."""
        known = {each.peer: each for each in self._index.peers()}
        views = [
            SyncPeerView(each.name or each.peer, each.peer in online, each.replica, self._untold(each.told))
            for each in known.values()
            if not each.peer.startswith(DIRECT)
        ]
        through = known.get(relay)
        for member in members:
            peer = known.get(member.peer)
            if member.peer in online and peer is not None:
                views.append(SyncPeerView(member.name, True, peer.replica, self._untold(peer.told), "direct"))
            else:  # what it has been told is the relay's to know
                is_online = member.online and relay in online
                told = 0 if through is None else through.told
                replica = "" if peer is None else peer.replica
                way = f"through {relay}"
                views.append(SyncPeerView(member.name, is_online, replica, self._untold(told), way))
        return tuple(views)

    def _untold(self, told: int) -> int:
        return max(0, self._index.seq - told)

    def _figures(self) -> SyncFigures:
        known = self._index.figures()
        latencies = sorted(self._latencies_ns)
        return SyncFigures(
            received_files=known.get("received_files", 0),
            failed_files=self.failed_files,
            full_bytes=known.get("received_file_bytes", 0),
            wire_bytes=known.get("received_wire_bytes", 0),
            packed_bytes=known.get("received_packed_bytes", 0),
            sent_bytes=self.sent_bytes,
            latency_ms=latencies[len(latencies) // 2] / NS_PER_MS if latencies else None,
        )

    def take_happenings(self, folder: str) -> list[SyncHappening]:
        """New lines of its history."""
        with suppress(DrsError):
            self._history_at, rows = self._index.history_after(self._history_at)
            return [SyncHappening(utc_iso(row[0]), folder, *row[1:]) for row in rows]
        return []
