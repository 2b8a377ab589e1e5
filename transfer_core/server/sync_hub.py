"""Folder sync at the relay: it keeps a copy of every folder that agents share through it, and is a peer of each.

So an edit crosses an agent's links once, however many others there are, and reaches those that were away when they come
back. An agent is known by its key. Who shares a new name makes the folder; others ask to be let in by its name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from transfer_core.clock import Clock
from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.errors import ConflictError, DrsError, NotFoundError
from transfer_core.events.sync import SyncFolderView, SyncHappening
from transfer_core.server.companion import RelayGround
from transfer_core.server.relay import Relay
from transfer_core.storage.relay_store import KnownAgent
from transfer_core.sync.disk_tree import DiskTree
from transfer_core.sync.keeper import Keeper
from transfer_core.sync.members import Member
from transfer_core.sync.parcel import Parcel, decode_parcel, encode_parcel
from transfer_core.sync.shares import Share, ShareStore, check_name
from transfer_core.units import NS_PER_S, utc_iso

_LOG = logging.getLogger(__name__)
HOME = "home"
MEMBERS_NS = 2 * NS_PER_S  # how often it is looked whom to believe
FOLDERS = "sync"  # below the relay's directory
STATE_FOLDER = "sync-hub"  # below its state; an agent on the same state has its own


class SyncHub:
    """See the module. It is a `Companion` of the relay, its `RelayMail`, and the keeper's `Carrier`."""

    def __init__(
        self,
        name: str,
        on_views: Callable[[tuple[SyncFolderView, ...]], None] = lambda _: None,
        on_happenings: Callable[[tuple[SyncHappening, ...]], None] = lambda _: None,
    ) -> None:
        self._name, self._on_views, self._on_happenings = name, on_views, on_happenings
        self._relay: Relay | None = None
        self._store: ShareStore | None = None
        self._sessions: dict[str, str] = {}  # agents that are online, with their names
        self._started: Keeper | None = None
        self._directory = Path()
        self._agents: Callable[[], list[KnownAgent]] = list
        self._told: dict[tuple[str, str], tuple[Member, ...]] = {}  # by folder and peer: who else takes part
        self._clock: Clock = SystemClock()
        self._members_due_ns = 0

    def serve(self, relay: Relay) -> None:
        """Be this relay's; before it starts."""
        self._relay = relay
        relay.mail = self

    def start(self, ground: RelayGround) -> dict[str, object]:
        """Open the folders."""
        clock, entropy = ground.clock, SystemEntropy()
        self._clock, self._agents = clock, ground.store.agents
        self._directory = ground.directory.resolve()
        self._store = ShareStore(ground.state_dir / STATE_FOLDER, utc_iso(clock.wall_ns()))
        self._started = Keeper(
            self._name,
            self._store,
            self,
            clock,
            lambda: entropy.token_bytes(8).hex(),
            self._on_views,
            self._on_happenings,
            self._opened,
        )
        self._started.chores.append(self._look_for_revoked)
        self._started.start()
        return {}

    def stop(self) -> None:
        """End after what is under way."""
        if self._started is not None:
            self._started.stop()
            self._started = None
        if self._store is not None:
            self._store.close()
            self._store = None

    @property
    def keeper(self) -> Keeper:
        """What keeps the folders; there once it has started."""
        assert self._started is not None
        return self._started

    @property
    def sessions(self) -> dict[str, str]:
        """Agents that are online: names by key."""
        return dict(self._sessions)

    def _opened(self, folder: str) -> None:
        present = self.keeper.folders.get(folder)
        if present is not None:
            for peer in present.index.peers():
                if peer.peer in self._sessions:
                    present.session(peer.peer)

    def carry(self, peer: str, data: bytes, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        """See `Carrier`."""
        assert self._relay is not None
        self._relay.post(bytes.fromhex(peer), data, urgent=urgent, delivered=delivered)

    # --- the relay's loop thread: see `RelayMail`

    def on_session(self, agent: bytes, name: str) -> None:
        """See `RelayMail`."""
        peer = agent.hex()

        def met() -> None:
            self._sessions[peer] = name
            for folder in self.keeper.folders.values():
                if any(each.peer == peer for each in folder.index.peers()):
                    folder.session(peer)
            self._told = {key: said for key, said in self._told.items() if key[1] != peer}
            self._tell_members()

        self._call(met)

    def on_session_ended(self, agent: bytes) -> None:
        """See `RelayMail`."""
        peer = agent.hex()

        def left() -> None:
            self._sessions.pop(peer, None)
            for folder in self.keeper.folders.values():
                folder.gone(peer)
            self._tell_members()

        self._call(left)

    def on_parcel(self, agent: bytes, data: bytes, done: Callable[[DrsError | None], None]) -> None:
        """See `RelayMail`."""

        def take() -> None:
            try:
                self._take(agent.hex(), decode_parcel(data))
            except DrsError as error:
                _LOG.info("a parcel was refused: %s", error.one_line())
                done(error)
            else:
                done(None)

        self._call(take)

    def _call(self, call: Callable[[], None]) -> None:
        """Have the keeper do this. The loop ends after it: what comes last is left to the next start."""
        keeper = self._started
        if keeper is not None:
            keeper.call(call)

    # --- the keeper's thread

    def _take(self, peer: str, parcel: Parcel) -> None:
        try:
            is_new = self._admit(peer, parcel)
        except (ConflictError, NotFoundError) as error:
            said = Parcel(parcel.folder, "", self.keeper.name, say=f"refused: {error.message}")
            self.carry(peer, encode_parcel(said), urgent=True, delivered=None)
            return
        self.keeper.receive(peer, parcel)
        if is_new and peer in self._sessions:
            self.keeper.folders[parcel.folder].session(peer)
            self._tell_members()

    def _tell_members(self) -> None:
        """Tell all that are online who else takes part in their folders, where that is news. So machines that are near
        each other know whom to believe."""
        trusted = {each.public_key.hex(): each.name for each in self._agents() if not each.revoked}
        for name, folder in self.keeper.folders.items():
            own = [each for each in folder.index.peers() if each.peer in trusted and each.replica]
            members = [Member(bytes.fromhex(p.peer), trusted[p.peer], p.peer in self._sessions) for p in own]
            for each in own:
                others = tuple(member for member in members if member.key.hex() != each.peer)
                if each.peer in self._sessions and self._told.get((name, each.peer)) != others:
                    self._told[name, each.peer] = others
                    said = Parcel(name, folder.index.replica, self.keeper.name, members=others)
                    self.carry(each.peer, encode_parcel(said), urgent=True, delivered=None)

    def _look_for_revoked(self) -> None:
        """`relay revoke` may run in another process."""
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._members_due_ns:
            self._members_due_ns = now_ns + MEMBERS_NS
            self._tell_members()

    def _admit(self, peer: str, parcel: Parcel) -> bool:
        """Whether the agent is new to the folder. ConflictError or NotFoundError if it is not let in."""
        folder = self.keeper.folders.get(check_name(parcel.folder))
        if folder is None:
            if parcel.say != "share":
                raise NotFoundError(f"{self.keeper.name} has no folder {parcel.folder}")
            self._make(parcel.folder)
            return True
        known = {each.peer for each in folder.index.peers()}
        if peer in known:
            return False
        if parcel.say == "share" and known:
            raise ConflictError(f"{self.keeper.name} has a folder {parcel.folder} already; accept it instead")
        if parcel.say not in ("accept", "share"):
            raise NotFoundError(f"this agent has not accepted {parcel.folder}")
        return True

    def _make(self, name: str) -> None:
        root = self._directory / FOLDERS / name
        root.parent.mkdir(parents=True, exist_ok=True)
        DiskTree(root, name).adopt()
        self.keeper.store.add(Share(name, str(root), "", HOME))
        self.keeper.follow()
