"""Writes what sessions do as qlog, for viewers such as qvis: packets, losses, congestion state, scheduler choices.

The form is JSON-SEQ (RFC 7464) of qlog 0.3 (draft-ietf-quic-qlog-main-schema-03): a record of the trace first, then one
record for each event, each between a record separator and a line feed. Times are milliseconds since the trace began.
Every path has packet numbers of its own, so `group_id` names the path: session, number, and link where it is known; of
each qvis makes a trace of its own. Events that QUIC has no name for are `drs:...`. Packets of file data have no frames.

The loop's thread only puts plain tuples into a queue; a thread of the trace makes JSON of them, and reads the frames of
control packets. If it can't keep up, events are left out, counted, and the file says how many. qvis takes a file by the
end of its name: `.qlog` or `.sqlog`.

A file that has grown to `FILE_BYTES_MAX` is kept beside the next one as `NAME.1.qlog`, in place of the one before, so
that a trace of weeks takes twice that and no more. Each of the two is a whole file, with times since the same moment.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from transfer_core.clock import Clock
from transfer_core.engine.qlog_frames import frames_in
from transfer_core.errors import WriteFailed
from transfer_core.protocol.path import Path
from transfer_core.protocol.recovery.path_sender import PathState
from transfer_core.protocol.recovery.resolved import Resolved
from transfer_core.protocol.wire.datagram import Kind
from transfer_core.units import NS_PER_MS

_LOG = logging.getLogger(__name__)
METRICS_EVERY_NS = 10 * NS_PER_MS
EVENTS_WAITING_MAX = 50_000
FLUSH_S = 0.5
FILE_BYTES_MAX = 256 << 20  # a viewer holds all of a file in memory
_SEPARATOR = "\x1e"
_PACKET_TYPE = "1RTT"

Make = Callable[[], list[dict[str, Any]]]
"""Makes the `name` and `data` of events, in the writing thread."""


class QlogTrace:
    """One file. `session` gives what watches one session. WriteFailed if the file can't be made."""

    def __init__(self, file: FilePath, clock: Clock, *, vantage: str, name: str) -> None:
        self._place = file
        try:
            self._file: TextIO = file.open("w", encoding="utf-8")
        except OSError as error:
            what = f"the trace {file} can't be written: {error.strerror or error}"
            raise WriteFailed(what, hint="Give --trace another file.") from error
        self._began_ns = clock.monotonic_ns()
        self._queue: queue.SimpleQueue[tuple[int, str, Make] | None] = queue.SimpleQueue()
        self._left_out = 0
        self.failure: OSError | None = None
        self._written_bytes = 0
        self._header = _header(vantage, name, clock.wall_ns() / NS_PER_MS)
        self._put(self._header)
        self._thread = threading.Thread(target=self._run, name="qlog", daemon=True)
        self._thread.start()

    def session(self, name: str, link_of: Callable[[int], str] | None = None) -> SessionTrace:
        """Watches one session; `link_of` tells a path's link by its number."""
        return SessionTrace(self, name, link_of)

    def note(self, now_ns: int, group: str, make: Make) -> None:
        """An event, or several at once. From any thread; never waits."""
        if self._queue.qsize() >= EVENTS_WAITING_MAX:
            self._left_out += 1
        else:
            self._queue.put((now_ns, group, make))

    def close(self) -> None:
        """Write what is waiting. May be called twice."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        time_ms = 0.0
        while True:
            try:
                event = self._queue.get(timeout=FLUSH_S)
            except queue.Empty:
                self._flush()
                continue
            if event is None:
                break
            now_ns, group, make = event
            time_ms = round((now_ns - self._began_ns) / NS_PER_MS, 4)
            for said in make():
                self._put({"time": time_ms, "group_id": group, **said})
            if self._written_bytes >= FILE_BYTES_MAX:
                self._begin_another()
        if self._left_out:
            data = {"type": "events_left_out", "count": self._left_out}
            self._put({"time": time_ms, "group_id": "trace", "name": "drs:trace", "data": data})
        try:
            self._file.close()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        """A full disk ends the trace, never the transfer."""
        if self.failure is None:
            self.failure = error
            _LOG.warning("the trace ends here: %s", error.strerror or error)

    def _put(self, record: dict[str, Any]) -> None:
        if self.failure is not None:
            return
        text = f"{_SEPARATOR}{json.dumps(record, separators=(',', ':'))}\n"
        try:
            self._written_bytes += self._file.write(text)  # all of it is ASCII
        except OSError as error:
            self._fail(error)

    def _begin_another(self) -> None:
        """Go on in an empty file; what is full is kept until the next one is."""
        if self.failure is not None or not self._place.is_file():  # a pipe never fills up
            self._written_bytes = 0
            return
        try:
            self._file.close()
            self._place.replace(self._place.with_name(f"{self._place.stem}.1{self._place.suffix}"))
            self._file = self._place.open("w", encoding="utf-8")
        except OSError as error:
            self._fail(error)
        self._written_bytes = 0
        self._put(self._header)

    def _flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            self._fail(error)


class SessionTrace:
    """A `SessionObserver` that writes to a trace."""

    def __init__(self, trace: QlogTrace, name: str, link_of: Callable[[int], str] | None) -> None:
        self._trace, self._name, self._link_of = trace, name, link_of
        self._groups: dict[int, str] = {}
        self._states: dict[int, PathState] = {}
        self._metrics_due_ns: dict[int, int] = {}

    def on_path(self, now_ns: int, path: Path) -> None:
        """See `SessionObserver`."""
        data = {"path_id": path.number, "address": f"{path.address[0]}:{path.address[1]}"}
        self._note(now_ns, path, lambda: [{"name": "drs:path_added", "data": data}])

    def on_path_gone(self, now_ns: int, path: Path) -> None:
        """See `SessionObserver`."""
        data = {"path_id": path.number}
        self._note(now_ns, path, lambda: [{"name": "drs:path_removed", "data": data}])

    def on_sent(
        self, now_ns: int, path: Path, kind: Kind, first_pn: int, count: int, datagram_bytes: int, frames: bytes
    ) -> None:
        """See `SessionObserver`."""
        number, event = path.number, "transport:packet_sent"
        pns = range(first_pn, first_pn + count)
        self._note(now_ns, path, lambda: [_packet(event, number, kind, pn, datagram_bytes, frames) for pn in pns])

    def on_received(
        self,
        now_ns: int,
        path: Path,
        kind: Kind,
        pns: NDArray[np.int64],
        datagram_bytes: int,
        bodies: NDArray[np.uint8],
    ) -> None:
        """See `SessionObserver`."""
        number, event = path.number, "transport:packet_received"
        packets = [(pn, b"") for pn in pns.tolist()]
        if kind is not Kind.DATA:  # a copy, since the session uses the memory again
            packets = [(pn, bodies[row].tobytes()) for row, (pn, _) in enumerate(packets)]
        self._note(
            now_ns, path, lambda: [_packet(event, number, kind, pn, datagram_bytes, body) for pn, body in packets]
        )

    def on_resolved(self, now_ns: int, path: Path, resolved: Resolved) -> None:
        """See `SessionObserver`."""
        if len(resolved.lost_pns):
            lost = resolved.lost_pns.tolist()
            trigger = "pto_expired" if path.sender.is_silent else "time_threshold"
            self._note(now_ns, path, lambda: [_lost(pn, trigger) for pn in lost])
        state, before = path.sender.state, self._states.get(path.number)
        if state is not before:
            self._states[path.number] = state
            changed = {"new": state.name.lower(), **({} if before is None else {"old": before.name.lower()})}
            self._note(now_ns, path, lambda: [{"name": "recovery:congestion_state_updated", "data": changed}])
        if resolved.rtt_ns is not None and now_ns >= self._metrics_due_ns.get(path.number, 0):
            self._metrics_due_ns[path.number] = now_ns + METRICS_EVERY_NS
            metrics = _metrics(path)
            self._note(now_ns, path, lambda: [{"name": "recovery:metrics_updated", "data": metrics}])

    def on_scheduled(self, now_ns: int, path: Path, slices: list[tuple[int, int, int]], *, is_copy: bool) -> None:
        """See `SessionObserver`."""
        taken = [{"file": file, "chunk": chunk, "slices": count} for file, chunk, count in slices]
        data = {"path_id": path.number, "copy": is_copy, "taken": taken}
        self._note(now_ns, path, lambda: [{"name": "drs:scheduled", "data": data}])

    def _note(self, now_ns: int, path: Path, make: Make) -> None:
        group = self._groups.get(path.number)
        if group is None:
            link = self._link_of(path.number) if self._link_of is not None else ""
            group = self._groups[path.number] = f"{self._name} path {path.number} {link}".rstrip()
        self._trace.note(now_ns, group, make)


def _header(vantage: str, name: str, wall_ms: float) -> dict[str, Any]:
    common = {"time_format": "relative", "reference_time": wall_ms, "protocol_type": ["DRS-SYNC"]}
    return {
        "qlog_version": "0.3",
        "qlog_format": "JSON-SEQ",
        "title": "DRS-SYNC",
        "trace": {"vantage_point": {"name": name, "type": vantage}, "title": name, "common_fields": common},
    }


def _packet(event: str, path: int, kind: Kind, pn: int, datagram_bytes: int, body: bytes) -> dict[str, Any]:
    header = {"packet_type": _PACKET_TYPE, "packet_number": pn}
    data = {"header": header, "raw": {"length": datagram_bytes}, "drs_kind": Kind(kind).name.lower()}
    return {"name": event, "data": {**data, "frames": frames_in(body, path)} if body else data}


def _lost(pn: int, trigger: str) -> dict[str, Any]:
    header = {"packet_type": _PACKET_TYPE, "packet_number": pn}
    return {"name": "recovery:packet_lost", "data": {"header": header, "trigger": trigger}}


def _metrics(path: Path) -> dict[str, Any]:
    """Milliseconds, bytes and bits per second, as qlog wants them; what it has no name for begins with `drs_`."""
    sender = path.sender
    return {
        "min_rtt": sender.min_rtt_ns / NS_PER_MS,
        "smoothed_rtt": (sender.srtt_ns or 0) / NS_PER_MS,
        "latest_rtt": (sender.latest_rtt_ns or 0) / NS_PER_MS,
        "rtt_variance": sender.rttvar_ns / NS_PER_MS,
        "congestion_window": int(sender.in_flight_cap_bytes),
        "bytes_in_flight": sender.in_flight_bytes,
        "packets_in_flight": sender.in_flight_packets,
        "pacing_rate": int(sender.rate_bytes_per_s * 8),
        "drs_capacity_bps": int(sender.capacity_bytes_per_s * 8),
        "drs_queue_ms": sender.queue_delay_ns / NS_PER_MS,
        "drs_queue_target_ms": sender.queue_target_ns / NS_PER_MS,
        "drs_accepted_loss": round(sender.accepted_loss, 4),
        "drs_loss": round(sender.loss, 4),
    }
