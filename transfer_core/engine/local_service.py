"""The service of this process: one agent on a state directory, and perhaps a relay. The verbs of `service.py`.

Without `start` only the state is read and written, so that commands work beside a running agent, which notices.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transfer_core.clock import Clock
from transfer_core.config import EngineConfig, Policy
from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.clerk import Clerk
from transfer_core.engine.common_cap import CommonCap, LinkCaps
from transfer_core.engine.destination_verbs import DestinationVerbs
from transfer_core.engine.doorbell import Doorbell
from transfer_core.engine.event_bus import BusSubscription
from transfer_core.engine.gate import PAUSED_KEY
from transfer_core.engine.identity import load_identity
from transfer_core.engine.link_desk import LinkDesk
from transfer_core.engine.link_usage import LinkUsage
from transfer_core.engine.link_verbs import SCAN_VERB, LinkVerbs, links_text
from transfer_core.engine.progress_verbs import ProgressVerbs
from transfer_core.engine.relay_verbs import RelayVerbs
from transfer_core.engine.reports import Reports
from transfer_core.engine.settings_verbs import APPLY_VERB, score_weights
from transfer_core.engine.side_rooms import SideRooms
from transfer_core.engine.system import SystemClock
from transfer_core.engine.telemetry_part import TelemetryPart
from transfer_core.engine.uploads.desk import UploadDesk
from transfer_core.engine.uploads.pairing import AgentSelf
from transfer_core.errors import ConfigError, UsageError
from transfer_core.events import (
    DestinationsChanged,
    EngineChanged,
    EngineView,
    Event,
    LinkMark,
    LinkMarked,
    LinksChanged,
    LinksSampled,
    LinkView,
    Notice,
    RelayChanged,
    Severity,
)
from transfer_core.events.sync import SyncChanged
from transfer_core.events.watches import WatchesChanged
from transfer_core.protocol.security.http_bearer import bearer_of_agent
from transfer_core.service import Settings
from transfer_core.sim.script import Simulation, parse_simulation
from transfer_core.units import utc_iso

if TYPE_CHECKING:
    from transfer_core.engine.direct.discovery import Discovery
    from transfer_core.engine.qlog import QlogTrace
    from transfer_core.engine.uploads.verbs import UploadVerbs


HEAD_START_S = 0.5
"""What is left in the queue gets so long to begin before the side rooms are imported, which takes the interpreter."""


class LocalService(TelemetryPart, SideRooms, ProgressVerbs, LinkVerbs, DestinationVerbs, RelayVerbs):
    """See `service.TransferService`."""

    def __init__(
        self,
        state_dir: Path,
        *,
        links: Sequence[str] | None = None,
        simulation: Path | None = None,
        policy: Policy | None = None,
        trace: Path | None = None,
        clock: Clock | None = None,
        config: EngineConfig | None = None,
        discovery: Discovery | None = None,
    ) -> None:
        self._discovery = discovery
        self._chosen, self._policy_asked, self._trace_file = links, policy, trace
        self._trace: QlogTrace | None = None
        self._simulation = _read_simulation(simulation, links or ())
        super().__init__(state_dir, clock or SystemClock(), config or EngineConfig())
        self._upload_verbs: UploadVerbs | None = None
        self._stopped = False
        self.in_portions = False  # whoever subscribes gets a long queue bit by bit: for a window, which shows its front

    @property
    def uploads(self) -> UploadVerbs:
        """See `service.UploadService`; made when it is first asked for, since it takes long to import."""
        with self._lock:
            if self._upload_verbs is None:
                from transfer_core.engine.uploads.verbs import UploadVerbs  # noqa: PLC0415

                self._upload_verbs = UploadVerbs(
                    store=self._store,
                    clock=self._clock,
                    entropy=self._entropy,
                    chosen=self._chosen,
                    simulated=self._simulation is not None,
                    changed=self._destinations_changed,
                    view=lambda name: next(each for each in self.destinations() if each.name == name),
                    retry=self.retry,
                )
            return self._upload_verbs

    def start(self) -> None:
        """See `TransferService`."""
        self._state_lock.acquire(utc_iso(self._clock.wall_ns()))
        settings = self.settings()
        name = socket.gethostname() or "agent"
        if self._trace_file is not None:
            from transfer_core.engine.qlog import QlogTrace  # noqa: PLC0415 - only who traces needs it

            self._trace = QlogTrace(self._trace_file, self._clock, vantage="client", name=name)
        listener = _Forward()
        identity = load_identity(self._state_dir)
        loop = AgentLoop(
            identity=identity,
            name=name,
            clock=self._clock,
            entropy=self._entropy,
            listener=listener,
        )
        loop.trace = self._trace
        clerk = Clerk(
            store=self._store,
            loop=loop,
            clock=self._clock,
            entropy=self._entropy,
            bus=self._bus,
            config=self._config,
            notify=self._say,
        )
        listener.reports = reports = Reports(clerk)
        usage = LinkUsage(self._store, self._clock)
        loop.paths.is_spent = lambda link: bool(usage.why_spent(link))
        desk = self._link_desk(loop, settings, usage)
        clerk.desk = desk
        me = AgentSelf(identity, name, lambda relay_public: bearer_of_agent(identity, relay_public))
        clerk.runner.uploads = self._upload_desk(reports, desk, usage, me)
        loop.paths.common = CommonCap(clerk.runner.uploads.governor)
        loop.paths.link_caps = LinkCaps(clerk.runner.uploads.governor.side_of)
        loop.observers.append(desk.observe)
        loop.set_paused(clerk.gate.is_paused)
        clerk.usage = usage
        clerk.answerers[APPLY_VERB] = lambda _: self._apply_again()
        clerk.answerers[SCAN_VERB] = lambda _: links_text(desk.views())
        with self._lock:
            self._loop, self._clerk, self._desk, self._usage = loop, clerk, desk, usage
        self.apply_settings(self._policy_asked)
        promised = self._promise_side_rooms(loop, clerk)
        loop.start()
        clerk.runner.uploads.start()
        clerk.start()
        self._bell = Doorbell(self._state_dir, self._on_ring)
        self._bell.start()
        self._say_what_is_not_there(desk)
        if self._store.is_any_pending():
            reports.data_flows.wait(HEAD_START_S)
        clerk.runner.uploads.start_telling()
        self._start_sync(promised, name, identity, self._who_is_near())
        self.start_telemetry()
        self._start_watches(promised)

    def _say_what_is_not_there(self, desk: LinkDesk) -> None:
        """A name may be misspelt, or its link be unplugged: it is waited for, and that is said."""
        missing, there = desk.not_there()
        if missing:
            text = f"no link here is called {' or '.join(missing)}, so it is waited for; there are {', '.join(there)}"
            self._say(Severity.CAUTION, "link", text, "")

    def _on_ring(self) -> None:
        if self._clerk is not None:
            self._clerk.poke()
        self._look_at_watches()

    def _link_desk(self, loop: AgentLoop, settings: Settings, usage: LinkUsage) -> LinkDesk:
        return LinkDesk(
            loop,
            self._clock,
            chosen=self._chosen,
            simulation=self._simulation,
            weights=score_weights(settings),
            usage=usage,
            packet_bytes_max=settings.packet_bytes_max,
            on_samples=lambda samples: self._bus.publish(LinksSampled(samples)),
            on_views=lambda views: self._bus.publish(LinksChanged(views)),
            on_mark=self._on_mark,
        )

    def _upload_desk(self, reports: Reports, desk: LinkDesk, usage: LinkUsage, me: AgentSelf) -> UploadDesk:
        return UploadDesk(
            store=self._store,
            clock=self._clock,
            entropy=self._entropy,
            listener=reports,
            chosen=self._chosen,
            simulated=self._simulation is not None,
            views=desk.views,
            state_dir=self._state_dir,
            usage=usage,
            on_caps=self._caps_changed,
            given_up_kept_s=self._config.given_up_kept_s,
            me=me,
        )

    def _who_is_near(self) -> Discovery | None:
        """A way beside simulated links would spoil them."""
        if self._simulation is not None:
            return self._discovery
        from transfer_core.engine.direct.mdns import MulticastDiscovery  # noqa: PLC0415 - see `SideRooms`

        return self._discovery or MulticastDiscovery(self._chosen)

    def _apply_again(self) -> str:
        """Another process changed the settings."""
        self.apply_settings()
        return "ok"

    def _caps_changed(self, cap_bps: float | None, by_destination: Mapping[str, float]) -> None:
        """The caps of everything and of destinations are others, or another hour has begun: they hold for UDP too."""
        self._cap_bps, self._relay_caps_bps = cap_bps, by_destination
        if self._clerk is not None:
            self._clerk.do(partial(self._clerk.gate.close_for_now, cap_bps == 0))
            self.apply_settings(self._policy_asked)

    def stop(self) -> None:
        """See `TransferService`. May be called twice, and without `start`."""
        if self._stopped:
            return
        self._stopped = True
        self.stop_telemetry()
        self.stop_relay()
        if self._bell is not None:
            self._bell.stop()
        if self._clerk is not None and self._loop is not None:
            self._clerk.stop()
            if self._clerk.runner.uploads is not None:
                self._clerk.runner.uploads.close()
            self._stop_side_rooms()
            self._loop.stop()
        if self._trace is not None:
            self._trace.close()
        self._state_lock.release()
        self._close_side_rooms()
        self._store.close()

    def restart_engine(self) -> None:
        """See `TransferService`. This engine lives and dies with its process."""

    def subscribe(self) -> BusSubscription:
        """See `TransferService`."""
        return self._bus.subscribe(self._whole_picture, self.jobs_behind, in_portions=self.in_portions)

    def _whole_picture(self) -> list[Event]:
        return [
            LinksChanged(tuple(self.links())),
            EngineChanged(self.engine()),
            DestinationsChanged(tuple(self.destinations())),
            RelayChanged(self.relay()),
            SyncChanged(tuple(self.sync.status())),
            *self.first_telemetry_events(),
            WatchesChanged(self.watches.desk.views() if self.watches.desk is not None else ()),
            *self._marked,
            *self._notices,
        ]

    def _on_mark(self, mark: LinkMark) -> None:
        severity = Severity.CAUTION if mark.what in ("kill", "lost", "down") else Severity.INFO
        event = LinkMarked(mark)
        self._marked.append(event)
        self._bus.publish(event)
        self._say(severity, "link", mark.text, "")

    def scan(self) -> list[LinkView]:
        """See `TransferService`. The agent that runs says it; where none does, one is started for a moment."""
        if self._desk is not None:
            return self._desk.views()
        if self._state_lock.is_held() and self._chosen is None and self._simulation is None:
            return self._links_of_agent()
        self.start()
        time.sleep(1.5 if not self._store.destinations() else 3.0)
        return self.links()

    def engine(self) -> EngineView:
        """See `TransferService`."""
        if self._clerk is not None:
            return self._clerk.engine_view()
        files_left, bytes_left = self._store.counts_left()
        return EngineView(
            online=False,
            paused=bool(self._store.setting(PAUSED_KEY)),
            rate_bps=0.0,
            files_left=files_left,
            bytes_left=bytes_left,
            eta_s=None,
            links_up=0,
            links_total=0,
            severity=Severity.INFO,
            why="",
            policy=self.settings().policy.value,
            undo=self._store.undo_label(),
        )

    def notices(self, limit: int = 500) -> list[Notice]:
        """See `TransferService`."""
        return list(self._notices)[-limit:]


class _Forward:
    """Stands in for the clerk's reports until there are some, since loop and clerk need each other."""

    reports: Reports

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reports, name)


def _read_simulation(path: Path | None, chosen: Sequence[str]) -> Simulation | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}", hint="Name a simulation file.") from error
    found = parse_simulation(text)
    names = [setup.name for setup in found.links]
    unknown = [name for name in chosen if name not in names]
    if unknown:
        what = f"the simulation has no link {' or '.join(unknown)}"
        raise UsageError(what, hint=f"Choose of {', '.join(names)}.")
    return found
