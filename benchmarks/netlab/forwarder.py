"""One link: carries packets between two TUN devices through the product's link model. A process of its own.

`python -m benchmarks.netlab.forwarder` reads one JSON object a line: first the link's setting, then verbs (`kill`,
`restore`, `change` with `values`, `history`); it answers each with one line. It ends with its standard input.

A packet that comes to an idle link is read at once and released when its time has come. A busy link is served every
PERIOD_NS, so that it costs a bounded number of calls of the model. A packet is read half a period late on average, and
would be released as late again; so what is due within the next period goes too, and the mean delay is as it was set.
"""

from __future__ import annotations

import contextlib
import gc
import heapq
import json
import os
import select
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from benchmarks.netlab.tun import enter_namespace, open_tun
from transfer_core.sim.conditions import LinkConditions
from transfer_core.sim.duplex import DuplexLink
from transfer_core.sim.link import IP_UDP_OVERHEAD_BYTES, SimulatedLink
from transfer_core.units import NS_PER_MS, NS_PER_S

PERIOD_NS = 1 * NS_PER_MS
BATCH_PACKETS = 256
PACKET_BYTES_MAX = 65_536
HELD_BYTES_MAX = 256 * 1024 * 1024
BIN_NS = 50 * NS_PER_MS
IDLE_S = 0.5


@dataclass(slots=True)
class Tally:
    """What one direction has done, for whoever asks. `bins` are bytes delivered per BIN_NS; `waits` queue delays."""

    offered_bytes: int = 0
    delivered_bytes: int = 0
    write_refused: int = 0
    bins: dict[int, int] = field(default_factory=dict)
    waits_ms: dict[int, float] = field(default_factory=dict)  # of the last packet that was taken in each bin


class Direction:
    """Packets from one device to the other."""

    def __init__(self, source_fd: int, target_fd: int, link: SimulatedLink, *, polices: bool) -> None:
        self.source_fd = source_fd
        self._polices = polices
        self.link = link
        self.tally = Tally()
        self._target_fd = target_fd
        self._heap: list[tuple[int, int, bytes]] = []
        self._order = 0
        self._held_bytes = 0

    def take(self) -> bool:
        """Put what has come onto the link; whether there was any."""
        packets = self._read()
        if not packets:
            return False
        now_ns = time.monotonic_ns()
        sizes = np.array([len(packet) for packet in packets], np.int64)
        self.tally.offered_bytes += int(sizes.sum())
        releases = self.link.offer(now_ns, np.maximum(sizes - IP_UDP_OVERHEAD_BYTES, 0))
        conditions = self.link.conditions
        if self._polices and conditions is not None:
            releases[releases >= 0] = now_ns + round(conditions.delay_ms * NS_PER_MS)
        for packet, release_ns in zip(packets, releases.tolist(), strict=True):
            if release_ns < 0 or self._held_bytes > HELD_BYTES_MAX:
                continue
            self._order += 1
            self._held_bytes += len(packet)
            heapq.heappush(self._heap, (release_ns, self._order, packet))
            if conditions is not None:
                self.tally.waits_ms[now_ns // BIN_NS] = (release_ns - now_ns) / NS_PER_MS - conditions.delay_ms
        return True

    def release(self, ahead_ns: int) -> bool:
        """Write what is due within that time; whether there was any."""
        heap, tally = self._heap, self.tally
        now_ns = time.monotonic_ns()
        if not heap or heap[0][0] > now_ns + ahead_ns:
            return False
        while heap and heap[0][0] <= now_ns + ahead_ns:
            _, _, packet = heapq.heappop(heap)
            self._held_bytes -= len(packet)
            if not self.link.deliver(1):
                continue
            try:
                os.write(self._target_fd, packet)
            except OSError:  # the device is down or out of memory: the packet is lost, and counted
                tally.write_refused += 1
                continue
            tally.delivered_bytes += len(packet)
            number = now_ns // BIN_NS
            tally.bins[number] = tally.bins.get(number, 0) + len(packet)
        return True

    def next_ns(self) -> int | None:
        """When the next packet is due."""
        return self._heap[0][0] if self._heap else None

    def _read(self) -> list[bytes]:
        packets: list[bytes] = []
        try:
            while len(packets) < BATCH_PACKETS:
                packets.append(os.read(self.source_fd, PACKET_BYTES_MAX))
        except BlockingIOError:
            pass
        return packets


class Forwarder:
    """Both directions of one link."""

    def __init__(self, setting: dict[str, Any]) -> None:
        self.name: str = setting["name"]
        rng = np.random.default_rng(setting["seed"])
        link = DuplexLink(self.name, LinkConditions(**setting["conditions"]), rng, reorder=setting["reorder"])
        enter_namespace(setting["near"])
        near_fd = open_tun(self.name)
        enter_namespace(setting["far"])
        far_fd = open_tun(self.name)
        self.link = link
        self.up = Direction(near_fd, far_fd, link.up, polices=setting["polices"])
        self.down = Direction(far_fd, near_fd, link.down, polices=setting["polices"])

    def run(self) -> None:
        """Until standard input ends."""
        both = (self.up, self.down)
        watched = [self.up.source_fd, self.down.source_fd, 0]
        busy = False
        while True:
            if busy:
                time.sleep(PERIOD_NS / NS_PER_S)
            ready, _, _ = select.select(watched, [], [], 0 if busy else self._wait_s())
            if 0 in ready and not self._obey():
                return
            ahead_ns = PERIOD_NS if busy else 0
            busy = False
            for direction in both:
                taken, released = direction.take(), direction.release(ahead_ns)
                busy = busy or taken or released

    def _wait_s(self) -> float:
        """Until something is due."""
        times = [moment for moment in (self.up.next_ns(), self.down.next_ns()) if moment is not None]
        return max((min(times) - time.monotonic_ns()) / NS_PER_S, 0.0) if times else IDLE_S

    def _obey(self) -> bool:
        line = sys.stdin.readline()
        if not line:
            return False
        order = json.loads(line)
        match order["verb"]:
            case "kill":
                self.link.kill()
            case "restore":
                self.link.restore()
            case "change":
                self.link.change((self.link.conditions or LinkConditions()).changed(order["values"]))
        answer: dict[str, Any] = {"at_ns": time.monotonic_ns()}
        if order["verb"] == "history":
            cpu_s = time.process_time()
            answer |= {"bin_ns": BIN_NS, "cpu_s": cpu_s, "up": _told(self.up), "down": _told(self.down)}
        print(json.dumps(answer), flush=True)
        return True


def _told(direction: Direction) -> dict[str, Any]:
    return {"counters": asdict(direction.link.counters), **asdict(direction.tally)}


def main() -> None:
    """The process. It goes before others where it may, as a link does."""
    setting = json.loads(sys.stdin.readline())
    forwarder = Forwarder(setting)
    gc.disable()
    with contextlib.suppress(OSError):  # a container's root may not; then it shares the processor like the rest
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    print(json.dumps({"at_ns": time.monotonic_ns()}), flush=True)
    forwarder.run()


if __name__ == "__main__":
    main()
