"""Uploads over HTTP to the relay: how fast beside a bare handler, and what fifty at once hold in memory."""

from __future__ import annotations

import http.client
import json
import selectors
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.page import ROOT
from benchmarks.processes import cpu_seconds, peak_memory_bytes
from benchmarks.stage import READY_S, Speaker

FILE_BYTES = 1_000_000_000
QUICK_BYTES = 200_000_000
CHUNK_BYTES = 5_000_000
AT_ONCE = 50
LIMIT_BYTES = 150e6
NEAR = 0.8
PIECE_BYTES = 1 << 18
_TUS = {"Tus-Resumable": "1.0.0"}
_BOUNDARY = "0123456789abcdef" * 2  # as long as those of HTTP libraries
_OFFSET_TYPE = "application/offset+octet-stream"


@dataclass(frozen=True, slots=True)
class Server:
    """One that listens."""

    pid: int
    host: str
    port: int

    def connect(self) -> http.client.HTTPConnection:
        """A connection to it."""
        return http.client.HTTPConnection(self.host, self.port, timeout=600)


@dataclass(frozen=True, slots=True)
class Took:
    """One file: seconds, and CPU seconds of the server."""

    bps: float
    cpu_s_per_gb: float


def measure(bench: Bench) -> Result:
    """The three ways in turn, in one run; then fifty at once in a fresh process."""
    size = QUICK_BYTES if bench.quick else FILE_BYTES
    data = memoryview(np.random.default_rng(bench.seed).bytes(size))
    ways: dict[str, Callable[[Server, memoryview], None]] = {
        "bare": _put,
        "tus": _send_tus,
        "bare, 5 MB at a time": _put_chunks,
        "chunks": _send_chunks,
    }
    took: dict[str, list[Took]] = {name: [] for name in ways}
    with bench.scratch() as folder, _bare(folder) as bare, _relay(folder) as relay:
        for _ in range(bench.runs + 1):
            for name, send in ways.items():
                took[name].append(_timed(bare if name.startswith("bare") else relay, send, data))
                bench.log(f"{name}: {took[name][-1].bps / 8e6:.0f} MB/s")
                for path in (*folder.glob("bare*"), *(folder / "in").rglob("*")):
                    if path.is_file():
                        path.unlink()
    for group in took.values():
        del group[0]  # the first run warms caches
    goals = [
        _near("tus", took["tus"], took["bare"]),
        _near("chunks", took["chunks"], took["bare, 5 MB at a time"]),
    ]
    each_bytes = _room_for(bench)
    peak_bytes = _fifty(bench, each_bytes)
    what = f"{AT_ONCE} uploads of {each_bytes / 1e9:g} GB at once: peak resident"
    goals.append(Goal(what, "< 150 MB", f"{peak_bytes / 1e6:.0f} MB", peak_bytes < LIMIT_BYTES))
    rows = [
        (name, spread([each.bps / 8e6 for each in group], 0), spread([each.cpu_s_per_gb for each in group]))
        for name, group in took.items()
    ]
    note = (
        "`bare` writes a body in blocks on a thread and syncs it; beside that the relay syncs as it goes, hashes with "
        "BLAKE3, keeps a durable record, renames, and syncs the folder. `tus` is one PATCH; `chunks` are forms of "
        "5 MB, each synced and recorded before its answer. "
        "The peak is VmHWM of the relay's process; the fifty send zeros, which take no disk."
    )
    return Result(goals, [Table(("way", "MB/s", "server CPU s per GB"), rows)], notes=[note])


def _near(name: str, group: list[Took], bare: list[Took]) -> Goal:
    ratio = median(each.bps / other.bps for each, other in zip(group, bare, strict=True))
    return Goal(f"{name} beside a bare handler", ">= 0.80", f"{ratio:.2f}", ratio >= NEAR)


def _timed(server: Server, send: Callable[[Server, memoryview], None], data: memoryview) -> Took:
    cpu_s, began_s = cpu_seconds(server.pid), time.monotonic()
    send(server, data)
    took_s = time.monotonic() - began_s
    return Took(len(data) * 8 / took_s, (cpu_seconds(server.pid) - cpu_s) * 1e9 / len(data))


# --- servers


