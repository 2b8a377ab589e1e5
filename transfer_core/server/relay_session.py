"""An agent's session at the relay, and what the relay keeps beside it."""

from __future__ import annotations

from dataclasses import dataclass, field

from transfer_core.engine.guests import Guest
from transfer_core.engine.parcels import Parcels
from transfer_core.protocol.wire.bundle import BUNDLE_BYTES_MAX, BUNDLES_MAX
from transfer_core.server.arriving import Arriving


@dataclass(frozen=True, slots=True)
class PathNow:
    """One way to an agent, as the relay sees it."""

    address: str
    rtt_ms: float | None
    rate_bps: float


@dataclass(frozen=True, slots=True)
class AgentNow:
    """An agent that is connected."""

    public_key: bytes
    name: str
    paths: tuple[PathNow, ...]


@dataclass(slots=True, eq=False)
class RelaySession(Guest):
    """A session with what the relay keeps beside it."""

    bundles: Parcels = field(default_factory=lambda: Parcels(bytes_max=BUNDLE_BYTES_MAX, at_once_max=BUNDLES_MAX))
    arriving: dict[int, Arriving] = field(default_factory=dict)
    held: dict[int, str] = field(default_factory=dict)  # file number -> code
    counted: dict[int, tuple[int, int]] = field(default_factory=dict)  # path -> (when, bytes heard until then)
    blocked: bool = False
    is_silent: bool = False  # while it has live feeds

    def silence_ns(self, now_ns: int) -> int:
        """For how long nothing has come."""
        heard = [path.last_heard_ns for path in self.protocol.paths.values() if path.last_heard_ns is not None]
        return now_ns - max(heard, default=self.born_ns)


def agent_now(session: RelaySession, now_ns: int) -> AgentNow:
    """How the agent of that session is connected; rates since the last time that this was asked."""
    paths: list[PathNow] = []
    for number, path in session.protocol.paths.items():
        since_ns, before = session.counted.get(number, (session.born_ns, 0))
        rate_bps = (path.heard_bytes - before) * 8e9 / max(1, now_ns - since_ns)
        session.counted[number] = (now_ns, path.heard_bytes)
        srtt_ns = path.sender.srtt_ns
        host, port = path.address[:2]
        paths.append(PathNow(f"{host}:{port}", None if srtt_ns is None else srtt_ns / 1e6, rate_bps))
    return AgentNow(session.agent, session.name, tuple(paths))
