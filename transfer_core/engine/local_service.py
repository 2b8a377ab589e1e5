"""The service of this process: one agent on a state directory, and perhaps a relay. The verbs of `service.py`.

Without `start` only the state is read and written, so that commands work beside a running agent, which notices.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil
import xxhash

from transfer_core.clock import Clock
from transfer_core.config import EngineConfig, Policy, ScoreWeights, parse_priority
from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.clerk import PAUSED_KEY, Clerk
from transfer_core.engine.event_bus import BusSubscription, EventBus
from transfer_core.engine.identity import load_identity
from transfer_core.engine.link_desk import LinkDesk
from transfer_core.engine.state_lock import StateLock
from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.errors import ConfigError, ConflictError, DrsError, NotFoundError, TokenExpired, error_from_code
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
    LinkMarked,
    LinkSample,
    LinksChanged,
    LinksSampled,
    LinkView,
    Notice,
    RelayChanged,
    RelayView,
    Severity,
)
from transfer_core.jobs.model import new_file_id, to_view
from transfer_core.jobs.sources import expand
from transfer_core.jobs.store import Destination, JobStore, NewJob
from transfer_core.manifest.reference import ManifestFacts, reference_manifest
from transfer_core.protocol.security.tokens import fingerprint, parse_address, parse_token
from transfer_core.service import AddResult, ChunkMap, Settings, Token
from transfer_core.sim.script import Simulation, parse_simulation
from transfer_core.units import NS_PER_S, utc_iso

NOTICES_KEPT = 5_000
PAIR_WAIT_S = 3.0
COMMAND_WAIT_S = 3.0
SETTINGS_KEY = "settings"
_T = TypeVar("_T")


class LocalService:
    """See `service.TransferService`."""

    def __init__(
        self,
        state_dir: Path,
        *,
        links: Sequence[str] | None = None,
        simulation: Path | None = None,
        policy: Policy | None = None,
        clock: Clock | None = None,
        config: EngineConfig | None = None,
    ) -> None:
        self._state_dir = state_dir
        self._clock = clock or SystemClock()
        self._entropy = SystemEntropy()
        self._config = config or EngineConfig()
        self._chosen, self._policy_asked = links, policy
        self._simulation = _read_simulation(simulation)
        self._bus = EventBus()
        self._notices: deque[Notice] = deque(maxlen=NOTICES_KEPT)
        self._lock = threading.RLock()
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._store = JobStore(state_dir, self._clock)
        if self._store.quarantined is not None:
            kept = self._store.quarantined
            self._say(
                Severity.SERIOUS,
                "state",
                f"The queue's database was damaged; it is kept as {kept.kept_as.name}",
                kept.why,
            )
        self._state_lock = StateLock(state_dir, "agent")
        self._loop: AgentLoop | None = None
        self._clerk: Clerk | None = None
        self._desk: LinkDesk | None = None
        self._relay: Any = None  # server.relay.Relay, which is above this room and is made by name
        self._stopped = False

    # --- life

    def start(self) -> None:
        """See `TransferService`."""
        self._state_lock.acquire(utc_iso(self._clock.wall_ns()))
        settings = self.settings()
        name = socket.gethostname() or "agent"
        listener = _Forward()
        loop = AgentLoop(
            identity=load_identity(self._state_dir),
            name=name,
            clock=self._clock,
            entropy=self._entropy,
            listener=listener,
        )
        clerk = Clerk(
            store=self._store,
            loop=loop,
            clock=self._clock,
            entropy=self._entropy,
            bus=self._bus,
            config=self._config,
            notify=self._say,
        )
        listener.clerk = clerk
        desk = LinkDesk(
            loop,
            self._clock,
            chosen=self._chosen,
            simulation=self._simulation,
            weights=_weights(settings),
            on_samples=lambda samples: self._bus.publish(LinksSampled(samples)),
            on_views=lambda views: self._bus.publish(LinksChanged(views)),
            on_mark=self._on_mark,
        )
        clerk.desk = desk
        loop.observers.append(desk.observe)
        loop.policy = self._policy_asked or settings.policy
        loop.set_paused(clerk.paused)
        desk.roles = settings.link_roles
        with self._lock:
            self._loop, self._clerk, self._desk = loop, clerk, desk
        loop.start()
        clerk.start()

    def stop(self) -> None:
        """See `TransferService`. May be called twice, and without `start`."""
        if self._stopped:
            return
        self._stopped = True
        self.stop_relay()
        if self._clerk is not None and self._loop is not None:
            self._clerk.stop()
            self._loop.stop()
        self._state_lock.release()
        self._store.close()

    def subscribe(self) -> BusSubscription:
        """See `TransferService`."""
        first: list[Event] = [
            JobsChanged(tuple(self.jobs())),
            LinksChanged(tuple(self.links())),
            EngineChanged(self.engine()),
            DestinationsChanged(tuple(self.destinations())),
            RelayChanged(self.relay()),
            *self._notices,
        ]
        return self._bus.subscribe(first)

    def _say(self, severity: Severity, topic: str, text: str, error: str) -> None:
        line = Notice(utc_iso(self._clock.wall_ns()), severity, topic, text, error)
        self._notices.append(line)
        self._bus.publish(line)

    def _on_mark(self, mark: LinkMark) -> None:
        severity = Severity.CAUTION if mark.what in ("kill", "lost", "down") else Severity.INFO
        self._bus.publish(LinkMarked(mark))
        self._say(severity, "link", mark.text, "")

    def _changed(self, file_ids: Sequence[str] = ()) -> None:
        """Somebody changed the queue: the clerk notices; without one the listeners are told here."""
        if self._clerk is not None:
            self._clerk.poke()
            return
        listed = {job.file_id: to_view(job) for job in self._store.jobs()}
        gone = tuple(file_id for file_id in file_ids if file_id not in listed)
        if gone:
            self._bus.publish(JobsRemoved(gone))
        self._bus.publish(JobsChanged(tuple(listed[file_id] for file_id in file_ids if file_id in listed)))

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
        """See `TransferService`."""
        settings = self.settings()
        known = {each.name for each in self._store.destinations()}
        name = destination or settings.default_destination or (next(iter(known)) if len(known) == 1 else "")
        if name not in known:
            what = f"there is no destination {name!r}" if name else "no destination is named"
            raise NotFoundError(
                what, hint="Pair with a relay first, or name one of: " + (", ".join(sorted(known)) or "-")
            )
        rank = parse_priority(settings.default_priority if priority is None else priority)
        entries, skipped = expand(paths, dest_path)
        new = [
            NewJob(new_file_id(self._entropy), entry.path, entry.size, rank, name, entry.dest_path, source)
            for entry in entries
        ]
        added = self._store.add_many(new) if new else []
        self._changed([job.file_id for job in added])
        return AddResult(tuple(to_view(job) for job in added), tuple(skipped))

    def jobs(self) -> list[JobView]:
        """See `TransferService`."""
        jobs = self._store.jobs()
        return self._clerk.live_views(jobs) if self._clerk is not None else [to_view(job) for job in jobs]

    def job(self, file_id: str) -> JobView:
        """See `TransferService`."""
        job = self._store.job(file_id)
        return self._clerk.live_views([job])[0] if self._clerk is not None else to_view(job)

    def manifest(self, file_id: str) -> dict[str, Any]:
        """See `TransferService`. Hashes are of the source as it is now; none where it can't be read."""
        job = self._store.job(file_id)
        chunk_bytes = self._config.chunk_bytes
        done = self._stored_chunks(file_id)
        if done is None:
            whole = -(-job.size // chunk_bytes)
            count = whole if job.status is JobState.COMPLETED else job.bytes_done // chunk_bytes
            done = set(range(count))
        return reference_manifest(
            ManifestFacts(
                file_id=job.file_id,
                file_path=job.path,
                file_size=job.size,
                chunk_bytes=chunk_bytes,
                file_hash=job.file_hash,
                priority=job.priority,
                created_at=job.created_at,
                updated_at=job.completed_at or job.started_at or job.created_at,
                done=done,
                chunk_hash=_source_hashes(Path(job.path), chunk_bytes),
            )
        )

    def _stored_chunks(self, file_id: str) -> set[int] | None:
        """Chunks that the relay has stored, of a job under way."""

        def look(loop: AgentLoop) -> set[int] | None:
            for uplink in loop.uplinks.values():
                out = uplink.jobs.get(file_id)
                if out is not None and out.number is not None and uplink.session is not None:
                    return set(np.flatnonzero(uplink.session.files[out.number].stored).tolist())
            return None

        return self._ask_loop(look)

    def _ask_loop(self, question: Callable[[AgentLoop], _T]) -> _T | None:
        """Have the loop's thread look something up; None without a loop."""
        loop = self._loop
        if loop is None or not loop.loop.is_running:
            return None
        answer: list[_T] = []
        done = threading.Event()

        def ask() -> None:
            try:
                answer.append(question(loop))
            finally:
                done.set()

        loop.loop.post(ask)
        done.wait(2.0)
        return answer[0] if answer else None

    def chunk_map(self, file_id: str, cells: int) -> ChunkMap:
        """See `TransferService`."""
        job = self._store.job(file_id)

        def look(loop: AgentLoop) -> tuple[list[str], Any, Any] | None:
            for uplink in loop.uplinks.values():
                out = uplink.jobs.get(file_id)
                if out is None or out.number is None or uplink.session is None:
                    continue
                file = uplink.session.files.get(out.number)
                if file is None:
                    return None
                names = sorted({*uplink.path_links.values()})
                index = np.zeros(256, np.uint8)
                for number, name in uplink.path_links.items():
                    index[number] = 1 + names.index(name)
                marks = np.where(file.chunk_paths == 255, 0, index[file.chunk_paths])
                marks = np.where((marks == 0) & file.stored, 1, marks)
                return names, marks, None
            return None

        found = self._ask_loop(look)
        chunks = -(-job.size // self._config.chunk_bytes)
        if found is None:
            done = chunks if job.status is JobState.COMPLETED else job.bytes_done // self._config.chunk_bytes
            filled = round(cells * done / chunks) if chunks else 0
            return ChunkMap(tuple(job.links), bytes([1] * filled + [0] * (cells - filled)), chunks, done)
        names, marks, _ = found
        edges = np.linspace(0, len(marks), min(cells, max(1, len(marks))) + 1).astype(int)
        thinned = bytes(int(marks[a]) if a < len(marks) else 0 for a in edges[:-1])
        return ChunkMap(tuple(names), thinned, chunks, int(np.count_nonzero(marks)))

    def pause(self, file_ids: Sequence[str]) -> None:
        """See `TransferService`."""
        self._store.pause(file_ids)
        self._changed(file_ids)

    def resume(self, file_ids: Sequence[str]) -> None:
        """See `TransferService`."""
        self._store.resume(file_ids)
        self._changed(file_ids)

    def cancel(self, file_ids: Sequence[str]) -> None:
        """See `TransferService`."""
        self._store.cancel(file_ids)
        self._changed(file_ids)

    def retry(self, file_ids: Sequence[str]) -> None:
        """See `TransferService`."""
        self._store.retry(file_ids)
        self._changed(file_ids)

    def remove(self, file_ids: Sequence[str]) -> None:
        """See `TransferService`."""
        self._store.remove(file_ids)
        self._changed(file_ids)

    def clear_completed(self) -> None:
        """See `TransferService`."""
        before = [job.file_id for job in self._store.jobs() if job.status is JobState.COMPLETED]
        self._store.clear_completed()
        self._changed(before)

    def set_priority(self, file_ids: Sequence[str], priority: int) -> None:
        """See `TransferService`."""
        self._store.set_priority(file_ids, parse_priority(priority))
        self._changed(file_ids)

    def move(self, file_ids: Sequence[str], before: str | None) -> None:
        """See `TransferService`."""
        self._store.move(file_ids, before)
        self._changed(file_ids)

    def undo(self) -> str | None:
        """See `TransferService`."""
        what = self._store.undo()
        self._changed([job.file_id for job in self._store.jobs()])
        return what

    def pause_all(self) -> None:
        """See `TransferService`."""
        self._set_paused(True)

    def resume_all(self) -> None:
        """See `TransferService`."""
        self._set_paused(False)

    def _set_paused(self, paused: bool) -> None:
        if self._clerk is not None:
            clerk = self._clerk
            clerk.do(lambda: clerk.set_paused(paused))
        else:
            self._store.set_setting(PAUSED_KEY, paused)
            self._store.ask("pause_all", "1" if paused else "0")

    def history(self, *, limit: int = 200, offset: int = 0, find: str = "") -> list[JobView]:
        """See `TransferService`."""
        return [to_view(job) for job in self._store.history(limit=limit, offset=offset, find=find)]

    # --- links

    def links(self) -> list[LinkView]:
        """See `TransferService`."""
        return [] if self._desk is None else self._desk.views()

    def scan(self) -> list[LinkView]:
        """See `TransferService`. Without a running agent in this process, one is started for a moment."""
        if self._desk is not None:
            return self._desk.views()
        self.start()
        time.sleep(1.5 if not self._store.destinations() else 3.0)
        return self.links()

    def kill_link(self, name: str) -> None:
        """See `TransferService`."""
        self._switch_link("kill", name)

    def restore_link(self, name: str) -> None:
        """See `TransferService`."""
        self._switch_link("restore", name)

    def _switch_link(self, verb: str, name: str) -> None:
        if self._desk is not None:
            (self._desk.kill if verb == "kill" else self._desk.restore)(name)
            return
        number = self._store.ask(verb, name)
        end = time.monotonic() + COMMAND_WAIT_S
        while time.monotonic() < end:
            result = self._store.answer_to(number)
            if result == "ok":
                return
            if result is not None:
                code, _, text = result.partition(" ")
                raise error_from_code(code, text)
            time.sleep(0.05)
        self._store.answer(number, "withdrawn")
        raise ConflictError("no agent answered", hint="Start one with `drs-sync agent` on the same --state.")

    def simulate_link(self, name: str, conditions: Mapping[str, float] | None) -> None:
        """See `TransferService`."""
        if self._desk is None:
            raise ConflictError("no agent runs here", hint="Start it first.")
        self._desk.simulate(name, conditions)

    def link_samples(self, since_ns: int) -> list[LinkSample]:
        """See `TransferService`."""
        return [] if self._desk is None else self._desk.samples(since_ns)

    def link_marks(self) -> list[LinkMark]:
        """See `TransferService`."""
        return [] if self._desk is None else self._desk.marks()

    # --- destinations

    def destinations(self) -> list[DestinationView]:
        """See `TransferService`."""
        if self._clerk is not None:
            return self._clerk.destination_views()
        return [
            DestinationView(each.name, each.kind, each.addresses, None, fingerprint=fingerprint(each.public_key))
            for each in self._store.destinations()
        ]

    def pair(self, token: str, name: str | None = None) -> DestinationView:
        """See `TransferService`."""
        parsed = parse_token(token)
        if parsed.expires_s * NS_PER_S < self._clock.wall_ns():
            raise TokenExpired(f"the token expired at {utc_iso(parsed.expires_s * NS_PER_S)}")
        known = self._store.destinations()
        chosen = name or next(
            (each.name for each in known if each.public_key == parsed.relay_public),
            "relay-" + fingerprint(parsed.relay_public)[:4],
        )
        self._store.keep_destination(
            Destination(chosen, "relay", parsed.addresses, parsed.relay_public, parsed.secret, parsed.expires_s)
        )
        if not self.settings().default_destination:
            self.change_settings(_with(self.settings(), default_destination=chosen))
        if self._clerk is not None:
            self._clerk.poke()
            if not self._clerk.wait_online(chosen, PAIR_WAIT_S):
                code, _, text = self._clerk.why(chosen).partition(": ")
                if code.startswith("E_TOKEN"):
                    raise error_from_code(code, text)
        return next(each for each in self.destinations() if each.name == chosen)

    def forget_destination(self, name: str) -> None:
        """See `TransferService`."""
        self._store.forget_destination(name)
        self._changed()
        self._bus.publish(DestinationsChanged(tuple(self.destinations())))

    # --- a relay in this process

    def start_relay(self, directory: str, listen: str) -> RelayView:
        """See `TransferService`."""
        from transfer_core.server.relay import Relay  # noqa: PLC0415 - composition: the relay is above this room

        if self._relay is not None:
            raise ConflictError("a relay runs here already", hint="Stop it first.")
        host, _, port = listen.rpartition(":")
        relay = Relay(
            self._state_dir,
            Path(directory),
            (host.strip("[]") or "0.0.0.0", int(port) if port.isdecimal() else parse_address(listen)[1]),
            on_event=self._on_relay_event,
            clock=self._clock,
            name=socket.gethostname() or "relay",
        )
        relay.start()
        self._relay = relay
        self._bus.publish(RelayChanged(self.relay()))
        return self.relay()

    def _on_relay_event(self, event: dict[str, Any]) -> None:
        if event["event"] == "received":
            self._say(Severity.INFO, "relay", f"received {event['path']} as {event['stored_as']}", "")
        elif event["event"] == "full":
            self._say(Severity.SERIOUS, "relay", str(event["text"]), f"{event['code']}: {event['text']}")
        if self._relay is not None:
            self._bus.publish(RelayChanged(self.relay()))

    def stop_relay(self) -> None:
        """See `TransferService`."""
        if self._relay is not None:
            self._relay.stop()
            self._relay = None
            self._bus.publish(RelayChanged(self.relay()))

    def relay(self) -> RelayView:
        """See `TransferService`."""
        relay = self._relay
        if relay is None:
            return RelayView(running=False)
        host, port = relay.address
        return RelayView(
            running=True,
            listen=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            directory=str(relay.directory),
            agents=relay.agents_online(),
            files_done=relay.files_done,
            bytes_received=relay.bytes_received,
            free_bytes=relay.free_bytes(),
            why="" if relay.failure is None else str(relay.failure),
        )

    def relay_token(self, *, addresses: Sequence[str] = (), expires_s: float = 600.0) -> Token:
        """See `TransferService`."""
        if self._relay is None:
            raise ConflictError("no relay runs here", hint="Start it first.")
        host, port = self._relay.address
        wanted = tuple(addresses) or tuple(_own_addresses(host, port))
        token: Token = self._relay.make_token(wanted, expires_s)
        return token

    def incoming(self) -> list[IncomingView]:
        """See `TransferService`."""
        if self._relay is None:
            return []
        found: list[IncomingView] = self._relay.incoming()
        return found

    # --- the whole

    def engine(self) -> EngineView:
        """See `TransferService`."""
        if self._clerk is not None:
            return self._clerk.engine_view()
        files_left, bytes_left = self._store.counts_left()
        return EngineView(
            online=False,
            paused=bool(self._store.setting(PAUSED_KEY)),
            rate_bps=0.0,
            files_left=files_left,
            bytes_left=bytes_left,
            eta_s=None,
            links_up=0,
            links_total=0,
            severity=Severity.INFO,
            why="",
            policy=self.settings().policy.value,
            undo=self._store.undo_label(),
        )

    def notices(self, limit: int = 500) -> list[Notice]:
        """See `TransferService`."""
        return list(self._notices)[-limit:]

    def settings(self) -> Settings:
        """See `TransferService`. What can't be understood counts as not set."""
        kept = self._store.setting(SETTINGS_KEY)
        if not isinstance(kept, dict):
            return Settings()
        names = {field.name for field in fields(Settings)}
        values = {key: value for key, value in kept.items() if key in names}
        try:
            values["policy"] = Policy(values.get("policy", Policy.BONDED))
            settings = Settings(**values)
            _weights(settings)
        except (ValueError, TypeError, DrsError):
            return Settings()
        return settings

    def change_settings(self, settings: Settings) -> None:
        """See `TransferService`."""
        parse_priority(settings.default_priority)
        weights = _weights(settings)
        if settings.rate_cap_mbps is not None and settings.rate_cap_mbps <= 0:
            raise ConfigError("rate_cap_mbps must be more than 0, or empty")
        self._store.set_setting(SETTINGS_KEY, asdict(settings))
        loop, desk = self._loop, self._desk
        if loop is not None and desk is not None:
            desk.weights, desk.roles = weights, settings.link_roles
            roles = dict(settings.link_roles)
            loop.loop.post(lambda: loop.set_policy(settings.policy))
            loop.loop.post(lambda: loop.set_roles(roles))


class _Forward:
    """Stands in for the clerk until there is one, since loop and clerk need each other."""

    clerk: Clerk

    def __getattr__(self, name: str) -> Any:
        return getattr(self.clerk, name)


def _read_simulation(path: Path | None) -> Simulation | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}", hint="Name a simulation file.") from error
    return parse_simulation(text)


def _weights(settings: Settings) -> ScoreWeights:
    values = {key: float(value) for key, value in settings.weights.items()}
    if set(values) - {"throughput", "rtt", "loss", "stability"} or any(
        not 0 <= value <= 1e6 for value in values.values()
    ):
        raise ConfigError("the score's weights are throughput, rtt, loss and stability, each 0 or more")
    weights = ScoreWeights(**values)
    if weights.throughput + weights.rtt + weights.loss + weights.stability <= 0:
        raise ConfigError("at least one of the score's weights must be more than 0")
    return weights


def _with(settings: Settings, **changes: Any) -> Settings:
    return Settings(**{**asdict(settings), **changes})


def _own_addresses(host: str, port: int) -> list[str]:
    if host not in ("0.0.0.0", "::"):
        return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    found = [
        entry.address
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family == socket.AF_INET and not entry.address.startswith("127.")
    ]
    return [f"{address}:{port}" for address in found[:7]] or [f"127.0.0.1:{port}"]


def _source_hashes(path: Path, chunk_bytes: int) -> Callable[[int], int | None]:
    """xxHash64 of the source's chunks, as it is now."""

    def chunk_hash(chunk: int) -> int | None:
        try:
            with path.open("rb") as file:
                file.seek(chunk * chunk_bytes)
                return xxhash.xxh64_intdigest(file.read(chunk_bytes))
        except OSError:
            return None

    return chunk_hash
