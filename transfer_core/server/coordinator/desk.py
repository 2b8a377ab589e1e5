"""What the coordinator knows and answers, gathered from the relay, its folders and the store. Any thread; may block."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from transfer_core.clock import Clock
from transfer_core.errors import NotFoundError, UnknownPeer
from transfer_core.events.sync import SyncFolderView
from transfer_core.server.companion import RelayGround
from transfer_core.server.coordinator.base import CoordinatorStore, NodeRecord, SampleRecord
from transfer_core.server.coordinator.model import (
    FolderOut,
    MetricsOut,
    NodeIn,
    NodeOut,
    PathOut,
    SampleOut,
    TopologyLink,
    TopologyOut,
)
from transfer_core.server.relay import Relay
from transfer_core.server.relay_session import AgentNow
from transfer_core.storage.relay_store import KnownAgent
from transfer_core.sync.verbs import FolderVerbs
from transfer_core.units import utc_iso

ONLINE, OFFLINE = "online", "offline"


class CoordinatorDesk:
    """See the module."""

    def __init__(self, ground: RelayGround, relay: Relay, store: CoordinatorStore, verbs: FolderVerbs) -> None:
        self._ground, self._relay, self._clock = ground, relay, ground.clock
        self.store, self.verbs = store, verbs
        self._lock = threading.Lock()
        self._views: tuple[SyncFolderView, ...] = ()

    @property
    def clock(self) -> Clock:
        """The relay's."""
        return self._clock

    def take_views(self, views: tuple[SyncFolderView, ...]) -> None:
        """How the folders stand now."""
        with self._lock:
            self._views = views

    # --- machines

    def agent(self, node_id: str) -> KnownAgent:
        """The paired agent of that key, or start of a key. UnknownPeer for any other: names prove nothing."""
        wanted = node_id.lower()
        found = [each for each in self._ground.store.agents() if each.public_key.hex().startswith(wanted)]
        if len(found) != 1 or found[0].revoked:
            raise UnknownPeer(f"no agent with the key {node_id} is paired with this relay")
        return found[0]

    def register(self, node: NodeIn) -> tuple[bool, NodeRecord]:
        """Keep a machine; whether it is new. UnknownPeer unless it is paired."""
        agent = self.agent(node.node_id)
        now_ns = self._clock.wall_ns()
        record = NodeRecord(
            agent.public_key.hex(),
            node.name,
            node.address,
            node.port,
            tuple(node.watch_directories),
            tuple(node.capabilities),
            now_ns,
            now_ns,
        )
        return self.store.register(record), record

    def meet(self, agents: Iterable[AgentNow]) -> None:
        """Register whoever is connected and takes part in a folder, and note when."""
        known = {record.node_id for record in self.store.nodes()}
        now_ns = self._clock.wall_ns()
        for agent in agents:
            node_id = agent.public_key.hex()
            if node_id in known:
                self.store.seen(node_id, now_ns)
            elif self._folders_of(node_id):
                address = agent.paths[0].address.rpartition(":") if agent.paths else ("", "", "0")
                self.store.register(
                    NodeRecord(node_id, agent.name, address[0], int(address[2]), (), ("sync",), now_ns, now_ns)
                )

    def forget(self, node_id: str) -> None:
        """Drop a registration; pairing and folders stay. NotFoundError."""
        if not self.store.forget(node_id.lower()):
            raise NotFoundError(f"no node {node_id} is registered", hint="List them at /api/nodes.")

    def nodes(self) -> list[NodeOut]:
        """All registered machines."""
        now = {each.public_key.hex(): each for each in self._relay.agents_now()}
        return [self._node(record, now.get(record.node_id)) for record in self.store.nodes()]

    def _node(self, record: NodeRecord, now: AgentNow | None) -> NodeOut:
        return NodeOut(
            node_id=record.node_id,
            name=record.name,
            address=record.address,
            port=record.port,
            watch_directories=list(record.watch_directories),
            capabilities=list(record.capabilities),
            status=OFFLINE if now is None else ONLINE,
            registered_at=utc_iso(record.registered_at_ns),
            last_seen=utc_iso(self._clock.wall_ns() if now is not None else record.seen_at_ns),
            folders=self._folders_of(record.node_id),
            paths=[] if now is None else _paths(now),
        )

    def _folders_of(self, node_id: str) -> list[str]:
        return [share.name for share in self.verbs.store.shares() if node_id in self.verbs.peer_ids(share.name)]

    def topology(self) -> TopologyOut:
        """Who is connected, over which ways."""
        nodes = self.nodes()
        links = [
            TopologyLink(source=each.public_key.hex(), target="relay", paths=_paths(each))
            for each in self._relay.agents_now()
        ]
        return TopologyOut(nodes=nodes, links=links)

    # --- folders and figures

    def folders(self) -> list[FolderOut]:
        """All folders of this relay."""
        with self._lock:
            views = self._views or tuple(self.verbs.status())
        return [
            FolderOut(
                name=view.name,
                state=view.state.value,
                text=view.text,
                files=view.files,
                size_bytes=view.size_bytes,
                waiting=view.waiting,
                conflicts=view.conflicts,
                nodes=[peer.name for peer in view.peers],
                updated_at=view.updated_at,
            )
            for view in views
        ]

    def metrics(self) -> MetricsOut:
        """The figures of all folders together."""
        with self._lock:
            views = self._views or tuple(self.verbs.status())
        sums = [view.figures for view in views]
        received, failed = sum(each.received_files for each in sums), sum(each.failed_files for each in sums)
        full, wire = sum(each.full_bytes for each in sums), sum(each.wire_bytes for each in sums)
        packed = sum(each.packed_bytes for each in sums)
        latencies = [each.latency_ms for each in sums if each.latency_ms is not None]
        online = len(self._relay.agents_now())
        return MetricsOut(
            nodes_registered=len(self.store.nodes()),
            nodes_online=online,
            nodes_online_most=max(online, self.store.most_online()),
            folders=len(views),
            files=sum(view.files for view in views),
            conflicts=sum(view.conflicts for view in views),
            received_files=received,
            sync_success_rate=received / (received + failed) if received + failed else None,
            average_sync_latency_ms=sum(latencies) / len(latencies) if latencies else None,
            full_bytes=full,
            wire_bytes=wire,
            compressed_bytes=packed,
            bandwidth_saved=1 - wire / full if full else None,
            bandwidth_saved_over_compression=1 - wire / packed if packed else None,
            at=utc_iso(self._clock.wall_ns()),
        )

    def sample(self) -> None:
        """Keep the figures of this moment."""
        now = self.metrics()
        with self._lock:
            failed = sum(view.figures.failed_files for view in self._views)
        self.store.sample(
            SampleRecord(
                self._clock.wall_ns(),
                now.nodes_online,
                now.received_files,
                failed,
                now.full_bytes,
                now.wire_bytes,
                now.compressed_bytes,
                now.average_sync_latency_ms,
            )
        )

    def samples(self, since_s: float, limit: int) -> list[SampleOut]:
        """Figures of the last while."""
        since_ns = self._clock.wall_ns() - int(since_s * 1e9)
        return [
            SampleOut(
                at=utc_iso(each.at_ns),
                nodes_online=each.nodes_online,
                received_files=each.received_files,
                full_bytes=each.full_bytes,
                wire_bytes=each.wire_bytes,
                compressed_bytes=each.packed_bytes,
                latency_ms=each.latency_ms,
            )
            for each in self.store.samples(since_ns, limit)
        ]


def _paths(agent: AgentNow) -> list[PathOut]:
    return [PathOut(address=each.address, rtt_ms=each.rtt_ms, rate_bps=each.rate_bps) for each in agent.paths]
