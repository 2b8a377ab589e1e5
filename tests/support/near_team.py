"""Two agents and a relay in this process, over loopback, that find each other by announcements kept in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import free_port
from transfer_core.config import RelayConfig
from transfer_core.engine.direct.discovery import Found, Own
from transfer_core.engine.local_service import LocalService
from transfer_core.events.sync import SyncFolderView, SyncPeerView
from transfer_core.protocol.endpoint import Address
from transfer_core.server.relay import Relay
from transfer_core.server.sync_hub import SyncHub

DEADLINE_S = 60.0
SIMULATION = """
[[link]]
name = "wifi"
rate_mbps = 200
delay_ms = 5
"""


class Air:
    """A local network's announcements: whoever is on it hears of the others, unless those are hidden."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._there: dict[Own, Found] = {}
        self.heard: list[tuple[str, int]] = []  # all that was ever announced
        self.hidden: set[int] = set()  # ports whose announcements get lost
        self.hides_next = False

    def enter(self, own: Own, found: Found) -> None:
        with self._lock:
            self.heard.append((own.fingerprint, own.port))
            if self.hides_next:
                self.hidden.add(own.port)
            others = dict(self._there)
            self._there[own] = found
        for other, tell in others.items():
            self._tell(found, other)
            self._tell(tell, own)

    def _tell(self, found: Found, other: Own) -> None:
        if other.port not in self.hidden:
            found(other.fingerprint, (("127.0.0.1", other.port),))

    def leave(self, own: Own) -> None:
        with self._lock:
            self._there.pop(own, None)
            others = list(self._there.values())
        for tell in others:
            tell(own.fingerprint, ())


class AirDiscovery:
    """One machine's ear and voice on it; a `Discovery`."""

    def __init__(self, air: Air) -> None:
        self._air, self._own = air, None
        self._own: Own | None = None

    def start(self, own: Own, found: Found) -> None:
        self._own = own
        self._air.enter(own, found)

    def stop(self) -> None:
        if self._own is not None:
            self._air.leave(self._own)
            self._own = None


class NearTeam:
    """A relay `factory` and agents `pit0` and on, that share the folder `setups`."""

    def __init__(self, folder: Path, laptops: int = 2) -> None:
        self.folder, self.air = folder, Air()
        self.simulation = folder / "links.toml"
        self.simulation.write_text(SIMULATION)
        self.listen: Address = ("127.0.0.1", free_port())
        self.relay: Relay | None = None
        self.start_relay()
        self.agents: dict[str, LocalService] = {}
        for number in range(laptops):
            self.start(f"pit{number}")

    def start_relay(self) -> None:
        hub = SyncHub("factory")
        self.relay = Relay(
            self.folder / "relay",
            self.folder / "in",
            self.listen,
            RelayConfig(keep_free_bytes=0),
            name="factory",
            companions=[hub],
        )
        hub.serve(self.relay)
        self.relay.start()

    def stop_relay(self) -> None:
        if self.relay is not None:
            self.relay.stop()
            self.relay = None

    def start(self, name: str) -> None:
        agent = LocalService(self.folder / name, simulation=self.simulation, discovery=AirDiscovery(self.air))
        if not agent.destinations():
            assert self.relay is not None
            agent.pair(self.relay.make_token((f"127.0.0.1:{self.listen[1]}",), 600).text, "factory")
        agent.start()
        self.agents[name] = agent

    def stop(self, name: str) -> None:
        self.agents.pop(name).stop()

    def root(self, name: str) -> Path:
        return self.folder / "in" / "sync" / "setups" if name == "relay" else self.folder / f"{name}-setups"

    def share(self) -> None:
        first, *others = self.agents
        self.root(first).mkdir()
        self.agents[first].sync.share(str(self.root(first)), "setups", "factory")
        self.until(lambda: self.root("relay").is_dir())
        for name in others:
            self.agents[name].sync.accept("setups", str(self.root(name)))
        self.until(lambda: all(len(self.others(name)) == len(self.agents) - 1 for name in self.agents))

    def view(self, name: str) -> SyncFolderView:
        (found,) = self.agents[name].sync.status()
        return found

    def others(self, name: str) -> list[SyncPeerView]:
        """The other laptops, as this one knows them."""
        return [peer for peer in self.view(name).peers if peer.way]

    def ways(self, name: str) -> list[str]:
        return [peer.way for peer in self.others(name)]

    def until(self, happened: Callable[[], bool], limit_s: float = DEADLINE_S) -> float:
        """Wait for it; how long it took."""
        began = time.monotonic()
        while not happened():
            assert time.monotonic() - began < limit_s, {name: self.view(name) for name in self.agents}
            time.sleep(0.005)
        return time.monotonic() - began

    def save(self, name: str, path: str, content: bytes) -> None:
        (self.root(name) / path).write_bytes(content)

    def has(self, name: str, path: str, content: bytes) -> bool:
        place = self.root(name) / path
        return place.is_file() and place.read_bytes() == content

    def close(self) -> None:
        for name in list(self.agents):
            self.stop(name)
        self.stop_relay()


@contextmanager
def near_team(folder: Path, laptops: int = 2) -> Iterator[NearTeam]:
    team = NearTeam(folder, laptops)
    try:
        yield team
    finally:
        team.close()
