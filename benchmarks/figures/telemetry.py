"""Telemetry by itself: decoding, the sample stores, replaying and seeking."""

from __future__ import annotations

import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from transfer_core.engine.system import SystemClock
from transfer_core.telemetry.arrivals import Arrivals
from transfer_core.telemetry.decoders.liftoff import LiftoffDecoder
from transfer_core.telemetry.flight import FULL, Flight, Stream
from transfer_core.telemetry.log import LogReader, LogWriter
from transfer_core.telemetry.replay import Replay
from transfer_core.telemetry.sampler import Sampler, Samples
from transfer_core.telemetry.samples.base import SampleStore
from transfer_core.telemetry.samples.opening import open_samples
from transfer_core.units import NS_PER_S

RATE_HZ = 100
STEP_NS = NS_PER_S // RATE_HZ
T0 = 1_800_000_000 * NS_PER_S
GROUP_S = 0.35  # of samples in one transaction, as the filler makes them
RECORD_S = 0.02  # of datagrams in one record of a log, as the receiver makes them
SOURCES = 200
LAP_ROWS = 2000
FRAME_HEAD = struct.Struct("<II")  # of a record of a log: length and CRC-32
DECODER = LiftoffDecoder(FULL)


def measure(bench: Bench) -> Result:
    """Each figure on its own."""
    result = Result()
    rows = _decode(bench, result)
    rows += _stores(bench, result)
    rows += _replay(bench, result)
    result.tables.append(Table(("what", "measured"), rows))
    result.notes.append("CPU time is that of the measuring process; PostgreSQL's own comes on top of it.")
    return result


def _decode(bench: Bench, result: Result) -> list[tuple[str, str]]:
    datagrams = Stream(Flight(1), RATE_HZ, FULL).next(2000)
    batch_us, single_us = [], []
    for _ in range(bench.runs * 3):
        began = time.process_time_ns()
        for _ in range(50):
            DECODER.decode_batch(datagrams)
        batch_us.append((time.process_time_ns() - began) / 50 / len(datagrams) / 1e3)
        began = time.process_time_ns()
        for datagram in datagrams:
            DECODER.values(datagram)
        single_us.append((time.process_time_ns() - began) / len(datagrams) / 1e3)
    batch, single = median(batch_us), median(single_us)
    result.goals.append(Goal("decoding in batches, us of CPU a datagram", "< 0.3", f"{batch:.3f}", batch < 0.3))
    result.goals.append(Goal("decoding one by one, us of CPU a datagram", "< 2", f"{single:.2f}", single < 2))
    return [("decode in batches of 2,000, us", spread(batch_us, 3)), ("decode singly, us", spread(single_us, 2))]


def _batches(seconds: float) -> list[list[Samples]]:
    """What 200 sources send at 100,000 samples a second, in transactions."""
    rows = round(GROUP_S * 100_000 / SOURCES)
    shape = Sampler(DECODER).take(_arrivals(("10.0.0.1", 5001), Stream(Flight(1)).next(rows + 200), T0))[0]
    found = []
    for number in range(round(seconds / GROUP_S)):
        times = (
            T0 + round(number * GROUP_S * NS_PER_S) + np.arange(rows, dtype=np.int64) * round(GROUP_S * NS_PER_S / rows)
        )
        runs = np.ones(rows, dtype=np.int32)
        values = shape.values[:rows] + np.float32(number)
        found.append([Samples(f"10.0.{at}.1:5001", "", shape.channels, times, runs, values) for at in range(SOURCES)])
    return found


def _arrivals(sender: tuple[str, int], datagrams: list[bytes], first_ns: int) -> Arrivals:
    times = [first_ns + STEP_NS * row for row in range(len(datagrams))]
    return Arrivals([sender] * len(datagrams), times, datagrams)


def _stores(bench: Bench, result: Result) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    with bench.scratch() as folder, _postgres() as url:
        for name, address in (("SQLite", ""), ("PostgreSQL", url)):
            if address is None:
                result.goals.append(Goal(f"samples/s into {name}", ">= 100,000", "no server is installed here", None))
                continue
            store = open_samples(address, folder, SystemClock())
            try:
                rows += _store(bench, result, name, store)
            finally:
                store.close()
    return rows


