"""What cameras' frames are sent with elsewhere: rsync over its daemon, and a plain sender over eight TCP connections.

The TCP pair is of the design that the product replaces: the sender polls the folder every 50 ms, takes a file for
complete once its size has been the same for 5 ms or the file four places later is there, and eight connections take
the next file each; the receiver has a thread for each connection, writes `NAME.part` and renames it. Neither syncs.

Both also have a durable way. The plain receiver syncs the file, renames it, and syncs its folder before it answers.
rsync's `--fsync` goes to the daemon, which syncs each file before it renames it, and never a folder.

`python -m benchmarks.camera_peers receive PORT DIR [durable]` and `... send PORT DIR FILES` are the two halves.
"""

from __future__ import annotations

import io
import os
import queue
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.page import ROOT
from benchmarks.processes import cpu_seconds
from transfer_core.storage.durable import sync_folder

DURABLE = "durable"
CONNECTIONS = 8
POLL_S, STABLE_S, LOOKAHEAD = 0.05, 0.005, 4
BLOCK_BYTES = 8 << 20
_HEAD = struct.Struct("!HQ")
START_S = 15.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What a peer took: seconds from the order to the last name, and CPU seconds of both its sides."""

    took_s: float
    cpu_s: float


def free_port() -> int:
    """A TCP port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def tcp_peer(
    source: Path, target: Path, files: int, *, durable: bool = False
) -> Iterator[tuple[subprocess.Popen[str], subprocess.Popen[str]]]:
    """Receiver and sender as processes of their own; the sender ends after so many files."""
    port = free_port()
    words = [sys.executable, "-m", "benchmarks.camera_peers"]
    target.mkdir(parents=True, exist_ok=True)
    how = [DURABLE] if durable else []
    receiver = subprocess.Popen([*words, "receive", str(port), str(target), *how], cwd=ROOT, text=True)
    try:
        _wait_for(port)
        sender = subprocess.Popen([*words, "send", str(port), str(source), str(files)], cwd=ROOT, text=True)
        try:
            yield receiver, sender
        finally:
            sender.kill()
            sender.wait()
    finally:
        receiver.kill()
        receiver.wait()


@contextmanager
def rsync_daemon(target: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A daemon, and the address of its module."""
    port = free_port()
    target.mkdir(parents=True, exist_ok=True)
    settings = target.parent / "rsyncd.conf"
    settings.write_text(f"use chroot = no\nuid = {os.getuid()}\n[drop]\npath = {target}\nread only = no\n")
    words = ["rsync", "--daemon", "--no-detach", f"--config={settings}", f"--port={port}", "--address=127.0.0.1"]
    daemon = subprocess.Popen(words, text=True)
    try:
        _wait_for(port)
        yield daemon, f"rsync://127.0.0.1:{port}/drop/"
    finally:
        daemon.terminate()
        daemon.wait()


def send_by_tcp(source: Path, target: Path, files: int, limit_s: float, *, durable: bool = False) -> Sent:
    """All files of a folder, once."""
    before_s, began_s = _children_s(), time.monotonic()
    with tcp_peer(source, target, files, durable=durable) as (receiver, sender):
        sender.wait(limit_s)
        took_s = time.monotonic() - began_s
        cpu_s = cpu_seconds(receiver.pid) + _children_s() - before_s
    return Sent(took_s, cpu_s)


def send_by_rsync(source: Path, target: Path, limit_s: float, *, durable: bool = False) -> Sent:
    """All files of a folder, once."""
    with rsync_daemon(target) as (_, address):
        before_s, began_s = _children_s(), time.monotonic()
        how = ["--fsync"] if durable else []
        words = ["rsync", "-a", "--whole-file", *how, f"{source}/", address]
        subprocess.run(words, check=True, timeout=limit_s)
        took_s = time.monotonic() - began_s
    return Sent(took_s, _children_s() - before_s)


def _children_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _wait_for(port: int) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(f"nobody listens on port {port}")


# --- the TCP pair


def _receive(port: int, target: Path, durable: bool) -> None:
    with socket.create_server(("127.0.0.1", port), backlog=64) as server:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_take_files, args=(connection, target, durable), daemon=True).start()


def _take_files(connection: socket.socket, target: Path, durable: bool) -> None:
    buffer = bytearray(BLOCK_BYTES)
    with connection, io.BufferedReader(connection.makefile("rb", buffering=0), 1 << 20) as stream:
        while len(head := stream.read(_HEAD.size)) == _HEAD.size:
            name_bytes, left = _HEAD.unpack(head)
            path = target / stream.read(name_bytes).decode()
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(path.name + ".part")
            with part.open("wb", buffering=0) as file:
                while left:
                    count = stream.readinto(memoryview(buffer)[: min(left, BLOCK_BYTES)])
                    if not count:
                        return
                    file.write(memoryview(buffer)[:count])
                    left -= count
                if durable:
                    os.fsync(file.fileno())
            part.replace(path)
            if durable:
                sync_folder(path.parent)
            connection.sendall(b"\1")


def _send(port: int, source: Path, files: int) -> None:
    todo: queue.Queue[Path | None] = queue.Queue()
    threads = [threading.Thread(target=_send_files, args=(port, source, todo)) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    sizes: dict[Path, int] = {}
    taken: set[Path] = set()
    while len(taken) < files:
        found = sorted(path for path in source.rglob("*") if path.is_file())
        fresh = [path for path in found if path not in taken]
        sure = set(found[:-LOOKAHEAD]) if len(found) > LOOKAHEAD else set()
        now = {path: path.stat().st_size for path in fresh}
        time.sleep(STABLE_S)
        for path in fresh:
            if (path in sure and sizes.get(path) == now[path]) or now[path] == path.stat().st_size > 0:
                taken.add(path)
                todo.put(path)
        sizes = now
        if len(taken) < files:
            time.sleep(POLL_S)
    for _ in threads:
        todo.put(None)
    for thread in threads:
        thread.join()


def _send_files(port: int, source: Path, todo: queue.Queue[Path | None]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (path := todo.get()) is not None:
            name = path.relative_to(source).as_posix().encode()
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                connection.sendall(_HEAD.pack(len(name), size) + name)
                connection.sendfile(file, count=size)
            connection.recv(1)


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        _receive(int(sys.argv[2]), Path(sys.argv[3]), DURABLE in sys.argv[4:])
    else:
        _send(int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
