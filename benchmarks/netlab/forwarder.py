"""The links: carries packets between pairs of TUN devices through the product's link model. A process of its own.

`python -m benchmarks.netlab.forwarder` reads one JSON object a line: first the settings of all links, then verbs for
one `link` (`kill`, `restore`, `change` with `values`, `history`, `heard`); it answers each with one line. It ends with
its standard input. One process serves all links, since waking up costs more than a packet.

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
from collections import deque
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
ORDERS_EVERY = 8  # periods
HEARD_PACKETS = 256


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
        self.heard: deque[bytes] = deque(maxlen=HEARD_PACKETS)  # one of each batch, for who plays a listener on the way
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
        self.heard.append(packets[-1])
        sizes = np.fromiter(map(len, packets), np.int64, len(packets))
        self.tally.offered_bytes += int(sizes.sum())
        releases = self.link.offer(now_ns, np.maximum(sizes - IP_UDP_OVERHEAD_BYTES, 0))
        conditions = self.link.conditions
        if self._polices and conditions is not None:
            releases[releases >= 0] = now_ns + round(conditions.delay_ms * NS_PER_MS)
        last_ns = -1
        for packet, release_ns in zip(packets, releases.tolist(), strict=True):
            if release_ns < 0 or self._held_bytes > HELD_BYTES_MAX:
                continue
            self._order += 1
            self._held_bytes += len(packet)
            heapq.heappush(self._heap, (release_ns, self._order, packet))
            last_ns = release_ns
        if conditions is not None and last_ns >= 0:
            self.tally.waits_ms[now_ns // BIN_NS] = (last_ns - now_ns) / NS_PER_MS - conditions.delay_ms
        return True

    def release(self, ahead_ns: int) -> bool:
        """Write what is due within that time; whether there was any."""
        heap, now_ns = self._heap, time.monotonic_ns()
        until_ns = now_ns + ahead_ns
        if not heap or heap[0][0] > until_ns:
            return False
        due: list[bytes] = []
        while heap and heap[0][0] <= until_ns:
            due.append(heapq.heappop(heap)[2])
        self._held_bytes -= sum(map(len, due))
        if not self.link.deliver(len(due)):
            return True
        written = 0
        for packet in due:
            try:
                written += os.write(self._target_fd, packet)
            except OSError:  # the device is down or out of memory: the packet is lost, and counted
                self.tally.write_refused += 1
        self.tally.delivered_bytes += written
        bins, number = self.tally.bins, now_ns // BIN_NS
        bins[number] = bins.get(number, 0) + written
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


class Line:
    """Both directions of one link."""

    def __init__(self, setting: dict[str, Any]) -> None:
        name = setting["name"]
        rng = np.random.default_rng(setting["seed"])
        link = DuplexLink(name, LinkConditions(**setting["conditions"]), rng, reorder=setting["reorder"])
        enter_namespace(setting["near"])
        near_fd = open_tun(name)
        enter_namespace(setting["far"])
        far_fd = open_tun(name)
        self.link = link
        self.up = Direction(near_fd, far_fd, link.up, polices=setting["polices"])
        self.down = Direction(far_fd, near_fd, link.down, polices=setting["polices"])

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked; what it tells of itself."""
        match order["verb"]:
            case "kill":
                self.link.kill()
            case "restore":
                self.link.restore()
            case "change":
                self.link.change((self.link.conditions or LinkConditions()).changed(order["values"]))
            case "history":
                return {"bin_ns": BIN_NS, "up": _told(self.up), "down": _told(self.down)}
            case "heard":
                return {"up": [packet.hex() for packet in self.up.heard]}
        return {}


class Forwarder:
    """All links."""

    def __init__(self, settings: list[dict[str, Any]]) -> None:
        self._lines = {setting["name"]: Line(setting) for setting in settings}
        self._directions = [direction for line in self._lines.values() for direction in (line.up, line.down)]

    def run(self) -> None:
        """Until standard input ends."""
        directions = self._directions
        watched = [*(direction.source_fd for direction in directions), 0]
        busy, turns = False, 0
        while True:
            turns += 1
            if busy:
                time.sleep(PERIOD_NS / NS_PER_S)
            if not busy or turns % ORDERS_EVERY == 0:
                ready, _, _ = select.select(watched, [], [], 0 if busy else self._wait_s())
                if 0 in ready and not self._obey():
                    return
            ahead_ns = PERIOD_NS if busy else 0
            busy = False
            for direction in directions:
                taken, released = direction.take(), direction.release(ahead_ns)
                busy = busy or taken or released

    def _wait_s(self) -> float:
        """Until something is due."""
        times = [moment for direction in self._directions if (moment := direction.next_ns()) is not None]
        return max((min(times) - time.monotonic_ns()) / NS_PER_S, 0.0) if times else IDLE_S

    def _obey(self) -> bool:
        text = sys.stdin.readline()
        if not text:
            return False
        order = json.loads(text)
        answer = self._lines[order["link"]].obey(order)
        print(json.dumps({"at_ns": time.monotonic_ns(), "cpu_s": time.process_time(), **answer}), flush=True)
        return True


def _told(direction: Direction) -> dict[str, Any]:
    return {"counters": asdict(direction.link.counters), **asdict(direction.tally)}


def main() -> None:
    """The process. It goes before others where it may, as a link does."""
    forwarder = Forwarder(json.loads(sys.stdin.readline()))
    gc.disable()
    with contextlib.suppress(OSError):  # a container's root may not; then it shares the processor like the rest
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    print(json.dumps({"at_ns": time.monotonic_ns()}), flush=True)
    forwarder.run()


if __name__ == "__main__":
    main()
