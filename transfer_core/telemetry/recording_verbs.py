"""Recordings after the race: taken in, asked, exported, deleted. See `service.telemetry`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blake3 import blake3

from transfer_core.errors import (
    ConflictError,
    DiskFull,
    DrsError,
    IntegrityError,
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
from transfer_core.telemetry import mcap_file, race_folders
from transfer_core.telemetry.catalog import Race
from transfer_core.telemetry.channels import channel_view
from transfer_core.telemetry.decoders.base import Decoder
from transfer_core.telemetry.decoders.registry import LIFTOFF_FULL, make_decoder
from transfer_core.telemetry.desk_parts import LOG_NAME, RACES
from transfer_core.telemetry.export import export_log
from transfer_core.telemetry.log import LogReader, LogWriter
from transfer_core.telemetry.samples.base import StoredStream
from transfer_core.telemetry.sealing_verbs import SealingVerbs, summary_of
from transfer_core.units import utc_iso

_BUSY = "It is still recorded or replayed; end that first."


class RecordingVerbs(SealingVerbs):
    """What may be done with a race that is over, wherever it was recorded."""

    def delete_race(self, race_id: str) -> None:
        """See `TelemetryService`."""
        self._require_deletable(race_id)
        with self._seal_lock:
            with self._lock:
                filler = self._fillers.pop(race_id, None)
            if filler is not None:
                filler.stop()
            races = self._folder / RACES
            race_folders.mark_deleted(races, race_id)
            try:
                self._forget_race(race_id)
            except DiskFull:
                race_folders.empty_marked(races, race_id)  # so that there is room to forget it
                self._forget_race(race_id)
            except DrsError:
                race_folders.unmark(races, race_id)
                raise
        self._around.publish(RaceRemoved(race_id))
        race_folders.delete_marked(races, race_id)

    def _forget_race(self, race_id: str) -> None:
        """StoreGone, StateError, DiskFull; then all of it is known but, maybe, its samples."""
        self._store.delete(race_id)
        self._catalog.remove(race_id)

    def _require_deletable(self, race_id: str) -> None:
        race = self._catalog.race(race_id)
        if race_id in self._running or race.state in (RaceState.WAITING, RaceState.LIVE) or self._is_replayed(race_id):
            raise ConflictError(f"{race.name!r} can't be deleted", hint=_BUSY)

    def _is_replayed(self, race_id: str) -> bool:
        raise NotImplementedError

    def take_back_race(self, race_id: str) -> RaceView:
        """See `TelemetryService`."""
        raise NotImplementedError

    def open_recording(self, path: str) -> RaceView:
        """See `TelemetryService`."""
        source = Path(path)
        origin = _hash_of(source)
        known = self._catalog.from_origin(origin)
        if known is not None:
            return self.take_back_race(known.race_id)
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
            **summary_of(self._log_of(race_id)),
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
