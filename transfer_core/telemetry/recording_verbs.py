"""Recordings after the race: sealed, queued, taken in, asked, exported, deleted. See `service.telemetry`."""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blake3 import blake3

from transfer_core.errors import (
    ConfigError,
    ConflictError,
    DrsError,
    IntegrityError,
    NotFoundError,
    SourceMissing,
    SourceUnreadable,
    WriteFailed,
)
from transfer_core.events.telemetry import (
    ExportResult,
    RaceRemoved,
    RaceState,
    RaceView,
    RecordedSourceView,
    ThinnedSeries,
)
from transfer_core.storage.safe_path import safe_name
from transfer_core.telemetry import mcap_file
from transfer_core.telemetry.arrivals import source_name
from transfer_core.telemetry.catalog import Race
from transfer_core.telemetry.channels import channel_view
from transfer_core.telemetry.decoders.base import Decoder
from transfer_core.telemetry.decoders.registry import LIFTOFF_FULL, make_decoder
from transfer_core.telemetry.desk_parts import LOG_NAME, RACES
from transfer_core.telemetry.export import export_log
from transfer_core.telemetry.filler import Filler
from transfer_core.telemetry.log import LogReader, LogWriter
from transfer_core.telemetry.race_verbs import RaceVerbs
from transfer_core.telemetry.samples.base import StoredStream
from transfer_core.units import utc_iso

NOT_QUEUED_YET = "It is not queued yet."
_BUSY = "It is still recorded or replayed; end that first."