def _store(bench: Bench, result: Result, name: str, store: SampleStore) -> list[tuple[str, str]]:
    batches = _batches(3.5 if bench.quick else 14.0)
    count = sum(len(samples) for batch in batches for samples in batch)
    slowest_s, began, cpu = 0.0, time.monotonic(), time.process_time()
    for number, batch in enumerate(batches, start=1):
        started = time.monotonic()
        store.append("load", batch, number)
        slowest_s = max(slowest_s, time.monotonic() - started)
    rate, cpu_rate = count / (time.monotonic() - began), count / (time.process_time() - cpu)
    held = rate >= 100_000 and GROUP_S + slowest_s < 1.0
    said = f"{rate:,.0f}, slowest commit {slowest_s:.2f} s"
    result.goals.append(Goal(f"samples/s into {name}, durable within 1 s", ">= 100,000", said, held))
    ask_ms = _ask_an_hour(bench, store)
    result.goals.append(
        Goal(f"an hour of one channel of 20 drones from {name}, ms", "< 200", f"{ask_ms:.0f}", ask_ms < 200)
    )
    return [
        (f"{name}: samples/s", f"{rate:,.0f}"),
        (f"{name}: samples per CPU-s of the program", f"{cpu_rate:,.0f}"),
        (f"{name}: slowest commit, s", f"{slowest_s:.2f}"),
        (f"{name}: an hour of 20 drones in 2,000 points, ms", f"{ask_ms:.0f}"),
    ]


