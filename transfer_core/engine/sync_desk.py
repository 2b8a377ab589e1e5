"""Folder sync at the agent: letters to relays leave as transfers of the engine, posts of the relays come in.

Beside that, machines of a folder that are near are reached directly (`direct`), as further peers of the folder. Whom to
believe there is what the folder's relay says.
"""

from __future__ import annotations

from collections.abc import Callable

from transfer_core.clock import Clock
from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.direct.desk import DirectDesk, Done
from transfer_core.engine.direct.discovery import Discovery
from transfer_core.engine.letters import Letters
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.entropy import Entropy
from transfer_core.errors import DrsError, UnknownPeer
from transfer_core.events.sync import SyncFolderView, SyncHappening
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.sync.keeper import Keeper
from transfer_core.sync.members import DIRECT, Member
from transfer_core.sync.parcel import Parcel, decode_parcel
from transfer_core.sync.shares import ShareStore


class SyncDesk:
    """See the module. It is the loop's `AgentMail` and the keeper's `Carrier`; a relay is a peer by its name."""

    def __init__(
        self,
        loop: AgentLoop,
        store: ShareStore,
        name: str,
        clock: Clock,
        entropy: Entropy,
        on_views: Callable[[tuple[SyncFolderView, ...]], None],
        on_happenings: Callable[[tuple[SyncHappening, ...]], None],
    ) -> None:
        self._loop, self._name, self._clock, self._entropy = loop, name, clock, entropy
        self._letters = Letters(loop, entropy.token_bytes(6).hex())
        self._sessions: set[str] = set()
        self._direct: DirectDesk | None = None
        self._goes_direct = True
        self.keeper = Keeper(
            name, store, self, clock, lambda: entropy.token_bytes(8).hex(), on_views, on_happenings, self._follow
        )

    def reach_directly(self, identity: KeyPair, discovery: Discovery, *, allowed: bool) -> None:
        """Also reach machines that are near, once that is `allowed`; before `start`."""
        self._goes_direct = allowed
        self._direct = DirectDesk(
            identity=identity,
            name=self._name,
            clock=self._clock,
            entropy=self._entropy,
            discovery=discovery,
            take=self._take_direct,
            on_way=self._on_way,
            on_refused=self._refused,
        )

    def start(self) -> None:
        """Open the folders."""
        self.keeper.start()

    def stop(self) -> None:
        """End after what is under way."""
        if self._direct is not None:
            self._direct.stop()
        self.keeper.stop()
        self.keeper.store.close()

    def allow_direct(self, allowed: bool) -> None:
        """Reach machines that are near, or everybody through the relays. Any thread."""

        def change() -> None:
            if allowed != self._goes_direct:
                self._goes_direct = allowed
                self._follow()

        self.keeper.call(change)

    # --- the keeper's thread

    def carry(self, peer: str, data: bytes, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        """See `Carrier`."""
        if not peer.startswith(DIRECT):
            self._letters.send(peer, data, urgent=urgent, delivered=delivered)
        elif self._direct is not None:
            self._direct.carry(peer, data, urgent=urgent, delivered=delivered)

    def _follow(self, opened: str = "") -> None:
        """Folders, or who takes part in them, have changed: `opened` is one that is new here."""
        present = self.keeper.folders.get(opened)
        if present is not None and present.share.relay in self._sessions:
            present.session(present.share.relay)
        direct = self._direct
        if direct is None:
            return
        known: dict[str, Member] = {}
        for folder in self.keeper.folders.values():
            own = {each.peer: each for each in folder.members if self._goes_direct}
            known |= own
            reached = {peer for peer in own if direct.is_up(peer)}
            for peer in folder.direct_peers - reached:
                folder.gone(peer)
            for peer in reached - folder.direct_peers:
                folder.session(peer)
        direct.set_members(known)

    def _take(self, relay: str, parcel: Parcel) -> None:
        folder = self.keeper.folders.get(parcel.folder)
        if folder is None or folder.share.relay != relay:
            return
        before = folder.members
        self.keeper.receive(relay, parcel)
        if folder.members != before:
            self._follow()

    def _take_direct(self, peer: str, data: bytes, done: Done) -> None:
        """Any thread: a parcel came by a direct way. Only who takes part in its folder is heard."""

        def take() -> None:
            try:
                parcel = decode_parcel(data)
                folder = self.keeper.folders.get(parcel.folder)
                if folder is None or not self._goes_direct or not folder.has_member(peer):
                    raise UnknownPeer(f"{peer} has no part in that folder here")
                self.keeper.receive(peer, parcel)
            except DrsError as error:
                self.keeper.note_trouble(peer, error)
                done(error)
            else:
                done(None)

        self.keeper.call(take)

    def _on_way(self, peer: str, up: bool) -> None:
        """Any thread: there is a direct way to a machine, another one, or none any more."""

        def change() -> None:
            for folder in self.keeper.folders.values():
                if up and self._goes_direct and folder.has_member(peer):
                    folder.session(peer)
                elif not up:
                    folder.gone(peer)

        self.keeper.call(change)

    # --- the loop's thread: see `AgentMail`

    def on_session(self, relay: str) -> None:
        """See `AgentMail`. What was asked of the relay in a former session is asked again."""

        def met() -> None:
            self._sessions.add(relay)
            for folder in self.keeper.folders.values():
                if folder.share.relay == relay:
                    folder.session(relay)

        self.keeper.call(met)

    def on_online(self, relay: str, online: bool) -> None:
        """See `AgentMail`."""

        def tell() -> None:
            for folder in self.keeper.folders.values():
                if folder.share.relay == relay:
                    folder.online(relay, online)

        self.keeper.call(tell)

    def on_post(self, relay: str, session: int, post: int, data: bytes) -> None:
        """See `AgentMail`. A post that can't be kept is not taken: a new session brings it again."""

        def take() -> None:
            try:
                self._take(relay, decode_parcel(data))
            except DrsError as error:
                self.keeper.note_trouble(relay, error)
                return
            self._loop.loop.post(lambda: self._loop.take_post(relay, session, post))

        self.keeper.call(take)

    def on_sent(self, job: OutgoingJob, error: DrsError | None) -> None:
        """See `AgentMail`."""
        self._letters.on_sent(job, error)
        if error is not None:
            self._refused(job.job.destination, error)

    def _refused(self, peer: str, error: DrsError) -> None:
        self.keeper.call(lambda: self.keeper.note_trouble(peer, error))