class RecordingVerbs(RaceVerbs):
    """Sealing has a thread of its own, one race after the other; what was not sealed is, with the next start."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._to_seal: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._sealing: threading.Thread | None = None
        self._seal_lock = threading.Lock()

    def _seal_soon(self, race_id: str) -> None:
        with self._lock:
            if self._sealing is None:
                self._sealing = threading.Thread(target=self._seal_all, name="telemetry-seal", daemon=True)
                self._sealing.start()
        self._to_seal.put(race_id)

    def _seal_all(self) -> None:
        while (race_id := self._to_seal.get()) is not None:
            if self._stopping.is_set():
                continue
            try:
                self._seal(race_id)
            except DrsError as error:
                self._around.say(True, f"A recording could not be sealed: {error.message}", error.one_line())

    def save_race(self, race_id: str) -> RaceView:
        """See `TelemetryService`."""
        if self.race(race_id).state in (RaceState.WAITING, RaceState.LIVE):
            self.end_race(race_id)
        self._seal(race_id)
        return self.race(race_id)

    def _seal(self, race_id: str) -> None:
        """Seal and queue it, unless that is done or there is nothing in it."""
        with self._seal_lock:
            try:
                race = self._catalog.race(race_id)
            except NotFoundError:
                return  # deleted meanwhile
            if race.state is not RaceState.ENDED or not race.datagrams:
                return
            target = self._folder / RACES / race_id / safe_name(f"{race.name}{mcap_file.SUFFIX}")
            target.unlink(missing_ok=True)  # left by a stop in between
            try:
                done = export_log(
                    self._log_of(race_id),
                    target,
                    "mcap",
                    make_decoder(race.settings),
                    self._names,
                    self._facts(race),
                    self._stopping,
                )
            except DrsError as error:
                self._catalog.change(race_id, error=error.one_line())
                self._tell_race(race_id)
                raise
            facts = {"state": RaceState.SAVED.value, "path": str(target), "samples": done.rows}
            self._catalog.change(race_id, **facts, error=NOT_QUEUED_YET)
            self._queue(race, target)

    def _queue(self, race: Race, target: Path) -> None:
        """Make a job of it. After a crash in between it is done with the next start."""
        self._catalog.change(race.race_id, error=self._queued(race, target))
        self._tell_race(race.race_id)

    def _queued(self, race: Race, target: Path) -> str:
        """Make a job of it; why that could not be, else nothing."""
        if race.origin:
            return ""  # it came from elsewhere
        day = race.created_at[:10]
        try:
            self._around.queue_recording(str(target), race.destination, f"races/{day} {target.name}")
        except NotFoundError as error:
            return "" if race.destination is None else f"It was not queued: {error.one_line()}"
        except DrsError as error:
            return f"It was not queued: {error.one_line()}"
        return ""

    def _facts(self, race: Race) -> dict[str, Any]:
        """What a sealed race says about itself."""
        return {
            "race_id": race.race_id,
            "name": race.name,
            "owner": race.owner,
            "udp_port": race.udp_port,
            "settings": dict(race.settings),
            "created_at": race.created_at,
            "ended_at": race.ended_at,
            "pilots": self._pilots(race),
            "markers": [[each.time_ns, each.text] for each in self._catalog.markers(race.race_id)],
        }

    def _pilots(self, race: Race) -> dict[str, str]:
        """Names by source: who joined with it, else what it is called now."""
        joined = {each.source_id: each.name for each in self._catalog.members(race.race_id) if each.source_id}
        named = {source: name for source, name in self._names.items() if source.partition("/")[0] in race.sources}
        return {**named, **joined}

    def recover(self) -> None:
        """After a crash: make whole what was being recorded, seal what was not sealed, fill what is not stored."""
        for race in self._catalog.running():
            if race.race_id not in self._running:
                self._recover_one(race)
        for race in self._catalog.races(limit=1000):
            if race.state is RaceState.ENDED and race.datagrams and not race.origin:
                self._seal_soon(race.race_id)
            elif race.error == NOT_QUEUED_YET and race.path:
                self._queue(race, Path(race.path))
        self._fill_what_is_not_stored()

    def _recover_one(self, race: Race) -> None:
        path = self._log_of(race.race_id)
        try:
            LogWriter.reopen(path).close()
            summary = _summary(path)
        except DrsError as error:
            summary = {"error": error.one_line()}
        said = f"The recording of {race.name!r} was cut off; it is kept as far as it was written"
        self._catalog.change(
            race.race_id,
            **{"error": said, **summary},
            state=RaceState.ENDED.value,
            ended_at=utc_iso(self._clock.wall_ns()),
        )
        self._around.say(True, said, summary.get("error", ""))
        self._tell_race(race.race_id)

    def _fill_what_is_not_stored(self) -> None:
        try:
            store = self._open_store()
        except ConfigError as error:
            self._around.say(True, error.message, error.one_line())
            return
        for race in self._catalog.races(limit=1000) if store is not None else ():
            if race.race_id in self._running or not race.datagrams or race.race_id in self._fillers:
                continue
            try:
                stored = store is not None and store.position(race.race_id) >= self._log_of(race.race_id).stat().st_size
            except (DrsError, OSError):
                stored = False  # the filler tries, and says why it can't
            if not stored:
                self._fill_whole(race)

    def _fill_whole(self, race: Race) -> None:
        store = self._open_store()
        if store is None:
            return  # the next start does it
        more = threading.Event()
        more.set()
        path, decoder = self._log_of(race.race_id), make_decoder(race.settings)
        with self._lock:
            self._fillers[race.race_id] = Filler(race.race_id, path, decoder, store, more, lambda: True)

    def delete_race(self, race_id: str) -> None:
        """See `TelemetryService`."""
        race = self._catalog.race(race_id)
        if race_id in self._running or race.state in (RaceState.WAITING, RaceState.LIVE) or self._is_replayed(race_id):
            raise ConflictError(f"{race.name!r} can't be deleted", hint=_BUSY)
        with self._seal_lock:
            with self._lock:
                filler = self._fillers.pop(race_id, None)
            if filler is not None:
                filler.stop()
            self._store.delete(race_id)
            self._catalog.remove(race_id)
            try:
                shutil.rmtree(self._folder / RACES / race_id)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise WriteFailed(f"a recording can't be deleted: {error.strerror or error}") from error
        self._around.publish(RaceRemoved(race_id))

    def _is_replayed(self, race_id: str) -> bool:
        raise NotImplementedError

    def open_recording(self, path: str) -> RaceView:
        """See `TelemetryService`."""
        source = Path(path)
        origin = _hash_of(source)
        known = self._catalog.from_origin(origin)
        if known is not None:
            return self._race_view(known)
        sealed = source.suffix.lower() == mcap_file.SUFFIX
        race_id = self._entropy.token_bytes(8).hex()
        folder = self._folder / RACES / race_id
        folder.mkdir()
        try:
            facts = self._take_in(source, folder / LOG_NAME, sealed)
            race = self._race_of(race_id, facts, source, origin)
            self._catalog.add(race)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._keep_told(race, facts)
        self._fill_whole(race)
        self._tell_race(race_id)
        return self.race(race_id)

    def _take_in(self, source: Path, log: Path, sealed: bool) -> Mapping[str, Any]:
        if sealed:
            facts = mcap_file.read_facts(source)
            mcap_file.read_into_log(source, log, facts)
            return facts
        with LogReader(source) as reader:
            facts = dict(reader.header())
        try:
            shutil.copyfile(source, log)
        except OSError as error:
            raise WriteFailed(f"{source.name} can't be copied: {error.strerror or error}") from error
        LogWriter.reopen(log).close()  # what was torn off is cut
        return facts

    def _race_of(self, race_id: str, facts: Mapping[str, Any], source: Path, origin: str) -> Race:
        settings = facts.get("settings")
        settings = settings if isinstance(settings, dict) else dict(LIFTOFF_FULL)
        make_decoder(settings)
        port = facts.get("udp_port")
        return Race(
            race_id,
            str(facts.get("name") or source.stem)[:200],
            str(facts.get("owner") or "")[:200],
            port if isinstance(port, int) and 0 <= port <= 65_535 else 0,
            settings,
            RaceState.ENDED,
            str(facts.get("created_at") or utc_iso(self._clock.wall_ns())),
            str(facts.get("ended_at") or utc_iso(self._clock.wall_ns())),
            origin=origin,
            **_summary(self._log_of(race_id)),
        )

    def _keep_told(self, race: Race, facts: Mapping[str, Any]) -> None:
        """Names and markers that a sealed race brings."""
        markers, pilots = facts.get("markers"), facts.get("pilots")
        for marker in markers if isinstance(markers, list) else ():
            if isinstance(marker, list) and len(marker) == 2 and isinstance(marker[0], int):
                self._catalog.mark(race.race_id, marker[0], str(marker[1])[:1000])
        for source, name in pilots.items() if isinstance(pilots, dict) else ():
            if source not in self._names:
                self.name_source(str(source), str(name)[:200])

    def recorded_sources(self, race_id: str) -> list[RecordedSourceView]:
        """See `TelemetryService`."""
        pilots = self._pilots(self._catalog.race(race_id))
        streams: dict[str, list[StoredStream]] = {}
        for stream in self._store.streams(race_id):
            streams.setdefault(stream.source_id, []).append(stream)
        found = []
        for source, parts in streams.items():
            channels = dict.fromkeys(name for part in parts for name in part.channels)
            runs: dict[int, tuple[int, int]] = {}
            for number, first, last in (run for part in parts for run in part.runs):
                before = runs.get(number, (first, last))
                runs[number] = (min(before[0], first), max(before[1], last))
            found.append(
                RecordedSourceView(
                    source,
                    pilots.get(source, ""),
                    tuple(map(channel_view, channels)),
                    tuple(runs[number] for number in sorted(runs)),
                    sum(part.samples for part in parts),
                )
            )
        return found

    def series(
        self,
        race_id: str,
        source_id: str,
        channel: str,
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        points: int = 2000,
    ) -> ThinnedSeries:
        """See `TelemetryService`."""
        race = self.race(race_id)
        start = (race.start_ns or 0) if start_ns is None else start_ns
        end = (race.end_ns or 0) + 1 if end_ns is None else end_ns
        return self._store.series(race_id, source_id, channel, start, end, points)

    def export(self, race_id: str, path: str, form: str) -> ExportResult:
        """See `TelemetryService`."""
        race = self._catalog.race(race_id)
        decoder: Decoder = make_decoder(race.settings)
        return export_log(
            self._log_of(race_id), Path(path), form, decoder, self._pilots(race), self._facts(race), self._stopping
        )


def _summary(path: Path) -> dict[str, Any]:
    """What a log holds, as columns of a race."""
    with LogReader(path) as reader:
        index = reader.index()
        senders = list(reader.senders)
    if not len(index.starts):
        return {"size_bytes": path.stat().st_size}
    return {
        "start_ns": int(index.first_ns[0]),
        "end_ns": int(index.last_ns[-1]),
        "datagrams": int(index.counts.sum()),
        "size_bytes": path.stat().st_size,
        "sources": tuple(sorted(map(source_name, senders))),
    }


def _hash_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(8)
            if not head:
                raise IntegrityError(f"{path.name} is empty", hint="Choose another file.")
        return blake3().update_mmap(path).hexdigest()
    except FileNotFoundError as error:
        raise SourceMissing(f"{path} is not there", hint="Choose another file.") from error
    except OSError as error:
        raise SourceUnreadable(f"{path} can't be read: {error.strerror or error}") from error
