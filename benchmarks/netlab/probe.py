"""Measures a link from outside the model: numbered datagrams at a set rate, counted and timed in another process.

    python -m benchmarks.netlab.probe receive PORT          prints "ready", then one JSON object when the sender is done
    python -m benchmarks.netlab.probe send HOST PORT MBPS SECONDS

Both run on one machine, so that one clock tells the delay of one way.
"""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.netlab.lab import RELAY_HOST, Lab
from benchmarks.page import ROOT

PORT = 7007
PAYLOAD_BYTES = 1472
IP_BYTES = PAYLOAD_BYTES + 28
_HEAD = struct.Struct("=QQ")  # number, nanoseconds at which it was sent
_OVER = 1 << 63
QUIET_S = 3.0


@dataclass(frozen=True, slots=True)
class Probed:
    """What arrived of a stream of datagrams of 1,500 IP bytes."""

    sent: int
    arrived: int
    rate_mbps: float  # IP bytes in the middle of the stream
    delay_ms: float  # one way, median
    delay_sd_ms: float
    overtaken: int

    @property
    def loss(self) -> float:
        """What did not arrive."""
        return 1 - self.arrived / self.sent


def probe(lab: Lab, rate_mbps: float, seconds: float) -> Probed:
    """Send from near to far over the first link."""
    module = [sys.executable, "-m", "benchmarks.netlab.probe"]
    receiver = subprocess.Popen(
        [*lab.far.prefix, *module, "receive", str(PORT)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert receiver.stdout is not None
    try:
        receiver.stdout.readline()
        words = [*lab.near.prefix, *module, "send", RELAY_HOST, str(PORT), str(rate_mbps), str(seconds)]
        sent = json.loads(subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT).stdout)
        said = json.loads(receiver.stdout.readline())
    finally:
        receiver.kill()
        receiver.wait()
        receiver.stdout.close()
    return Probed(sent=sent["sent"], **said)


def send(host: str, port: int, rate_mbps: float, seconds: float) -> dict[str, Any]:
    """Datagrams at an even rate, behind time never more than a millisecond's worth at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        buffer = bytearray(PAYLOAD_BYTES)
        per_s = rate_mbps * 1e6 / 8 / IP_BYTES
        began = time.monotonic()
        number = 0
        while (now := time.monotonic() - began) < seconds:
            while number < now * per_s:
                _HEAD.pack_into(buffer, 0, number, time.monotonic_ns())
                sock.sendto(buffer, (host, port))
                number += 1
            time.sleep(min(1 / per_s, 0.001))
        time.sleep(0.5)
        for _ in range(200):  # one of them arrives, whatever the loss
            _HEAD.pack_into(buffer, 0, _OVER, 0)
            sock.sendto(buffer[: _HEAD.size], (host, port))
            time.sleep(0.005)
    return {"sent": number}


def receive(port: int) -> dict[str, Any]:
    """Count and time what arrives until the sender says that it is over."""
    numbers: list[int] = []
    delays: list[int] = []
    arrivals: list[int] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        sock.bind(("", port))
        print("ready", flush=True)
        sock.settimeout(60)
        while True:
            data = sock.recv(2048)
            now_ns = time.monotonic_ns()
            number, sent_ns = _HEAD.unpack_from(data)
            if number == _OVER:
                break
            numbers.append(number)
            delays.append(now_ns - sent_ns)
            arrivals.append(now_ns)
    order, at = np.array(numbers), np.array(arrivals)
    first, last = at[0] + (at[-1] - at[0]) // 4, at[-1]
    middle = np.count_nonzero((at > first) & (at <= last))
    highest = np.maximum.accumulate(order)
    return {
        "arrived": len(set(numbers)),
        "rate_mbps": middle * IP_BYTES * 8e3 / float(last - first),
        "delay_ms": float(np.median(delays)) / 1e6,
        "delay_sd_ms": float(np.std(delays)) / 1e6,
        "overtaken": int(np.count_nonzero(order < highest)),
    }


if __name__ == "__main__":
    if sys.argv[1] == "send":
        print(json.dumps(send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]))))
    else:
        print(json.dumps(receive(int(sys.argv[2]))), flush=True)
