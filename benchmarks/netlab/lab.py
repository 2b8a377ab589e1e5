"""The whole lab: two namespaces, the links between them, one address of the relay that every link leads to."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from benchmarks.netlab.namespaces import Side, two_sides
from benchmarks.page import ROOT
from transfer_core.protocol.wire.datagram import IPV4_UDP_BYTES
from transfer_core.sim.conditions import LinkConditions

RELAY_HOST = "10.99.0.1"
QUEUE_PACKETS = "4000"
BUFFER_BYTES = 64 * 1024 * 1024
IPV4_PLAIN, UDP = b"\x45", 17  # version 4 without options, and the protocol's number


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """One link. `reorder`: each packet's jitter is its own, so packets overtake each other.

    `bucket_ms` makes it a policer: nothing waits, and what a bucket of so many ms of the rate does not hold is dropped.
    """

    name: str
    conditions: LinkConditions
    reorder: bool = False
    bucket_ms: float | None = None

    @property
    def passes(self) -> float:
        """The share of packets that the air lets through."""
        return (1 - self.conditions.loss) * (1 - self.conditions.burst_loss)


@dataclass(frozen=True, slots=True)
class DirectionCount:
    """What one direction of a link did since it began."""

    packets_offered: int
    packets_delivered: int
    dropped_loss: int
    dropped_queue: int
    offered_bytes: int
    delivered_bytes: int
    bins: Mapping[int, int] = field(default_factory=dict)  # bytes delivered, by number of a span of `bin_s`
    waits_ms: Mapping[int, float] = field(default_factory=dict)  # queue and serialisation, one sample a span
    bin_s: float = 0.05

    def rates_mbps(self, from_s: float, to_s: float) -> tuple[list[float], list[float]]:
        """Seconds since `from_s` and Mbit/s of IP bytes, span by span."""
        numbers = range(int(from_s / self.bin_s), int(to_s / self.bin_s))
        times = [number * self.bin_s - from_s for number in numbers]
        return times, [self.bins.get(number, 0) * 8 / self.bin_s / 1e6 for number in numbers]

    def rate_bps(self, from_s: float, to_s: float) -> float:
        """Bits of IP bytes per second over a span."""
        first, last = int(from_s / self.bin_s), int(to_s / self.bin_s)
        return sum(self.bins.get(number, 0) for number in range(first, last)) * 8 / ((last - first) * self.bin_s)

    def waits(self, from_s: float, to_s: float) -> list[float]:
        """Queue delays in a span, in ms."""
        first, last = int(from_s / self.bin_s), int(to_s / self.bin_s)
        return [wait for number, wait in self.waits_ms.items() if first <= number < last]


class Forwarder:
    """The process that carries all links' packets."""

    def __init__(self, specs: Sequence[LinkSpec], near: Side, far: Side, seed: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.netlab.forwarder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        settings = [
            {
                "name": spec.name,
                "near": near.name,
                "far": far.name,
                "seed": seed * 100 + number,
                "reorder": spec.reorder,
                "polices": spec.bucket_ms is not None,
                "conditions": asdict(spec.conditions if spec.bucket_ms is None else _policed(spec)),
            }
            for number, spec in enumerate(specs)
        ]
        self.ask(settings)

    def ask(self, order: Any) -> dict[str, Any]:
        """Say one line, and read the answer. RuntimeError if it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the forwarder ended")
        return dict(json.loads(line))

    def close(self) -> None:
        """End it; the devices go with it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class RunningLink:
    """One link of a forwarder."""

    def __init__(self, spec: LinkSpec, forwarder: Forwarder) -> None:
        self.spec = spec
        self._forwarder = forwarder

    def kill(self) -> float:
        """Drop everything from now on; seconds of `time.monotonic` at which that began."""
        return self._at_s("kill")

    def restore(self) -> float:
        """Undo `kill`; when."""
        return self._at_s("restore")

    def change(self, **values: float) -> float:
        """Use other conditions from now on; when."""
        return self._at_s("change", values=values)

    def counts(self) -> tuple[DirectionCount, DirectionCount]:
        """Up (near to far) and down so far."""
        answer = self._ask("history")
        return _count(answer["up"], answer["bin_ns"]), _count(answer["down"], answer["bin_ns"])

    def heard(self) -> list[bytes]:
        """Payloads of UDP datagrams that went up lately, as somebody on the way sees them."""
        packets = [bytes.fromhex(text) for text in self._ask("heard")["up"]]
        return [packet[IPV4_UDP_BYTES:] for packet in packets if packet[:1] == IPV4_PLAIN and packet[9] == UDP]

    def cpu_s(self) -> float:
        """What the process that carries all links has taken."""
        return float(self._ask("history")["cpu_s"])

    def _at_s(self, verb: str, **more: Any) -> float:
        return float(self._ask(verb, **more)["at_ns"]) / 1e9

    def _ask(self, verb: str, **more: Any) -> dict[str, Any]:
        return self._forwarder.ask({"verb": verb, "link": self.spec.name, **more})


@dataclass(frozen=True, slots=True)
class Lab:
    """What figures and peers stand on."""

    near: Side
    far: Side
    links: Mapping[str, RunningLink]

    @property
    def link(self) -> RunningLink:
        """The only one, or the first."""
        return next(iter(self.links.values()))

    def offered_bytes(self) -> int:
        """IP bytes that near has given to all links so far."""
        return sum(link.counts()[0].offered_bytes for link in self.links.values())

    def wait_until_busy(self, offered_bytes: int, limit_s: float = 30.0) -> None:
        """Until near has given the links so much: a command takes its time to start. RuntimeError."""
        end = time.monotonic() + limit_s
        while self.offered_bytes() < offered_bytes:
            if time.monotonic() > end:
                raise RuntimeError(f"nothing moved in {limit_s:g} s")
            time.sleep(0.05)

    def passing(self) -> float:
        """The share of packets that the links let through, each counted by its rate."""
        specs = [link.spec for link in self.links.values()]
        total = sum(spec.conditions.rate_mbps for spec in specs)
        return sum(spec.passes * spec.conditions.rate_mbps for spec in specs) / total

    def near_address(self, name: str) -> str:
        """Near's address on a link."""
        return f"10.77.{list(self.links).index(name)}.1"

    def far_address(self, name: str) -> str:
        """Far's address on a link, for programs that can't be told to use `RELAY_HOST`."""
        return f"10.77.{list(self.links).index(name)}.2"


@contextmanager
def lab(specs: Sequence[LinkSpec], *, seed: int = 1) -> Iterator[Lab]:
    """Make it, and take it away."""
    with two_sides() as (near, far):
        forwarder = Forwarder(specs, near, far, seed)
        try:
            for number, spec in enumerate(specs):
                _connect(near, far, number, spec.name)
            far.ip("address", "add", f"{RELAY_HOST}/32", "dev", "lo")
            _tune(near, far)
            yield Lab(near, far, {spec.name: RunningLink(spec, forwarder) for spec in specs})
        finally:
            forwarder.close()


def _connect(near: Side, far: Side, number: int, device: str) -> None:
    for side, last in ((near, 1), (far, 2)):
        side.ip("address", "add", f"10.77.{number}.{last}/24", "dev", device)
        side.ip("link", "set", device, "up", "mtu", "1500", "txqueuelen", QUEUE_PACKETS)
    near.ip("route", "add", f"{RELAY_HOST}/32", "dev", device, "metric", str(10 + number))
    table = str(100 + number)
    near.ip("route", "add", "default", "dev", device, "table", table)
    near.ip("rule", "add", "from", f"10.77.{number}.1", "table", table)


def _tune(near: Side, far: Side) -> None:
    """Answers may come back over another link than the best route; TCP may use windows as large as a long way needs."""
    for side in (near, far):
        side.sysctl("net.ipv4.conf.all.rp_filter", "0")
        side.sysctl("net.ipv4.conf.default.rp_filter", "0")
        for key in ("rmem", "wmem"):
            side.sysctl(f"net.ipv4.tcp_{key}", f"4096 131072 {BUFFER_BYTES}")


def _policed(spec: LinkSpec) -> LinkConditions:
    """A token bucket drops exactly what a queue of its size drops; it only makes nobody wait."""
    return replace(spec.conditions, queue_ms=spec.bucket_ms or 0.0)


def _count(told: dict[str, Any], bin_ns: int) -> DirectionCount:
    counters = told["counters"]
    return DirectionCount(
        packets_offered=counters["offered"],
        packets_delivered=counters["delivered"],
        dropped_loss=counters["dropped_loss"],
        dropped_queue=counters["dropped_queue"],
        offered_bytes=told["offered_bytes"],
        delivered_bytes=told["delivered_bytes"],
        bins={int(number): count for number, count in told["bins"].items()},
        waits_ms={int(number): wait for number, wait in told["waits_ms"].items()},
        bin_s=bin_ns / 1e9,
    )
