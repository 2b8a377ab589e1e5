"""Shared and watched folders as parts of this machine's service, made when they are first asked for.

Importing them takes longer than all that sending a file takes, so an agent that starts sends first: what comes for them
until they are there is kept by a `StandIn`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.clerk import Clerk
from transfer_core.engine.settings_verbs import SettingsVerbs
from transfer_core.engine.stand_in import StandIn
from transfer_core.events.sync import SyncChanged, SyncHappened
from transfer_core.units import utc_iso

if TYPE_CHECKING:
    from transfer_core.engine.direct.discovery import Discovery
    from transfer_core.engine.runner import WatchListener
    from transfer_core.engine.uplink import AgentMail
    from transfer_core.engine.watches.verbs import WatchVerbs
    from transfer_core.protocol.security.noise import KeyPair
    from transfer_core.sync.verbs import FolderVerbs

SYNC_FOLDER = "sync"  # below the state: which folders are shared, and their indexes
VIEWS_VERB = "watch_views"  # another process asks how the watches are doing
RESCAN_VERB = "watch_rescan"  # another process wants a folder looked at again
NO_VIEWS = "[]"  # what `watches.verbs.views_text` makes of none


@dataclass(frozen=True, slots=True)
class SideStart:
    """An agent that runs, and who keeps what comes for rooms that are not there yet."""

    loop: AgentLoop
    clerk: Clerk
    mail: StandIn
    watches: StandIn


class SideRooms(SettingsVerbs):
    """See the module."""

    _folder_verbs: FolderVerbs | None = None
    _watch_verbs: WatchVerbs | None = None

    @property
    def sync(self) -> FolderVerbs:
        """See `TransferService`."""
        with self._lock:
            if self._folder_verbs is None:
                from transfer_core.sync.verbs import FolderVerbs  # noqa: PLC0415 - see the module

                self._folder_verbs = FolderVerbs(
                    self._state_dir / SYNC_FOLDER,
                    self._clock,
                    lambda: [each.name for each in self._store.destinations() if each.kind == "relay"],
                    self._state_lock.is_held,
                )
            return self._folder_verbs

    @property
    def watches(self) -> WatchVerbs:
        """See `TransferService`."""
        with self._lock:
            if self._watch_verbs is None:
                from transfer_core.engine.watches.verbs import WatchVerbs  # noqa: PLC0415

                self._watch_verbs = WatchVerbs(
                    self._store,
                    self._clock,
                    self._entropy,
                    self._state_dir,
                    lambda: self.settings().receive_directory,
                    self._state_lock.is_held,
                )
            return self._watch_verbs

    def _promise_side_rooms(self, loop: AgentLoop, clerk: Clerk) -> SideStart:
        """Before loop and clerk start: keep what comes for the rooms that `_start_sync` and `_start_watches` make."""
        promised = SideStart(loop, clerk, StandIn(), StandIn())
        loop.files.mail = cast("AgentMail", promised.mail)
        clerk.runner.watches = cast("WatchListener", promised.watches)
        clerk.answerers[VIEWS_VERB] = lambda _: NO_VIEWS
        return promised

    def _start_sync(self, promised: SideStart, name: str, identity: KeyPair, near: Discovery | None) -> None:
        """Keep shared folders the same, directly too where there is somebody that finds who is `near`."""
        from transfer_core.engine.sync_desk import SyncDesk  # noqa: PLC0415
        from transfer_core.sync.shares import ShareStore  # noqa: PLC0415

        loop = promised.loop
        desk = SyncDesk(
            loop,
            ShareStore(self._state_dir / SYNC_FOLDER, utc_iso(self._clock.wall_ns())),
            name,
            self._clock,
            self._entropy,
            on_views=lambda views: self._bus.publish(SyncChanged(views)),
            on_happenings=lambda lines: self._bus.publish(SyncHappened(lines)),
        )
        if near is not None:
            desk.reach_directly(identity, near, allowed=self.settings().sync_direct)
        self._sync_desk = desk
        desk.start()

        def take_over() -> None:
            loop.files.mail = desk
            promised.mail.make_way(desk)

        loop.loop.post(take_over)

    def _start_watches(self, promised: SideStart) -> None:
        """Watch the watched folders."""
        from transfer_core.engine.watches.desk import WatchDesk  # noqa: PLC0415
        from transfer_core.engine.watches.verbs import views_text  # noqa: PLC0415

        clerk = promised.clerk

        def rescan(name: str) -> str:
            desk.rescan(name)
            return "ok"

        desk = WatchDesk(
            store=self._store,
            clock=self._clock,
            entropy=self._entropy,
            bus=self._bus,
            notify=self._say,
            queued=clerk.claim_soon,
            online=clerk.targets.online,
        )
        desk.start()
        self.watches.desk = desk

        def take_over() -> None:
            clerk.runner.watches = desk
            clerk.answerers[VIEWS_VERB] = lambda _: views_text(desk.views())
            clerk.answerers[RESCAN_VERB] = rescan
            promised.watches.make_way(desk)

        clerk.do(take_over)

    def _look_at_watches(self) -> None:
        """Another process rang: watches may have changed. Any thread."""
        if self._watch_verbs is not None and self._watch_verbs.desk is not None:
            self._watch_verbs.desk.poke()

    def _stop_side_rooms(self) -> None:
        """After the clerk, which tells of the last arrivals; before the loop."""
        if self._watch_verbs is not None and self._watch_verbs.desk is not None:
            self._watch_verbs.desk.stop()
        if self._sync_desk is not None:
            self._sync_desk.stop()

    def _close_side_rooms(self) -> None:
        """Close their databases."""
        if self._folder_verbs is not None:
            self._folder_verbs.close()
