from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.net.namespaces import FAR_ADDRESS, Namespaces, namespaces

pytestmark = pytest.mark.netns

LISTEN = """
import json, sys
from transfer_core.net.udp import open_udp_port
import selectors
port = open_udp_port(("0.0.0.0", 9000))
print("ready", flush=True)
selector = selectors.DefaultSelector()
selector.register(port.fileno(), selectors.EVENT_READ)
found = {}
while selector.select(3.0):
    received = port.receive(0)
    if received is None:
        continue
    if bytes(received.payload) == b"end":
        break
    found[received.address[0]] = found.get(received.address[0], 0) + received.datagrams
print(json.dumps(found))
"""

SEND = """
import json, socket, sys
from transfer_core.net.udp import open_udp_port
host, wanted = sys.argv[1], json.loads(sys.argv[2])
def carried():
    rows = (line.split() for line in open("/proc/net/dev").read().splitlines()[2:])
    return {row[0].rstrip(":"): int(row[9]) for row in rows}
class Unprivileged(socket.socket):
    def setsockopt(self, level, option, value):
        if (level, option) == (socket.SOL_SOCKET, 25):
            raise PermissionError(1, "as without rights before Linux 5.7")
        super().setsockopt(level, option, value)
if "unprivileged" in sys.argv:
    socket.socket = Unprivileged
result = {}
for device in wanted:
    port = open_udp_port(device=device)
    before = carried()
    taken = port.send((host, 9000), memoryview(bytes(64 * 1200)), 1200)
    after = carried()
    result[str(device)] = {
        "taken": taken,
        "bound": port.capabilities.bound_to_device,
        "notes": port.capabilities.notes,
        "bytes_by": [name for name in after if after[name] > before[name]],
    }
    port.close()
end = open_udp_port()
end.send((host, 9000), memoryview(b"end"), 100)
print(json.dumps(result))
"""

LOSE = """
import json, subprocess, sys
from transfer_core.errors import LinkDown
from transfer_core.net.udp import open_udp_port
host = sys.argv[1]
def trial(port):
    try:
        return port.send((host, 9000), memoryview(bytes(2400)), 1200)
    except LinkDown as error:
        return str(error)
by_device, by_address, unbound = open_udp_port(device="cable1"), open_udp_port(("10.77.1.1", 0)), open_udp_port()
said = {"up": [trial(by_device), trial(by_address), trial(unbound)]}
subprocess.run(["ip", "link", "set", "cable1", "down"], check=True)
said["down"] = [trial(by_device), trial(by_address), trial(unbound)]
subprocess.run(["ip", "link", "set", "cable1", "up"], check=True)
subprocess.run(["ip", "address", "delete", "10.77.1.1/24", "dev", "cable1"], check=True)
said["address gone"] = [trial(by_address), trial(unbound)]
subprocess.run(["ip", "link", "delete", "cable1"], check=True)
said["gone"] = [trial(by_device), trial(by_address), trial(unbound)]
print(json.dumps(said))
"""

NARROW = """
import json, sys
from transfer_core.net.udp import open_udp_port
port = open_udp_port(device="cable1")
too_large = port.send((sys.argv[1], 9000), memoryview(bytes(20 * 1400)), 1400)
fitting = port.send((sys.argv[1], 9000), memoryview(bytes(20 * 1200)), 1200)
end = open_udp_port()
end.send((sys.argv[1], 9000), memoryview(b"end"), 100)
print(json.dumps([too_large, fitting, port.capabilities.segmentation]))
"""


@pytest.fixture
def spaces() -> Iterator[Namespaces]:
    with namespaces() as made:
        yield made


def exchange(spaces: Namespaces, code: str, *arguments: str) -> tuple[dict[str, int], object]:
    """What the far side got, by the address that it came from, and what the near side says."""
    with spaces.start(spaces.far, LISTEN) as listener:
        assert listener.stdout is not None
        assert listener.stdout.readline().strip() == "ready"
        said = spaces.run(spaces.near, code, FAR_ADDRESS, *arguments)
        got = json.loads(listener.stdout.read())
    assert listener.returncode == 0
    return got, said


def test_a_port_bound_to_a_device_leaves_by_it_whatever_the_route_says(spaces: Namespaces) -> None:
    got, said = exchange(spaces, SEND, json.dumps([None, "cable0", "cable1"]))
    assert isinstance(said, dict)
    assert {device: row["taken"] for device, row in said.items()} == {"None": 64, "cable0": 64, "cable1": 64}
    assert said["None"]["bytes_by"] == ["cable0"]  # the route's choice
    assert said["cable0"]["bytes_by"] == ["cable0"]
    assert said["cable1"]["bytes_by"] == ["cable1"]
    assert said["cable1"]["bound"] == "cable1"
    assert got == {"10.77.0.1": 128, "10.77.1.1": 64}


def test_so_does_one_that_may_only_choose_its_way_out(spaces: Namespaces) -> None:
    got, said = exchange(spaces, SEND, json.dumps(["cable0", "cable1"]), "unprivileged")
    assert isinstance(said, dict)
    assert said["cable0"]["bytes_by"] == ["cable0"]
    assert said["cable1"]["bytes_by"] == ["cable1"]
    assert said["cable1"]["notes"] == ["bound for the way out only (IP_UNICAST_IF)"]
    assert got == {"10.77.0.1": 64, "10.77.1.1": 64}


def test_a_device_that_goes_away_is_told_and_one_that_is_down_may_come_back(spaces: Namespaces) -> None:
    said = spaces.run(spaces.near, LOSE, FAR_ADDRESS)
    assert said["up"] == [2, 2, 2]
    assert said["down"][2] == 2  # by the other cable
    assert said["down"][0] == 2 or "cable1 is gone" in said["down"][0]
    assert said["address gone"] == ["this machine has the address 10.77.1.1 no more", 2]
    assert "cable1 is gone" in said["gone"][0]
    assert said["gone"][2] == 2


def test_a_burst_over_the_devices_mtu_is_lost_and_costs_no_ability(spaces: Namespaces) -> None:
    spaces.ip(spaces.near, "link", "set", "cable1", "mtu", "1300")
    got, said = exchange(spaces, NARROW)
    assert said == [20, 20, True]
    assert got == {"10.77.1.1": 20}
