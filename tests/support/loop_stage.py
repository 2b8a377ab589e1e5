"""An agent's loop against a true relay, over loopback, with what the loop tells."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from transfer_core.config import RelayConfig
from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.engine.uplink import LinkPort, RelayTarget
from transfer_core.events import JobState
from transfer_core.jobs.model import Job
from transfer_core.net.simulated_port import SimulatedPort
from transfer_core.net.udp import open_udp_port
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.tokens import parse_token
from transfer_core.server.relay import Relay
from transfer_core.sim.conditions import LinkConditions
from transfer_core.sim.link import SimulatedLink

NEVER_S = 3600.0


class LoopStage:
    """The loop's listener too: remembers what it is told. The relay makes durable only what it has to, unless told."""

    def __init__(self, folder: Path, sync_interval_s: float = NEVER_S) -> None:
        self.told: list[tuple[str, tuple[Any, ...]]] = []
        self.relay_events: list[dict[str, Any]] = []
        config = RelayConfig(keep_free_bytes=0, sync_interval_s=sync_interval_s)
        self.relay = Relay(folder / "r", folder / "in", ("127.0.0.1", 0), config, self.relay_events.append)
        self.relay.start()
        address = "127.0.0.1:" + str(self.relay.address[1])
        token = parse_token(self.relay.make_token((address,), 600).text)
        self.agent = AgentLoop(
            identity=KeyPair.generate(SystemEntropy()),
            name="car",
            clock=SystemClock(),
            entropy=SystemEntropy(),
            listener=self,  # type: ignore[arg-type]
        )
        self._counter = itertools.count(1)
        self.links: dict[str, LinkPort] = {}
        self._ways: dict[str, tuple[SimulatedLink, SimulatedLink]] = {}
        self.agent.start()
        target = RelayTarget("pit", (self.relay.address,), token.relay_public, token.secret)
        self.agent.loop.post(lambda: self.agent.set_relays([target]))

    def hello_counter(self, relay: str) -> None:
        """See `AgentListener`."""
        counter = next(self._counter)
        self.agent.loop.post(lambda: self.agent.hello(relay, counter))

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self.told.append((name, arguments))

    def plug(self, name: str, conditions: LinkConditions) -> None:
        """A link comes up."""
        up, down = (SimulatedLink(conditions, np.random.default_rng(i)) for i in range(2))
        self._ways[name] = (up, down)
        self._set({**self.links, name: LinkPort(name, SimulatedPort(open_udp_port(), up, down))})

    def change(self, conditions: LinkConditions) -> None:
        """All links are like that from now on."""
        for way in itertools.chain.from_iterable(self._ways.values()):
            way.change(conditions)

    def unplug(self, name: str) -> None:
        """A link goes away."""
        self._set({each: link for each, link in self.links.items() if each != name})

    def _set(self, links: dict[str, LinkPort]) -> None:
        self.links = links
        self.agent.loop.post(lambda: self.agent.set_links(links))

    def sessions(self) -> int:
        """How often the relay took the agent in."""
        return sum(event["event"] == "agent" for event in self.relay_events)

    def arrived(self) -> list[OutgoingJob]:
        """What has arrived, in that order."""
        return [out for name, arguments in self.told if name == "on_arrived" for out in arguments[0]]

    def wait(self, is_so: Callable[[], bool]) -> None:
        """Until it is so, or fail."""
        end = time.monotonic() + 60.0
        while not is_so():
            assert time.monotonic() < end, (self.told, self.relay_events)
            time.sleep(0.01)

    def close(self) -> None:
        """End both."""
        self.agent.stop()
        self.relay.stop()


def job_of(file_id: str, source: Path, dest_path: str, priority: int = 5) -> OutgoingJob:
    """A job for the relay, its source open."""
    size = source.stat().st_size
    return OutgoingJob.open(Job(file_id, str(source), size, priority, 1.0, JobState.UPLOADING, "pit", dest_path), 65536)