def _ask_an_hour(bench: Bench, store: SampleStore) -> float:
    """All 7.2 million samples with the whole run; with --quick two a second, since only seconds' extremes are read."""
    seconds, per_s = 3600, 2 if bench.quick else RATE_HZ
    times = T0 + np.arange(seconds * per_s, dtype=np.int64) * (NS_PER_S // per_s)
    values = np.stack([np.sin(times / 1e9), np.cos(times / 1e9)], axis=1).astype(np.float32)
    runs = np.ones(len(times), dtype=np.int32)
    for drone in range(20):
        store.append("hour", [Samples(f"d{drone}", "", ("PositionX", "PositionZ"), times, runs, values)], drone + 1)
    took = []
    for _ in range(bench.runs * 3):
        began = time.monotonic()
        for drone in range(20):
            series = store.series("hour", f"d{drone}", "PositionZ", T0, T0 + seconds * NS_PER_S, 2000)
            if not 1500 <= len(series.time_ns) <= 2000:
                raise RuntimeError(f"{len(series.time_ns)} points came")
        took.append((time.monotonic() - began) * 1e3)
    return median(took)


@contextmanager
def _postgres() -> Iterator[str | None]:
    """A server of its own, where one is installed."""
    from tests.support.postgres_server import PostgresServer, find_server

    programs = find_server()
    if programs is None:
        yield None
        return
    server = PostgresServer(programs)
    try:
        server.start()
        yield server.url
    finally:
        server.remove()


def write_log(path: Path, drones: int, seconds: float) -> None:
    """A race as the recorder would have written it."""
    lap = [Stream(Flight(1, drone)).next(LAP_ROWS) for drone in range(min(drones, 4))]
    writer = LogWriter.create(path, {"name": "bench"})
    per_record = round(RECORD_S * RATE_HZ)
    senders = [(f"10.0.{drone}.1", 5001) for drone in range(drones)]
    for first in range(0, round(seconds * RATE_HZ), per_record):
        rows = range(first, first + per_record)
        times = [T0 + STEP_NS * row + drone * 1000 for row in rows for drone in range(drones)]
        data = [lap[drone % len(lap)][row % LAP_ROWS] for row in rows for drone in range(drones)]
        writer.append(Arrivals(senders * per_record, times, data))
    writer.close()


def write_long_log(path: Path, drones: int, seconds: float) -> None:
    """The same race, its first lap again and again at later times, which is some twenty times as quick."""
    lap_s = LAP_ROWS / RATE_HZ
    write_log(path, drones, min(lap_s, seconds))
    with LogReader(path) as reader:
        places = [(each.start, each.end) for each in reader.records() if each.arrivals is not None]
    whole = path.read_bytes()
    bodies = [bytearray(whole[start + FRAME_HEAD.size : end]) for start, end in places]
    times_at = 1 + 4
    counts = [int.from_bytes(body[1:5], "little") for body in bodies]
    times = [np.frombuffer(body, "<i8", count, times_at).copy() for body, count in zip(bodies, counts, strict=True)]
    with path.open("ab") as log:
        for lap in range(1, round(seconds / lap_s)):
            later_ns = round(lap * lap_s * NS_PER_S)
            for body, count, at_first in zip(bodies, counts, times, strict=True):
                body[times_at : times_at + 8 * count] = (at_first + later_ns).tobytes()
                log.write(FRAME_HEAD.pack(len(body), zlib.crc32(body)))
                log.write(body)


def _replay(bench: Bench, result: Result) -> list[tuple[str, str]]:
    with bench.scratch() as folder:
        minutes = 3 if bench.quick else 60
        write_long_log(folder / "hour.drslog", 100, minutes * 60)
        opened = time.monotonic()
        replay = Replay("r", "r", "hour", folder / "hour.drslog", 9001, DECODER, {})
        open_s = time.monotonic() - opened
        seeks = []
        for share in np.random.default_rng(bench.seed).random(20):
            began = time.monotonic()
            replay.seek(int(share * minutes * 60 * NS_PER_S))
            seeks.append((time.monotonic() - began) * 1e3)
        replay.close()
        write_log(folder / "short.drslog", 1, 5.0 if bench.quick else 20.0)
        late_ms, same = _play(folder / "short.drslog")
    worst, late = max(seeks), float(np.quantile(late_ms, 0.99))
    size = "100 drones" if not bench.quick else f"100 drones, {minutes} min"
    result.goals.append(Goal(f"seek in an hour of {size}, ms, worst of 20", "< 100", f"{worst:.0f}", worst < 100))
    result.goals.append(Goal("replay at 1x, timing error p99, ms", "< 2", f"{late:.2f}", late < 2))
    result.goals.append(Goal("replay at 1x, equal to the byte and in order", "yes", "yes" if same else "no", same))
    return [
        ("seek, ms", spread(seeks, 1)),
        (f"opening {minutes} min of 100 drones, s", f"{open_s:.2f}"),
        ("replay: timing error, ms, p50 and p99", f"{np.median(late_ms):.2f}, {late:.2f}"),
    ]


def _play(path: Path) -> tuple[list[float], bool]:
    """How far intervals from the first datagram are off, and whether the bytes are the same."""
    replay = Replay("r", "r", "short", path, 9001, DECODER, {})
    length_s = replay.view().duration_ns / NS_PER_S
    got: list[tuple[float, bytes]] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(1.0)
        replay.send_to(ear.getsockname())

        def hear() -> None:
            end = time.monotonic() + length_s + 2
            while time.monotonic() < end:
                try:
                    got.append((time.monotonic(), ear.recv(2048)))
                except TimeoutError:
                    return

        hearing = threading.Thread(target=hear)
        hearing.start()
        replay.play()
        hearing.join()
    replay.close()
    times = np.array([at for at, _ in got])
    due = np.arange(len(got)) / RATE_HZ
    lap = Stream(Flight(1, 0)).next(LAP_ROWS)
    same = [data for _, data in got] == [lap[row % LAP_ROWS] for row in range(round(length_s * RATE_HZ) + 1)]
    late = (times - times[0] - due) * 1e3
    return np.abs(late - np.median(late)).tolist(), same


FIGURE = Figure(
    "telemetry",
    "Telemetry: decoding, storing, replaying",
    "LiftOff's full format with four motors. The stores get 100,000 samples a second of 200 sources, in transactions "
    "of 0.35 s, as fast as they take them; PostgreSQL is a server of its own. An hour of 100 drones is 36 million "
    "datagrams (three minutes with --quick).",
    measure,
    order=70,
)
