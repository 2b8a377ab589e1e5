"""A whole transfer over two real interfaces: each carries its part by its own device, and one may go in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.namespaces import FAR_ADDRESS, Namespaces, namespaces
from tests.support.field import Field, Running, data_of

pytestmark = [pytest.mark.netns, pytest.mark.slow]

SIZE = 20_000_000
CAP_MBPS = 16  # slow enough that a scan for links finds one that came back
CARRIED = """
import json
rows = (line.split() for line in open("/proc/net/dev").read().splitlines()[2:])
print(json.dumps({row[0].rstrip(":"): int(row[9]) for row in rows}))
"""


class TwoCables:
    """A relay in one namespace, an agent in the other, and two cables between them."""

    def __init__(self, spaces: Namespaces, folder: Path) -> None:
        self.spaces, self.field = spaces, Field(folder)
        self.field.listen = "0.0.0.0:9000"
        self.relay = self.field.start_relay(prefix=("ip", "netns", "exec", spaces.far))
        self.field.pair(f"{FAR_ADDRESS}:9000")
        for cable in ("cable0", "cable1"):
            assert self.field.say("link", "set", cable, "--cap", CAP_MBPS).code == 0
        self.data = data_of(SIZE)
        (folder / "lap.bin").write_bytes(self.data)
        self.field.upload(folder / "lap.bin")

    def start_agent(self) -> Running:
        return self.field.start("agent", "--once", prefix=("ip", "netns", "exec", self.spaces.near))

    def carried(self) -> dict[str, int]:
        """Bytes that each device of the agent's side has sent."""
        return dict(self.spaces.run(self.spaces.near, CARRIED))

    def links(self) -> dict[str, int]:
        """What the job says that each link carried."""
        (job,) = self.field.jobs()
        return dict(job["links"])

    def assert_arrived(self) -> None:
        assert self.field.arrived() == {"lap.bin": self.data}


@pytest.fixture
def cables(tmp_path: Path) -> Iterator[TwoCables]:
    with namespaces() as spaces:
        made = TwoCables(spaces, tmp_path)
        yield made
        made.field.close()


def test_both_interfaces_carry_their_part_by_their_own_device(cables: TwoCables) -> None:
    agent = cables.start_agent()
    assert agent.wait() == 0, agent.err
    cables.assert_arrived()
    carried, links = cables.carried(), cables.links()
    assert set(links) == {"cable0", "cable1"}
    for cable in ("cable0", "cable1"):  # the route to the relay goes by cable0: cable1 carries by being bound to
        assert carried[cable] > SIZE / 4
        assert links[cable] <= carried[cable] < 1.3 * links[cable] + 500_000


@pytest.mark.parametrize("cable", ["cable0", "cable1"])
def test_when_an_interface_goes_down_the_other_goes_on_and_when_it_is_back_it_helps(
    cables: TwoCables, cable: str
) -> None:
    other = {"cable0": "cable1", "cable1": "cable0"}[cable]
    agent = cables.start_agent()
    cables.field.wait_job(lambda job: job["bytes_done"] > SIZE / 8)
    cables.spaces.ip(cables.spaces.near, "link", "set", cable, "down")
    at_fall = cables.carried()
    done = cables.field.jobs()[0]["bytes_done"]
    cables.field.wait_job(lambda job: job["bytes_done"] > done + SIZE / 8)
    later = cables.carried()
    assert later[other] - at_fall[other] > SIZE / 16  # what is kept of the progress is a second old
    assert later[cable] == at_fall[cable]
    cables.spaces.ip(cables.spaces.near, "link", "set", cable, "up")
    if cable == "cable0":  # the kernel drops a route with its device
        route = (f"{FAR_ADDRESS}/32", "via", "10.77.0.2", "dev", cable, "metric", "10")
        cables.spaces.ip(cables.spaces.near, "route", "add", *route)
    assert agent.wait() == 0, agent.err
    cables.assert_arrived()
    assert cables.carried()[cable] > later[cable] + 200_000
