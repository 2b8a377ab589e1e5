"""The coordinator as a whole: an application on the relay's HTTP side, fed by the relay's folders."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp

from transfer_core.errors import DrsError
from transfer_core.events.sync import SyncFolderView, SyncHappening
from transfer_core.server.companion import RelayGround
from transfer_core.server.coordinator.app import build_app
from transfer_core.server.coordinator.base import HappeningRecord
from transfer_core.server.coordinator.desk import CoordinatorDesk
from transfer_core.server.coordinator.gate import CoordinatorGate
from transfer_core.server.coordinator.live import LiveFeed
from transfer_core.server.coordinator.opening import open_store
from transfer_core.server.relay import Relay
from transfer_core.server.sync_hub import STATE_FOLDER
from transfer_core.sync.verbs import FolderVerbs
from transfer_core.units import utc_iso

_LOG = logging.getLogger(__name__)
SAMPLE_S = 10.0
TOPOLOGY_S = 1.0


class Coordinator:
    """See the module. `take_views` and `take_happenings` are for the relay's `SyncHub`."""

    prefixes = ("/api/register", "/api/nodes", "/api/topology", "/api/metrics", "/api/sync", "/ws")

    def __init__(self, database_url: str = "") -> None:
        self._database_url = database_url
        self._relay: Relay | None = None
        self._desk: CoordinatorDesk | None = None
        self._feed = LiveFeed()
        self._document: Mapping[str, Any] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def serve(self, relay: Relay) -> None:
        """Be this relay's; before it starts."""
        self._relay = relay

    def open(self, ground: RelayGround) -> ASGIApp:
        """Begin; the application. ConfigError, StateError."""
        assert self._relay is not None
        store = open_store(self._database_url, ground.state_dir, utc_iso(ground.clock.wall_ns()))
        verbs = FolderVerbs(ground.state_dir / STATE_FOLDER, ground.clock, lambda: (), lambda: True)
        self._desk = CoordinatorDesk(ground, self._relay, store, verbs)
        self._thread = threading.Thread(target=self._run, args=(self._desk,), name="coordinator", daemon=True)
        self._thread.start()
        app = build_app(self._desk, self._feed)
        self._document = app.openapi()
        return CoordinatorGate(app, ground.identity, ground.store)

    def document(self) -> Mapping[str, Any]:
        """See `server.mounts.Mounted`."""
        return self._document

    def close(self) -> None:
        """End; also if it never began."""
        self._stopping.set()
        self._feed.close()
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None
        if self._desk is not None:
            self._desk.store.close()
            self._desk.verbs.close()
            self._desk = None

    # --- the folders' thread

    def take_views(self, views: tuple[SyncFolderView, ...]) -> None:
        """How the folders stand now."""
        desk = self._desk
        if desk is not None:
            desk.take_views(views)
            self._feed.say("progress", folders=[each.model_dump() for each in desk.folders()])

    def take_happenings(self, lines: tuple[SyncHappening, ...]) -> None:
        """What happened."""
        desk = self._desk
        if desk is None:
            return
        records = [HappeningRecord(each.at, each.folder, each.what, each.path, each.text) for each in lines]
        try:
            last = desk.store.note(records)
        except DrsError as error:
            _LOG.info("what happened could not be noted: %s", error.one_line())
            return
        first = last - len(records) + 1
        for number, each in enumerate(lines, first):
            self._feed.say(
                "event", number=number, at=each.at, folder=each.folder, what=each.what, path=each.path, text=each.text
            )

    # --- its own thread

    def _run(self, desk: CoordinatorDesk) -> None:
        """Follow who is connected, and keep figures."""
        said: object = None
        turns = 0
        while not self._stopping.wait(TOPOLOGY_S):
            turns += 1
            try:
                desk.meet(self._relay.agents_now() if self._relay is not None else ())
                topology = desk.topology().model_dump()
                if turns % int(SAMPLE_S / TOPOLOGY_S) == 0:
                    desk.sample()
                    self._feed.say("metrics", **desk.metrics().model_dump())
            except DrsError as error:
                _LOG.info("the coordinator's store: %s", error.one_line())
                continue
            if topology != said:
                said = topology
                self._feed.say("topology", **topology)
