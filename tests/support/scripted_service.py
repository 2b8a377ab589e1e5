"""A `TransferService` for the commands: a queue in a list, and events that a test lays out drain by drain."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tests.support.fake_sync import FakeSync
from tests.support.fake_watches import FakeWatches
from transfer_core.errors import NotFoundError
from transfer_core.events import (
    DestinationView,
    Event,
    JobsChanged,
    JobState,
    JobView,
    LinkKind,
    LinkScore,
    LinkState,
    LinkView,
    RelayView,
    Skipped,
)
from transfer_core.service import AddResult, Token

WIFI = LinkView(
    "wifi",
    LinkKind.WIFI,
    "wlan0",
    LinkState.UP,
    throughput_bps=78.4e6,
    rtt_ms=9.5,
    jitter_ms=1.5,
    loss=0.012,
    score=LinkScore(0.91, 0.784, 0.95, 0.988, 0.9),
)
WRITTEN_DOWN = {"pause", "resume", "cancel", "retry", "set_priority", "pause_all", "resume_all"} | {
    "kill_link",
    "restore_link",
}
CREATED_AT = "2026-11-21T10:00:00.000Z"
VPN = LinkView("tun0", LinkKind.OTHER, "tun0", LinkState.UNUSED, why="no route to a relay")


def make_job(file_id: str, status: JobState = JobState.PENDING, **values: Any) -> JobView:
    base = JobView(
        file_id, f"/data/{file_id}.bin", 1000, 5, 1.0, status, "pit", "", created_at="2026-11-21T10:00:00.000Z"
    )
    return replace(base, **values)


class ScriptedService:
    """`drains` holds what each drain gives; a callable among them is called first and gives the events."""

    def __init__(self, *jobs: JobView) -> None:
        self.queue = {job.file_id: job for job in jobs}
        self.drains: deque[list[Event] | Callable[[], list[Event]]] = deque()
        self.calls: list[tuple[Any, ...]] = []
        self.started = self.stopped = self.listening = False
        self.start_error: Exception | None = None
        self.watches = FakeWatches()
        self.sync = FakeSync()
        self.skip: dict[str, str] = {}
        self.opened_with: dict[str, Any] = {}

    # --- as the service's contract says
    def start(self) -> None:
        if self.start_error is not None:
            raise self.start_error
        self.started = True

    def stop(self) -> None:
        self.stopped = True

    def subscribe(self) -> ScriptedService:
        self.listening = True
        return self

    def drain(self) -> list[Event]:
        if not self.drains:
            return []
        step = self.drains.popleft()
        events = step() if callable(step) else step
        for event in events:
            if isinstance(event, JobsChanged):
                self.queue.update({job.file_id: job for job in event.jobs})
        return events

    def close(self) -> None:
        self.listening = False

    def add_paths(self, paths: Sequence[str], **values: Any) -> AddResult:
        self.calls.append(("add_paths", list(paths), values))
        added = []
        for path in paths:
            if path in self.skip:
                continue
            job = make_job(f"new{len(self.queue)}", path=path, priority=values.get("priority") or 5)
            self.queue[job.file_id] = job
            added.append(job)
        return AddResult(tuple(added), tuple(Skipped(path, self.skip[path]) for path in paths if path in self.skip))

    def jobs(self) -> list[JobView]:
        return list(self.queue.values())

    def job(self, file_id: str) -> JobView:
        if file_id not in self.queue:
            raise NotFoundError(f"there is no job {file_id}")
        return self.queue[file_id]

    def manifest(self, file_id: str) -> dict[str, Any]:
        return {"file_id": file_id, "total_chunks": 1}

    def history(self, *, limit: int = 200, offset: int = 0, find: str = "") -> list[JobView]:
        self.calls.append(("history", limit, offset, find))
        return [job for job in self.queue.values() if job.status.is_final and find in job.path]

    def links(self) -> list[LinkView]:
        return [WIFI, VPN]

    def scan(self) -> list[LinkView]:
        return [WIFI, VPN]

    def pair(self, token: str, name: str | None = None) -> DestinationView:
        self.calls.append(("pair", token, name))
        return DestinationView(name or "relay", "relay", ("10.0.0.5:9000",), None, fingerprint="ab12")

    def start_relay(self, directory: str, listen: str, http: str = "") -> RelayView:
        self.calls.append(("start_relay", directory, listen))
        return self.relay()

    def relay(self) -> RelayView:
        return RelayView(True, "127.0.0.1:5555")

    def relay_token(self, *, addresses: Sequence[str] = (), expires_s: float = 600.0) -> Token:
        return Token("token", "2026-11-21T10:10:00.000Z", tuple(addresses))

    def __getattr__(self, name: str) -> Callable[..., None]:
        """The other verbs are only written down."""
        if name not in (
            [
                "pause",
                "resume",
                "cancel",
                "retry",
                "set_priority",
                "pause_all",
                "resume_all",
                "kill_link",
                "restore_link",
            ]
        ):
            raise AttributeError(name)
        return lambda *values: self.calls.append((name, *values))
