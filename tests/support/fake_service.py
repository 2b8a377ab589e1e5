"""A `TransferService` in memory for the console: three links and a mixed queue, and whatever a test emits."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.support.console_world import link_view
from tests.support.fake_sync import FakeSync, demo_folders
from tests.support.fake_telemetry import FakeTelemetry
from tests.support.fake_uploads import FakeUploads
from tests.support.fake_watches import FakeWatches, demo_watches
from transfer_core.errors import NotFoundError
from transfer_core.events import (
    DestinationsChanged,
    DestinationView,
    EngineChanged,
    EngineView,
    Event,
    IncomingView,
    JobsChanged,
    JobsRemoved,
    JobState,
    JobView,
    LinkMark,
    LinkSample,
    LinksChanged,
    LinkState,
    LinkView,
    Notice,
    RelayChanged,
    RelayView,
    Severity,
)
from transfer_core.events.watches import WatchesChanged
from transfer_core.service import AddResult, ChunkMap, Settings, Token

GAP = 1024.0


def demo_links() -> tuple[LinkView, ...]:
    return (
        link_view("Wi-Fi", device="wlan0", throughput_bps=78.4e6, rtt_ms=17.0, loss=0.011),
        link_view("LTE", LinkState.KILLED, device="wwan0", throughput_bps=0.0, rtt_ms=None, loss=1.0),
        link_view("5G", device="wwan1", throughput_bps=96.1e6, rtt_ms=31.0, loss=0.004),
    )


def demo_jobs() -> tuple[JobView, ...]:
    """One of each state, over four priorities."""

    def job(number: int, name: str, size: int, priority: int, status: JobState, **values: Any) -> JobView:
        base = JobView(f"job{number}", f"/data/{name}", size, priority, number * GAP, status, "factory", "")
        return replace(base, created_at="2026-11-21T14:30:41.000Z", source="drop", **values)

    going, waiting = JobState.UPLOADING, JobState.PENDING
    return (
        job(
            1, "strategy_lap31.json", 2_100_000, 1, going,
            bytes_done=1_700_000, rate_bps=31e6, eta_s=0.4, attempts=1, links={"Wi-Fi": 800_000, "5G": 900_000},
        ),
        job(
            2, "telemetry_car7_stint2.mcap", 512_000_000, 2, going,
            bytes_done=286_000_000, rate_bps=143.5e6, eta_s=21.0, attempts=1, resent_bytes=1_900_000,
            links={"Wi-Fi": 107_000_000, "LTE": 31_000_000, "5G": 148_000_000},
        ),
        job(3, "telemetry_car23_stint2.mcap", 498_000_000, 2, waiting),
        job(
            4, "onboard_car7_fp2.mp4", 1_600_000_000, 5, JobState.PAUSED,
            bytes_done=210_000_000, links={"Wi-Fi": 140_000_000, "5G": 70_000_000}, reason="paused by you",
        ),
        job(5, "lidar_s4.las", 640_000_000, 5, waiting),
        job(6, "garage_cam_0412.zip", 210_000_000, 5, waiting, reason="relay unreachable, tries again in 18 s"),
        job(
            7, "tyre_scans_2026-11-19.tar", 3_900_000_000, 9, JobState.FAILED,
            reason="the relay refuses the name", error="E_NAME_REFUSED", attempts=1,
        ),
    )  # fmt: skip


def demo_engine(**changes: Any) -> EngineView:
    engine = EngineView(
        online=True,
        paused=False,
        rate_bps=174.5e6,
        files_left=6,
        bytes_left=3_100_000_000,
        eta_s=140.0,
        links_up=2,
        links_total=3,
        severity=Severity.CAUTION,
        why="LTE is switched off",
        policy="bonded",
        undo="move of 1 job",
    )
    return replace(engine, **changes)


class FakeSubscription:
    """Holds events until they are drained."""

    def __init__(self, first: Sequence[Event]) -> None:
        self._events = list(first)
        self._lock = threading.Lock()
        self.closed = False

    def push(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)

    def drain(self) -> list[Event]:
        with self._lock:
            events, self._events = self._events, []
        return events

    def close(self) -> None:
        self.closed = True


class FakeService:
    """Queue verbs really change the queue; everything asked for is written down in `calls`.

    `fail[verb]` is raised instead. Thread names of the callers are kept in `threads`.
    """

    def __init__(
        self, jobs: Sequence[JobView] | None = None, links: Sequence[LinkView] | None = None, **engine: Any
    ) -> None:
        self._jobs = {job.file_id: job for job in (demo_jobs() if jobs is None else jobs)}
        self._links = tuple(demo_links() if links is None else links)
        self._engine = demo_engine(**engine)
        self._destinations = (DestinationView("factory", "relay", ("192.0.2.7:9000",), True, fingerprint="k3fd-9xqa"),)
        self._relay = RelayView(running=False)
        self._settings = Settings(default_destination="factory")
        self.subscriptions: list[FakeSubscription] = []
        self.sync = FakeSync(demo_folders())
        self._undo: list[dict[str, JobView]] = []
        self.calls: list[tuple[Any, ...]] = []
        self.threads: set[str] = set()
        self.telemetry = FakeTelemetry()
        self.fail: dict[str, Exception] = {}
        self.started = self.stopped = False
        self.watches = FakeWatches(demo_watches(), self.emit)
        self.uploads = FakeUploads(self._destination_added)

    # --- for tests

    def emit(self, *events: Event) -> None:
        """Push events to every listener."""
        for event in events:
            for subscription in self.subscriptions:
                subscription.push(event)

    def called(self, verb: str) -> list[tuple[Any, ...]]:
        """The arguments of each call of that verb."""
        return [call[1:] for call in self.calls if call[0] == verb]

    def _destination_added(self, view: DestinationView) -> None:
        self._destinations = (*self._destinations, view)
        self.emit(DestinationsChanged(self._destinations))

    def _note(self, verb: str, *args: Any) -> None:
        self.threads.add(threading.current_thread().name)
        self.calls.append((verb, *args))
        if verb in self.fail:
            raise self.fail[verb]

    def _put(self, changed: Sequence[JobView]) -> None:
        self._undo.append({job.file_id: self._jobs[job.file_id] for job in changed})
        self._jobs.update({job.file_id: job for job in changed})
        self.emit(JobsChanged(tuple(changed)))

    def _status(self, verb: str, file_ids: Sequence[str], status: JobState) -> None:
        self._note(verb, list(file_ids))
        changed = [replace(self._jobs[file_id], status=status) for file_id in file_ids]
        self._jobs.update({job.file_id: job for job in changed})
        self.emit(JobsChanged(tuple(changed)))

    # --- life

    def start(self) -> None:
        self._note("start")
        self.started = True

    def stop(self) -> None:
        self._note("stop")
        self.stopped = True

    def restart_engine(self) -> None:
        self._note("restart_engine")

    def subscribe(self) -> FakeSubscription:
        subscription = FakeSubscription(
            [
                JobsChanged(tuple(self.jobs())),
                LinksChanged(self._links),
                EngineChanged(self._engine),
                DestinationsChanged(self._destinations),
                RelayChanged(self._relay),
                WatchesChanged(tuple(self.watches.views())),
            ]
        )
        self.subscriptions.append(subscription)
        return subscription

    # --- the queue

    def add_paths(
        self,
        paths: Sequence[str],
        *,
        destination: str | None = None,
        priority: int | None = None,
        dest_path: str = "",
        source: str = "cli",
    ) -> AddResult:
        self._note("add_paths", list(paths), source)
        end = max((job.position for job in self._jobs.values()), default=0.0)
        added = tuple(
            JobView(
                f"added{len(self._jobs) + i}", path, 1000, priority or 5, end + GAP * (i + 1), JobState.PENDING,
                destination or "factory", dest_path, source=source,
            )
            for i, path in enumerate(paths)
        )  # fmt: skip
        self._jobs.update({job.file_id: job for job in added})
        self.emit(JobsChanged(added))
        return AddResult(added, ())

    def jobs(self) -> list[JobView]:
        return sorted(self._jobs.values(), key=lambda job: (job.priority, job.position))

    def job(self, file_id: str) -> JobView:
        if file_id not in self._jobs:
            raise NotFoundError(f"there is no job {file_id!r}")
        return self._jobs[file_id]

    def manifest(self, file_id: str) -> dict[str, Any]:
        return {"file_id": self.job(file_id).file_id}

    def chunk_map(self, file_id: str, cells: int) -> ChunkMap:
        self._note("chunk_map", file_id, cells)
        job = self.job(file_id)
        links = tuple(job.links)
        done = round(cells * job.bytes_done / job.size) if job.size else cells
        marks = bytes(1 + (i * 7 // 5) % max(1, len(links)) if i < done else 0 for i in range(cells))
        return ChunkMap(links, marks, -(-job.size // 65536), job.bytes_done // 65536)

    def pause(self, file_ids: Sequence[str]) -> None:
        self._status("pause", file_ids, JobState.PAUSED)

    def resume(self, file_ids: Sequence[str]) -> None:
        self._status("resume", file_ids, JobState.PENDING)

    def cancel(self, file_ids: Sequence[str]) -> None:
        self._status("cancel", file_ids, JobState.CANCELLED)

    def retry(self, file_ids: Sequence[str]) -> None:
        self._status("retry", file_ids, JobState.PENDING)

    def remove(self, file_ids: Sequence[str]) -> None:
        self._note("remove", list(file_ids))
        self._undo.append({file_id: self._jobs.pop(file_id) for file_id in file_ids})
        self.emit(JobsRemoved(tuple(file_ids)))

    def clear_completed(self) -> None:
        self.remove([job.file_id for job in self.jobs() if job.status is JobState.COMPLETED])

    def set_priority(self, file_ids: Sequence[str], priority: int) -> None:
        self._note("set_priority", list(file_ids), priority)
        self._put([replace(self._jobs[file_id], priority=priority) for file_id in file_ids])

    def move(self, file_ids: Sequence[str], before: str | None) -> None:
        self._note("move", list(file_ids), before)
        moving = [job for job in self.jobs() if job.file_id in set(file_ids)]
        rest = [job for job in self.jobs() if job.file_id not in set(file_ids)]
        at = next((i for i, job in enumerate(rest) if job.file_id == before), len(rest))
        around = [job.priority for job in rest[max(0, at - 1) : at + 1]]
        below = rest[at] if at < len(rest) else rest[-1]
        place = rest[at].position if at < len(rest) else rest[-1].position + GAP
        self._put(
            [
                replace(
                    job,
                    priority=job.priority if job.priority in around else below.priority,
                    position=place - GAP / 2 + i / 1000,
                )
                for i, job in enumerate(moving)
            ]
        )

    def undo(self) -> str | None:
        self._note("undo")
        if not self._undo:
            return None
        before = self._undo.pop()
        self._jobs.update(before)
        self.emit(JobsChanged(tuple(before.values())))
        return "last change"

    def pause_all(self) -> None:
        self._note("pause_all")
        self._set_engine(paused=True)

    def resume_all(self) -> None:
        self._note("resume_all")
        self._set_engine(paused=False)

    def _set_engine(self, **changes: Any) -> None:
        self._engine = replace(self._engine, **changes)
        self.emit(EngineChanged(self._engine))

    def history(self, *, limit: int = 200, offset: int = 0, find: str = "") -> list[JobView]:
        self._note("history", limit, offset, find)
        ended = [job for job in self._jobs.values() if job.status.is_final and find in job.path]
        return ended[offset : offset + limit]

    # --- links

    def links(self) -> list[LinkView]:
        return list(self._links)

    def scan(self) -> list[LinkView]:
        return self.links()

    def kill_link(self, name: str) -> None:
        self._note("kill_link", name)
        self._set_link(name, LinkState.KILLED)

    def restore_link(self, name: str) -> None:
        self._note("restore_link", name)
        self._set_link(name, LinkState.UP)

    def _set_link(self, name: str, state: LinkState) -> None:
        self._links = tuple(replace(link, state=state) if link.name == name else link for link in self._links)
        self.emit(LinksChanged(self._links))

    def simulate_link(self, name: str, conditions: Mapping[str, float] | None) -> None:
        self._note("simulate_link", name, conditions)

    def link_samples(self, since_ns: int) -> list[LinkSample]:
        return []

    def link_marks(self) -> list[LinkMark]:
        return []

    # --- destinations

    def destinations(self) -> list[DestinationView]:
        return list(self._destinations)

    def pair(self, token: str, name: str | None = None) -> DestinationView:
        self._note("pair", token, name)
        return self._destinations[0]

    def forget_destination(self, name: str) -> None:
        self._note("forget_destination", name)

    # --- a relay in this process

    def start_relay(self, directory: str, listen: str, http: str = "") -> RelayView:
        self._note("start_relay", directory, listen, http)
        url = f"https://{http}" if http else ""
        self._relay = RelayView(running=True, listen=listen, directory=directory, http=url)
        self.emit(RelayChanged(self._relay))
        return self._relay

    def stop_relay(self) -> None:
        self._note("stop_relay")
        self._relay = RelayView(running=False)
        self.emit(RelayChanged(self._relay))

    def relay(self) -> RelayView:
        return self._relay

    def relay_token(self, *, addresses: Sequence[str] = (), expires_s: float = 600.0) -> Token:
        self._note("relay_token")
        return Token("drs1.sample-token", "2126-11-21T15:00:00.000Z", ("192.0.2.7:9000",))

    def incoming(self) -> list[IncomingView]:
        self._note("incoming")
        return [IncomingView("car7", "f1", "stint1.mcap", 512_000_000, 512_000_000, JobState.COMPLETED)]

    # --- the whole

    def engine(self) -> EngineView:
        return self._engine

    def notices(self, limit: int = 500) -> list[Notice]:
        return []

    def settings(self) -> Settings:
        self._note("settings")
        return self._settings

    def change_settings(self, settings: Settings) -> None:
        self._note("change_settings", settings)
        self._settings = settings
