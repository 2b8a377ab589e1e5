"""This agent against @tus/server, the reference implementation for Node.js, unchanged. Skipped aloud without it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fault_proxy import FaultProxy
from tests.support.npm import install_packages
from tests.support.small_server import Handler, Reply, lose_answer
from tests.support.upload_world import UploadWorld, wait_until

MB = 1_000_000
SERVER = """
import { createServer } from "node:http";
import { Server } from "@tus/server";
import { FileStore } from "@tus/file-store";

const tus = new Server({ path: "/files", datastore: new FileStore({ directory: process.argv[2] }) });
const listener = createServer(tus.handle.bind(tus));
listener.listen(0, "127.0.0.1", () => console.log(listener.address().port));
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server as a program that takes a folder."""
    folder = install_packages(tmp_path_factory, "@tus/server@2.4.5", "@tus/file-store@2.1.1")
    (folder / "server.mjs").write_text(SERVER)
    return folder / "server.mjs"


@pytest.fixture
def server(program: Path, tmp_path: Path) -> Iterator[FaultProxy]:
    """A proxy before the server, whose files are in `tmp_path / tus`."""
    (tmp_path / "tus").mkdir()
    process = subprocess.Popen(["node", program, tmp_path / "tus"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    proxy = FaultProxy(int(process.stdout.readline()))
    proxy.start()
    yield proxy
    proxy.stop()
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[UploadWorld]:
    made = UploadWorld(tmp_path)
    yield made
    made.stop()


def arrived(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in (folder / "tus").glob("*.json"):
        about = json.loads(path.read_text())
        found[about["metadata"]["filename"]] = path.with_suffix("").read_bytes()
    return found


def test_files_arrive_whole_whatever_their_size_and_name(
    world: UploadWorld, server: FaultProxy, tmp_path: Path
) -> None:
    sources = [world.file("lap.bin", 12 * MB), world.file("Runde ä+1.txt", 500), world.file("empty.bin", 0)]
    world.destination(server.url + "/files")
    assert world.agent.destinations()[0].kind == "tus"
    for source in sources:
        world.arrive(world.queue(source))
    assert arrived(tmp_path) == {source.name: source.read_bytes() for source in sources}


def test_lost_answers_and_broken_bodies_are_gone_on_from(
    world: UploadWorld, server: FaultProxy, tmp_path: Path
) -> None:
    source = world.file("lap.bin", 12 * MB)

    def break_off(handler: Handler) -> Reply:
        return handler.hang_up()

    server.faults.extend([lose_answer, break_off])
    world.destination(server.url + "/files")
    world.arrive(world.queue(source))
    assert arrived(tmp_path) == {"lap.bin": source.read_bytes()}


def test_an_upload_goes_on_after_the_agent_was_restarted(
    world: UploadWorld, server: FaultProxy, tmp_path: Path
) -> None:
    source = world.file("lap.bin", 20 * MB)
    server.rate_bytes_per_s = 20e6
    world.destination(server.url + "/files")
    file_id = world.queue(source)
    wait_until(lambda: world.job(file_id).bytes_done >= 5 * MB, "the first slice")
    world.restart()
    server.rate_bytes_per_s = None
    world.arrive(file_id)
    assert arrived(tmp_path) == {"lap.bin": source.read_bytes()}
    assert sum(method == "POST" for method, _ in server.requests) == 1
