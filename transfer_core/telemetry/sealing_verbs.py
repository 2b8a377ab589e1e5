"""From the end of a race to its sealed file, its job and its samples, also after a crash. See `service.telemetry`."""

from __future__ import annotations

import queue
import threading
from pathlib import Path
from typing import Any

from transfer_core.errors import ConfigError, DrsError, NotFoundError
from transfer_core.events.telemetry import RaceState, RaceView
from transfer_core.storage.safe_path import safe_name
from transfer_core.telemetry import mcap_file, race_folders
from transfer_core.telemetry.arrivals import source_name
from transfer_core.telemetry.catalog import Race
from transfer_core.telemetry.decoders.registry import make_decoder
from transfer_core.telemetry.desk_parts import RACES
from transfer_core.telemetry.export import export_log
from transfer_core.telemetry.filler import Filler
from transfer_core.telemetry.log import LogReader, LogWriter
from transfer_core.telemetry.race_verbs import RaceVerbs
from transfer_core.units import utc_iso

NOT_QUEUED_YET = "It is not queued yet."


class SealingVerbs(RaceVerbs):
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
        """After a crash: delete what was being deleted, make whole what was being recorded, seal what was not sealed,
        fill what is not stored."""
        self._finish_deleting()
        for race in self._catalog.running():
            if race.race_id not in self._running:
                self._recover_one(race)
        for race in self._catalog.races(limit=1000):
            if race.state is RaceState.ENDED and race.datagrams and not race.origin:
                self._seal_soon(race.race_id)
            elif race.error == NOT_QUEUED_YET and race.path:
                self._queue(race, Path(race.path))
        self._fill_what_is_not_stored()

    def _finish_deleting(self) -> None:
        races = self._folder / RACES
        for race_id in race_folders.marked(races):
            try:
                race_folders.empty_marked(races, race_id)
                self._catalog.remove(race_id)
                self._store.delete(race_id)
                race_folders.delete_marked(races, race_id)
            except DrsError as error:
                self._around.say(True, f"A race could not be deleted: {error.message}", error.one_line())

    def _recover_one(self, race: Race) -> None:
        path = self._log_of(race.race_id)
        try:
            LogWriter.reopen(path).close()
            summary = summary_of(path)
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


def summary_of(path: Path) -> dict[str, Any]:
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
