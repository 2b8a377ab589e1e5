"""Uploads in chunks over a long way: how much longer they take than one PUT of the same file over the same line."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.stage import write_random
from transfer_core.engine.local_service import LocalService
from transfer_core.events import JobState
from transfer_core.service import NewDestination

RATE_BPS, ROUND_TRIP_S = 50e6, 0.2
OVERHEAD_MOST = 0.05
LIMIT_S = 300.0


class _Sink(BaseHTTPRequestHandler):
    """Reads a body and says so."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_PUT(self) -> None:
        """Take it all."""
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 65_536)))
        self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def _line_to(port: int) -> Iterator[int]:
    words = [sys.executable, "-m", "benchmarks.tcp_line", "0", str(port), str(RATE_BPS), str(ROUND_TRIP_S / 2)]
    line = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert line.stdout is not None
        yield int(line.stdout.readline())
    finally:
        line.kill()
        line.wait()
        if line.stdout is not None:
            line.stdout.close()


@contextmanager
def _relay(folder: Path) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "transfer_core.cli", "relay", "--dir", str(folder / "in"), "--listen", "127.0.0.1:0"]
    words += ["--http", f"127.0.0.1:{port}", "--state", str(folder / "relay"), "--json"]
    relay = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert relay.stdout is not None
        relay.stdout.readline()
        yield port
    finally:
        relay.terminate()
        relay.wait(20)
        if relay.stdout is not None:
            relay.stdout.close()


def _one_put_s(source: Path) -> float:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with _line_to(server.server_address[1]) as port:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
            begun_s = time.monotonic()
            with source.open("rb") as file:
                headers = {"Content-Length": str(source.stat().st_size)}
                connection.request("PUT", "/lap.bin", file, headers)
            connection.getresponse().read()
            taken_s = time.monotonic() - begun_s
            connection.close()
            return taken_s
    finally:
        server.shutdown()
        server.server_close()


def _upload_s(folder: Path, source: Path, kind: str, path: str) -> float:
    """From the claim to the verified end, as the history has it."""
    with _relay(folder) as relay, _line_to(relay) as port:
        agent = LocalService(folder / "agent", links=["lo"])
        agent.start()
        try:
            agent.uploads.add_destination(NewDestination("there", f"http://127.0.0.1:{port}{path}", kind))
            (job,) = agent.add_paths([str(source)], destination="there").added
            end = time.monotonic() + LIMIT_S
            while agent.job(job.file_id).status is not JobState.COMPLETED:
                if time.monotonic() > end:
                    raise RuntimeError(f"not there after {LIMIT_S} s: {agent.job(job.file_id)}")
                time.sleep(0.05)
            return agent.job(job.file_id).duration_s or 0.0
        finally:
            agent.stop()


def measure(bench: Bench) -> Result:
    """The same file each way, on a link of which nothing is known yet."""
    size = 50_000_000 if bench.quick else 200_000_000
    ways = {"chunks": ("relay-http", ""), "tus": ("tus", "/files")}
    put: list[float] = []
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(bench.runs):
        with bench.scratch(in_memory=True) as folder:
            source = write_random(folder / "lap.bin", size, seed=number)
            put.append(_one_put_s(source))
            bench.log(f"one PUT: {put[-1]:.1f} s")
            for name, (kind, path) in ways.items():
                taken[name].append(_upload_s(folder / name, source, kind, path))
                bench.log(f"{name}: {taken[name][-1]:.1f} s")
    overhead = {name: median(each) / median(put) - 1 for name, each in taken.items()}
    what = "200 ms, 50 Mbit/s: chunks against one PUT"
    goals = [Goal(what, "<= +5 %", f"{overhead['chunks']:+.1%}", overhead["chunks"] <= OVERHEAD_MOST)]
    rows = [("one PUT", spread(put, 1), "")]
    rows += [(name, spread(each, 1), f"{overhead[name]:+.1%}") for name, each in taken.items()]
    note = (
        f"File of {size / 1e6:.0f} MB. Chunks of 5 MB, since nothing is known of the link; the next one is sent while "
        "the answer to the last is on its way. tus appends in order, so each slice waits for the answer to the last; "
        "slices grow with what is learned of the link."
    )
    return Result(goals, [Table(("way", "s", "over one PUT"), rows)], notes=[note])


FIGURE = Figure(
    "http-chunks",
    "Uploads over HTTP on a long way",
    "An agent uploads to a relay's HTTP side through a process that carries TCP with 50 Mbit/s and 100 ms each way; "
    "beside it one PUT of the same file to a server that reads and answers. The upload's time includes the checks of "
    "hashes, both syncs and the rename.",
    measure,
    order=65,
)