@contextmanager
def _bare(folder: Path) -> Iterator[Server]:
    words = [sys.executable, "-m", "benchmarks.bare_http", str(folder)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield Server(process.pid, "127.0.0.1", int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def _relay(folder: Path) -> Iterator[Server]:
    words = ["relay", "--dir", str(folder / "in"), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--json"]
    command = [sys.executable, "-m", "transfer_core.cli", *words, "--state", str(folder / "state")]
    relay = Speaker(command, folder / "relay.log")
    try:
        ready = relay.wait_for(lambda said: said.event == "ready", READY_S)
        url = urlsplit(str(ready.fields["http"]))
        yield Server(relay.pid, str(url.hostname), int(url.port or 80))
    finally:
        relay.stop()


# --- clients


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: object, headers: dict[str, str]
) -> dict[str, str]:
    connection.request(method, path, body, headers)  # type: ignore[arg-type]
    answer = connection.getresponse()
    said = answer.read()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {said[:300]!r}")
    return {**{name.lower(): value for name, value in answer.getheaders()}, "body": said.decode()}


def _pieces(data: memoryview) -> Iterator[memoryview]:
    return (data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES))


def _put(server: Server, data: memoryview) -> None:
    connection = server.connect()
    _ask(connection, "PUT", "/x", _pieces(data), {"Content-Length": str(len(data))})
    connection.close()


def _put_chunks(server: Server, data: memoryview) -> None:
    connection = server.connect()
    for at in range(0, len(data), CHUNK_BYTES):
        chunk = data[at : at + CHUNK_BYTES]
        _ask(connection, "PUT", "/x", _pieces(chunk), {"Content-Length": str(len(chunk))})
    connection.close()


def _begin_tus(server: Server, size: int) -> str:
    connection = server.connect()
    where = _ask(connection, "POST", "/files/", None, {**_TUS, "Upload-Length": str(size)})["location"]
    connection.close()
    return where


def _patch_headers(size: int) -> dict[str, str]:
    return {**_TUS, "Upload-Offset": "0", "Content-Type": _OFFSET_TYPE, "Content-Length": str(size)}


def _send_tus(server: Server, data: memoryview) -> None:
    where = _begin_tus(server, len(data))
    connection = server.connect()
    _ask(connection, "PATCH", where, _pieces(data), _patch_headers(len(data)))
    connection.close()


def _send_chunks(server: Server, data: memoryview) -> None:
    total = -(-len(data) // CHUNK_BYTES)
    connection = server.connect()
    kind = {"Content-Type": "application/json"}
    begun = {"filename": "race.bin", "filesize": len(data), "chunks": total, "chunk_size": CHUNK_BYTES}
    upload_id = json.loads(_ask(connection, "POST", "/upload/init", json.dumps(begun), kind)["body"])["upload_id"]
    for index in range(total):
        fields = {"upload_id": upload_id, "chunk_index": index, "chunk_total": total}
        head = "".join(
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        head += f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="chunk"; filename="c"\r\n\r\n'
        chunk = data[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]
        parts = [head.encode(), *_pieces(chunk), f"\r\n--{_BOUNDARY}--\r\n".encode()]
        length = sum(map(len, parts))
        headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}", "Content-Length": str(length)}
        _ask(connection, "POST", "/upload/chunk", iter(parts), headers)
    _ask(connection, "POST", "/upload/finalize", json.dumps({"upload_id": upload_id}), kind)
    connection.close()


# --- fifty at once


def _room_for(bench: Bench) -> int:
    with bench.scratch() as folder:
        free_bytes = shutil.disk_usage(folder).free
    wanted = 20_000_000 if bench.quick else 1_000_000_000
    return min(wanted, max(1_000_000, free_bytes // (AT_ONCE + 5)))  # promised, though zeros take none


def _fifty(bench: Bench, each_bytes: int) -> int:
    """The most that the relay had resident."""
    data = memoryview(bytes(PIECE_BYTES))  # stays a hole in the file: fifty gigabytes fit on any disk
    with bench.scratch() as folder, _relay(folder) as server, selectors.DefaultSelector() as selector:
        left: dict[socket.socket, int] = {}
        for _ in range(AT_ONCE):
            where = _begin_tus(server, each_bytes)
            connection = socket.create_connection((server.host, server.port), 60)
            head = "".join(f"{name}: {value}\r\n" for name, value in _patch_headers(each_bytes).items())
            connection.sendall(f"PATCH {where} HTTP/1.1\r\nHost: {server.host}\r\n{head}\r\n".encode())
            connection.setblocking(False)
            left[connection] = each_bytes
            selector.register(connection, selectors.EVENT_WRITE)
        answered = 0
        while answered < AT_ONCE:
            for key, events in selector.select(600):
                answered += _go_on(selector, key.fileobj, events, left, data)  # type: ignore[arg-type]
        bench.log(f"{AT_ONCE} x {each_bytes / 1e6:.0f} MB: {peak_memory_bytes(server.pid) / 1e6:.0f} MB resident")
        return peak_memory_bytes(server.pid)


def _go_on(
    selector: selectors.BaseSelector,
    connection: socket.socket,
    events: int,
    left: dict[socket.socket, int],
    data: memoryview,
) -> int:
    """Send more of one body, or take its answer; 1 for that."""
    if events & selectors.EVENT_READ:
        said = connection.recv(4096)
        selector.unregister(connection)
        connection.close()
        if b" 204 " not in said.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"an upload failed: {said[:300]!r}")
        return 1
    left[connection] -= connection.send(data[: min(len(data), left[connection])])
    if not left[connection]:
        selector.modify(connection, selectors.EVENT_READ)
    return 0


FIGURE = Figure(
    "http-relay",
    "Uploads over HTTP",
    "One file of 1 GB (200 MB with --quick) over loopback, from one process to another, to a disk; then fifty at once.",
    measure,
    order=70,
)
