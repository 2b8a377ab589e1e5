"""An agent's loop against a true relay, over loopback: what happens to its sessions."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.field import data_of
from transfer_core.config import RelayConfig
from transfer_core.engine import agent_loop
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

SIZE = 3_000_000
SLOW = LinkConditions(rate_mbps=8, delay_ms=2)


class Stage:
    """The loop's listener too: remembers what it is told."""

    def __init__(self, folder: Path) -> None:
        self.told: list[tuple[str, tuple[Any, ...]]] = []
        self.relay_events: list[dict[str, Any]] = []
        config = RelayConfig(keep_free_bytes=0)
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
        self.agent.start()
        target = RelayTarget("pit", (self.relay.address,), token.relay_public, token.secret)
        self.agent.loop.post(lambda: self.agent.set_relays([target]))

    def hello_counter(self, relay: str) -> None:
        counter = next(self._counter)
        self.agent.loop.post(lambda: self.agent.hello(relay, counter))

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self.told.append((name, arguments))

    def plug(self, name: str) -> None:
        """A link comes up."""
        up, down = (SimulatedLink(SLOW, np.random.default_rng(i)) for i in range(2))
        self._set({**self.links, name: LinkPort(name, SimulatedPort(open_udp_port(), up, down))})

    def unplug(self, name: str) -> None:
        """A link goes away."""
        self._set({each: link for each, link in self.links.items() if each != name})

    def _set(self, links: dict[str, LinkPort]) -> None:
        self.links = links
        self.agent.loop.post(lambda: self.agent.set_links(links))

    def sessions(self) -> int:
        """How often the relay took the agent in."""
        return sum(event["event"] == "agent" for event in self.relay_events)

    def wait(self, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not is_so():
            assert time.monotonic() < end, (self.told, self.relay_events)
            time.sleep(0.01)

    def close(self) -> None:
        self.agent.stop()
        self.relay.stop()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


def test_a_session_whose_path_numbers_are_used_up_is_followed_by_a_new_one_in_mid_transfer(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_loop, "PATHS_MAX", 4)
    source = tmp_path / "lap.bin"
    source.write_bytes(data_of(SIZE))
    stage.plug("steady")
    stage.plug("loose")
    stage.wait(lambda: stage.sessions() == 1)
    job = Job("id-1", str(source), SIZE, 5, 1.0, JobState.UPLOADING, "pit", "lap.bin")
    out = OutgoingJob.open(job, 65536)
    stage.agent.loop.post(lambda: stage.agent.begin("pit", out))
    stage.wait(lambda: stage.relay.bytes_received > SIZE / 10)
    for _ in range(4):  # each time is another path
        stage.unplug("loose")
        stage.plug("loose")
        time.sleep(0.05)
    stage.wait(lambda: any(name == "on_arrived" for name, _ in stage.told))
    assert stage.sessions() == 2
    assert [arguments[1:] for name, arguments in stage.told if name == "on_online"] == [(True, "")]  # it never was away
    assert not [name for name, _ in stage.told if name == "on_failed"]
    (arrived,) = (tmp_path / "in").rglob("lap.bin")
    assert arrived.read_bytes() == source.read_bytes()
    assert set(out.carried) == {"steady", "loose"}
