"""The least that any sealed transfer over UDP has to do, in two processes: seal, send, receive, open; nothing else.

Bursts of 44 datagrams of 1,472 bytes, one `sendmsg` with UDP_SEGMENT for each burst, UDP_GRO at the receiver,
AES-256-GCM per datagram on slices made once, a fresh nonce each. The plain text comes from one ring of memory larger
than the caches and goes to another, as a file's would. The receiver says every few bursts how many bytes it has opened;
the sender keeps no more than a part of a socket buffer unanswered, so that nothing is dropped.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import cycle

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.page import ROOT
from transfer_core.net.socket_buffers import enlarge_buffers

DATAGRAM_BYTES = 1472
HEAD_BYTES = 12
TAG_BYTES = 16
PLAIN_BYTES = DATAGRAM_BYTES - HEAD_BYTES - TAG_BYTES
BURST = 44
WINDOW_BYTES = 2 * 1024 * 1024
RING_BURSTS = 512  # 32 MB
ANSWER_EVERY_BYTES = 256 * 1024
LOST_S = 0.2
_SOL_UDP, _UDP_SEGMENT, _UDP_GRO = 17, 103, 104
_KEY = bytes(range(32))
_COUNT = struct.Struct("=Q")


@dataclass(frozen=True, slots=True)
class LoopResult:
    """Plain bits per second opened at the receiver, and what each side's process took of the CPU."""

    bps: float
    sender_s_per_gb: float
    receiver_s_per_gb: float


def bare_loop(total_bytes: int) -> LoopResult:
    """Send at least that many plain bytes from this process to another on loopback."""
    receiver = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_loop", str(total_bytes)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert receiver.stdout is not None
    try:
        port = int(receiver.stdout.readline())
        sender_s = _send(port, total_bytes)
        said = json.loads(receiver.stdout.readline())
        receiver.wait(10)
    finally:
        receiver.kill()
        receiver.wait()
        receiver.stdout.close()
    gigabytes = said["opened"] / 1e9
    return LoopResult(said["opened"] * 8 / said["seconds"], sender_s / gigabytes, said["cpu_s"] / gigabytes)


def _send(port: int, total_bytes: int) -> float:
    """CPU seconds that it took."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        enlarge_buffers(sock)
        sock.connect(("127.0.0.1", port))
        sock.settimeout(LOST_S)
        seal = AESGCM(_KEY).encrypt_into
        buffer = memoryview(bytearray(BURST * DATAGRAM_BYTES))
        rows = [buffer[at : at + DATAGRAM_BYTES] for at in range(0, len(buffer), DATAGRAM_BYTES)]
        places = [(row[:HEAD_BYTES], row[HEAD_BYTES:]) for row in rows]
        ring = cycle(_ring())
        control = [(_SOL_UDP, _UDP_SEGMENT, struct.pack("=H", DATAGRAM_BYTES))]
        sent = opened = number = 0
        began_cpu = time.process_time()
        give_up = time.monotonic() + 120
        while opened < total_bytes and time.monotonic() < give_up:
            if sent - opened >= WINDOW_BYTES or sent >= total_bytes:
                try:
                    opened = max(opened, _COUNT.unpack(sock.recv(8))[0])
                except TimeoutError:  # an answer, or what it should have told of, was lost
                    sent = opened
                continue
            for (head, sealed), text in zip(places, next(ring), strict=True):
                number += 1
                nonce = number.to_bytes(12, "big")
                head[:] = nonce
                seal(nonce, text, head, sealed)
            sock.sendmsg((buffer,), control)
            sent += BURST * PLAIN_BYTES
        return time.process_time() - began_cpu


def _ring() -> list[list[memoryview]]:
    """Room for the plain text of many bursts, row by row."""
    memory = memoryview(bytearray(os.urandom(1 << 20)) * (RING_BURSTS * BURST * PLAIN_BYTES // (1 << 20) + 1))
    rows = [memory[at * PLAIN_BYTES : (at + 1) * PLAIN_BYTES] for at in range(RING_BURSTS * BURST)]
    return [rows[at : at + BURST] for at in range(0, len(rows), BURST)]


def _receive(total_bytes: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        enlarge_buffers(sock)
        sock.setsockopt(_SOL_UDP, _UDP_GRO, 1)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(30)
        print(sock.getsockname()[1], flush=True)
        unseal = AESGCM(_KEY).decrypt_into
        buffer = memoryview(bytearray(65_536))
        ring = cycle(_ring())
        rows = [buffer[at : at + DATAGRAM_BYTES] for at in range(0, 65_536 - DATAGRAM_BYTES, DATAGRAM_BYTES)]
        places = [(row[:HEAD_BYTES], row[HEAD_BYTES:]) for row in rows]
        opened = answered = 0
        began = began_cpu = 0.0
        while opened < total_bytes:
            size, _, _, sender = sock.recvmsg_into((buffer,), 64)
            if not began:
                began, began_cpu = time.perf_counter(), time.process_time()
            for (head, sealed), plain in zip(places[: size // DATAGRAM_BYTES], next(ring), strict=False):
                opened += unseal(head, sealed, head, plain)
            if opened - answered >= ANSWER_EVERY_BYTES or opened >= total_bytes:
                sock.sendto(_COUNT.pack(opened), sender)
                answered = opened
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
        for _ in range(3):
            sock.sendto(_COUNT.pack(opened), sender)
        print(json.dumps({"opened": opened, "seconds": seconds, "cpu_s": cpu_s}), flush=True)


if __name__ == "__main__":
    _receive(int(sys.argv[1]))
