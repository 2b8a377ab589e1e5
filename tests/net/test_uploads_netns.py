"""Uploads over HTTP on two real devices: each request leaves over one, and goes over the other when that one dies."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.net.namespaces import FAR_ADDRESS, Namespaces, namespaces, why_not

pytestmark = pytest.mark.netns
REASON = why_not()
MB = 1_000_000
LIMIT_S = 60.0
NEAR = {"cable0": "10.77.0.1", "cable1": "10.77.1.1"}

SERVER = """
import json, sys
from pathlib import Path
from tests.support.chunk_server import ChunkServer
server = ChunkServer(Path(sys.argv[1]), 8080, "0.0.0.0")
server.rate_bytes_per_s = 6e6
server.start()
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps({"peers": server.peers, "received": server.piece_bytes_received}), flush=True)
"""
AGENT = """
import json, sys
from pathlib import Path
from transfer_core.engine.local_service import LocalService
from transfer_core.service import NewDestination
agent = LocalService(Path(sys.argv[1]), links=["cable0", "cable1"])
agent.start()
agent.uploads.add_destination(NewDestination("box", sys.argv[2], "chunked"))
(job,) = agent.add_paths([sys.argv[3]], destination="box").added
print("ready", flush=True)
for line in sys.stdin:
    view = agent.job(job.file_id)
    print(json.dumps({"status": view.status, "done": view.bytes_done, "links": dict(view.links),
                      "resent": view.resent_bytes, "reason": view.reason}), flush=True)
agent.stop()
"""


@pytest.fixture
def cables() -> Iterator[Namespaces]:
    with namespaces() as made:
        yield made


class Asked:
    """A process that answers a line with a JSON object."""

    def __init__(self, cables: Namespaces, namespace: str, code: str, *arguments: object) -> None:
        self._process = cables.start(namespace, code, *map(str, arguments))
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def ask(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def wait(self, condition: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        end = time.monotonic() + LIMIT_S
        while True:
            found = self.ask()
            if condition(found):
                return found
            assert time.monotonic() < end, f"never came: {what}; {found}"
            time.sleep(0.1)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.mark.skipif(REASON is not None, reason=f"no namespaces here: {REASON}")
@pytest.mark.parametrize("fault", ["down", "silent"])
def test_an_upload_goes_on_over_the_other_link_when_its_own_dies(
    cables: Namespaces, tmp_path: Path, fault: str
) -> None:
    source = tmp_path / "lap.bin"
    source.write_bytes(np.random.default_rng(1).bytes(24 * MB))
    server = Asked(cables, cables.far, SERVER, tmp_path / "server")
    agent = Asked(cables, cables.near, AGENT, tmp_path / "state", f"http://{FAR_ADDRESS}:8080", source)
    try:
        before = agent.wait(lambda job: job["done"] >= 5 * MB, "the first chunk")
        (used,) = before["links"]
        other = "cable1" if used == "cable0" else "cable0"
        if fault == "down":
            cables.ip(cables.near, "link", "set", used, "down")
        else:  # the device stays up, and nothing comes back over it
            cables.ip(cables.far, "route", "add", "blackhole", f"{NEAR[used]}/32")
        after = agent.wait(lambda job: job["status"] == "completed", "the file")
        assert after["links"][other] > 0
        assert sum(after["links"].values()) == 24 * MB
        assert set(NEAR.values()) <= set(server.ask()["peers"])
        assert (tmp_path / "server" / "completed" / "lap.bin").read_bytes() == source.read_bytes()
        assert after["resent"] <= 10 * MB
    finally:
        agent.close()
        server.close()


MUTE_SERVER = """
import json, socket, sys
listener = socket.create_server(("0.0.0.0", 8081))
print("ready", flush=True)
peer, _ = listener.accept()
got = b""
while not got.endswith(b"the end"):
    got += peer.recv(65536)
for line in sys.stdin:
    print(json.dumps({"read": True}), flush=True)
"""
CALLER = """
import json, sys, threading
from transfer_core.errors import LinkError
from transfer_core.upload.door import Step
from transfer_core.upload.session import LinkSession
ended = []
step = Step("a question", "POST", sys.argv[1], patience_s=3600)
def call():
    try:
        LinkSession("cable0").perform(step, {}, iter([b"the end"]), 7)
    except LinkError as error:
        ended.append(error.code)
threading.Thread(target=call, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps({"ended": ended}), flush=True)
"""


@pytest.mark.skipif(REASON is not None, reason=f"no namespaces here: {REASON}")
def test_a_link_that_dies_while_only_the_answer_is_waited_for_is_noticed(cables: Namespaces) -> None:
    server = Asked(cables, cables.far, MUTE_SERVER)
    caller = Asked(cables, cables.near, CALLER, f"http://{FAR_ADDRESS}:8081/")
    try:
        server.wait(lambda said: bool(said["read"]), "the whole request")
        assert caller.ask()["ended"] == []
        cables.ip(cables.far, "route", "add", "blackhole", f"{NEAR['cable0']}/32")
        caller.wait(lambda said: bool(said["ended"]), "the end of the waiting")
    finally:
        caller.close()
        server.close()
