"""What may be asked of watched folders. Works beside a running agent of another process, which notices."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from transfer_core.clock import Clock
from transfer_core.engine.doorbell import ring
from transfer_core.engine.queue_verbs import destinations_hint
from transfer_core.engine.side_rooms import RESCAN_VERB, VIEWS_VERB
from transfer_core.engine.watches.desk import WatchDesk
from transfer_core.engine.watches.selections import run_row
from transfer_core.entropy import Entropy
from transfer_core.errors import ConflictError, DiskFull, NotFoundError, SourceMissing, StateError, UsageError
from transfer_core.events.watches import TriggerRun, WatchSpec, WatchState, WatchView
from transfer_core.ingest.camera_config import parse_camera_config
from transfer_core.ingest.config_file import read_camera_config
from transfer_core.ingest.selection import Selection, ball_folder, clean_folder
from transfer_core.ingest.trigger import Trigger, make_trigger
from transfer_core.jobs.model import FileIds
from transfer_core.jobs.store import JobStore, WatchRow
from transfer_core.units import NS_PER_MS, NS_PER_S

HINT = "See `drs-sync watch list`."
FRAME_WAIT_MAX_MS = 2000.0
LOOK_S = 0.002
ANSWER_WAIT_S = 3.0  # a machine that is busy with frames takes its time


class WatchVerbs:
    """See `service.WatchService`. `desk` is there while an agent runs in this process."""

    def __init__(
        self,
        store: JobStore,
        clock: Clock,
        entropy: Entropy,
        state_dir: Path,
        own: Callable[[], str],
        agent_runs: Callable[[], bool],
    ) -> None:
        self._store, self._clock, self._entropy = store, clock, entropy
        self._state_dir, self._own_folder, self._agent_runs = state_dir, own, agent_runs
        self.desk: WatchDesk | None = None

    # --- watches

    def add(self, spec: WatchSpec) -> WatchView:
        """See `WatchService`."""
        spec = self._sound(spec)
        if not os.path.isdir(spec.directory):  # noqa: PTH112 - names need not be valid Unicode
            raise SourceMissing(f"{spec.directory!a} is no folder", hint="Name the folder that the camera writes to.")
        self._add([spec])
        return self._kept(spec.name)

    def import_cameras(self, text: str, settings: WatchSpec) -> Sequence[WatchView]:
        """See `WatchService`."""
        specs = [
            self._sound(replace(settings, name=each.name, directory=each.source, dest_path=each.dest_path))
            for each in parse_camera_config(text)
        ]
        self._add(specs)
        return [self._kept(spec.name) for spec in specs]

    def import_file(self, path: str, settings: WatchSpec) -> Sequence[WatchView]:
        """See `WatchService`."""
        return self.import_cameras(read_camera_config(Path(path)), settings)

    def _add(self, specs: Sequence[WatchSpec]) -> None:
        """All or none. ConflictError for a name that is taken, or if each frame would go to one place twice."""
        self._unless_twins(specs, lambda as_of: self._store.add_watches(specs, as_of))

    def _unless_twins(self, specs: Sequence[WatchSpec], change: Callable[[int], bool]) -> None:
        """Have these watched, unless others send the same; judged anew if watches change meanwhile. ConflictError."""
        while True:
            as_of = self._store.watch_change()
            going = [row.spec for row in self._store.watches() if not row.ended]
            for spec in specs:
                same = (each for each in going if each.name != spec.name and _sends_of(each) == _sends_of(spec))
                twin = next(same, None)
                if twin is not None:
                    what = f"{spec.directory!a} is watched as {twin.name} already, and goes to the same place"
                    raise ConflictError(what, hint="Choose another --pattern or --dest-path, or remove that one first.")
                going.append(spec)
            if change(as_of):
                break
        self._poke()

    def _sound(self, spec: WatchSpec) -> WatchSpec:
        known = [each.name for each in self._store.destinations()]
        if spec.destination not in known:
            raise NotFoundError(f"there is no destination {spec.destination!r}", hint=destinations_hint(known))
        if not spec.directory or "\0" in spec.directory:
            raise UsageError("no folder is named", hint="Name the folder that the camera writes to.")
        whole = os.path.realpath(spec.directory)
        for inside, what in (
            (str(self._state_dir), "this program's state"),
            (self._own_folder(), "what is received here"),
        ):
            if inside and (os.path.realpath(inside) + "/").startswith(whole.rstrip("/") + "/"):
                raise UsageError(f"{spec.directory!a} holds {what}", hint="Watch another folder, or move that one.")
        return replace(spec, directory=os.path.abspath(spec.directory))  # noqa: PTH100 - as above

    def views(self) -> Sequence[WatchView]:
        """See `WatchService`."""
        rows, why = self._store.watches(), ""
        known: Sequence[WatchView] = ()
        if self.desk is not None:
            known = self.desk.views()
        elif rows and self._agent_runs():
            known, why = self._ask_agent()
        told = {view.spec.name: view for view in known}
        return [told.get(row.spec.name) or self._kept_view(row, why) for row in rows]

    def pause(self, name: str) -> None:
        """See `WatchService`."""
        self._store.pause_watch(name, True)
        self._poke()

    def resume(self, name: str) -> None:
        """See `WatchService`."""
        row = self._row(name)
        self._unless_twins([row.spec], lambda as_of: self._store.pause_watch(name, False, as_of))

    def remove(self, name: str) -> None:
        """See `WatchService`."""
        self._store.remove_watch(name)
        self._poke()

    def restore(self, name: str) -> None:
        """See `WatchService`."""
        row = self._store.removed_watch(name)
        sends = [] if row.ended else [row.spec]
        self._unless_twins(sends, lambda as_of: self._store.restore_watch(name, as_of))

    def rescan(self, name: str) -> None:
        """See `WatchService`."""
        _require_going(self._row(name))
        if self.desk is not None:
            self.desk.rescan(name)
        elif self._agent_runs():  # if none does, the next one begins with a look at everything
            self._store.ask(RESCAN_VERB, name)

    def is_through(self) -> bool:
        """See `WatchService`."""
        return self.desk is None or self.desk.is_through

    def _poke(self) -> None:
        if self.desk is not None:
            self.desk.poke()
        else:
            ring(self._state_dir)

    # --- triggers

    def trigger(self, frame_id: str, ball_id: str = "") -> TriggerRun:
        """See `WatchService`."""
        trigger = make_trigger(frame_id, ball_id)
        rows = self._store.watches()
        named = next((row for row in rows if _is_camera(row.spec, trigger.camera)), None)
        if named is None:
            raise NotFoundError(f"no watch is called {trigger.camera!r}", hint=HINT)
        _require_going(named)
        self._require_frame(named.spec, trigger)
        others = [row for row in rows if row.spec.on_trigger and not row.paused and not row.ended and row is not named]
        run_id = FileIds(self._entropy).next()
        taking = [named.spec, *(row.spec for row in others)]
        self._store.add_runs([run_row(spec.name, _selection(spec, trigger, named.spec, run_id)) for spec in taking])
        self._poke()
        folder = ball_folder(named.spec, ball_id)
        names = tuple(spec.name for spec in taking)
        return TriggerRun(run_id, frame_id, ball_id, named.spec.name, names, folder)

    def _require_frame(self, spec: WatchSpec, trigger: Trigger) -> None:
        """Wait for a frame that is late. SourceMissing."""
        end_ns = self._clock.monotonic_ns() + round(min(spec.file_wait_ms, FRAME_WAIT_MAX_MS) * NS_PER_MS)
        path = os.path.join(spec.directory, trigger.frame_id)  # noqa: PTH118 - as above
        while not _is_file(path):
            left_ns = end_ns - self._clock.monotonic_ns()
            if left_ns <= 0:
                raise SourceMissing(f"{path!a} is not there", hint="Send the name of a frame that was written.")
            time.sleep(min(LOOK_S, left_ns / NS_PER_S))

    # --- what is kept

    def _row(self, name: str) -> WatchRow:
        row = next((each for each in self._store.watches() if each.spec.name == name), None)
        if row is None:
            raise NotFoundError(f"there is no watch {name!r}", hint=HINT)
        return row

    def _kept(self, name: str) -> WatchView:
        return self._kept_view(self._row(name))

    def _kept_view(self, row: WatchRow, why: str = "") -> WatchView:
        state = WatchState.PAUSED if row.paused else WatchState.ENDED if row.ended else WatchState.IDLE
        if state is WatchState.IDLE and (self.desk is not None or self._agent_runs()):
            state = WatchState.ARMED if row.spec.on_trigger else WatchState.WATCHING
        going_on = [each for each in self._store.open_frames(row.spec.name).values() if each]
        return WatchView(row.spec, state, why, backlog=len(going_on))

    # --- an agent of another process

    def _ask_agent(self) -> tuple[Sequence[WatchView], str]:
        """How its watches are doing, as it says; or nothing, and why it does not say."""
        try:
            number = self._store.ask(VIEWS_VERB, "")
            end = time.monotonic() + ANSWER_WAIT_S
            while time.monotonic() < end:
                answer = self._store.answer_to(number)
                if answer is not None:
                    return views_of(answer), ""
                time.sleep(0.02)
            self._store.answer(number, "withdrawn")
        except (DiskFull, StateError) as error:
            return (), f"the agent can't be asked: {error.message}"
        return (), "the agent that runs here has not answered, so figures are not known"


def _require_going(row: WatchRow) -> None:
    """ConflictError for a watch that takes no files."""
    if row.paused or row.ended:
        name, what = row.spec.name, "paused" if row.paused else "at its end"
        raise ConflictError(f"{name} is {what}", hint=f"Write `drs-sync watch resume {name}`.")


def _sends_of(spec: WatchSpec) -> tuple[object, ...]:
    """Which frames it sends, and where to; two watches that are alike in this send each frame twice."""
    folder = os.path.realpath(spec.directory)
    return folder, spec.pattern, spec.destination, clean_folder(spec.dest_path), spec.on_trigger


def views_text(views: Sequence[WatchView]) -> str:
    """Views as another process is told of them."""
    return json.dumps([asdict(view) for view in views])


def views_of(text: str) -> list[WatchView]:
    """The views in an answer; none in one that is no such text."""
    try:
        return [_view_of(value) for value in json.loads(text)]
    except (ValueError, TypeError, KeyError, UsageError):
        return []


def _view_of(value: dict[str, Any]) -> WatchView:
    return WatchView(**{**value, "spec": WatchSpec(**value["spec"]), "state": WatchState(value["state"])})


def _is_camera(spec: WatchSpec, camera: str) -> bool:
    return camera in (spec.name, os.path.basename(spec.directory.rstrip("/")))  # noqa: PTH119 - as above


def _selection(spec: WatchSpec, trigger: Trigger, named: WatchSpec, run_id: str) -> Selection:
    """What the trigger asks of one camera. Names of the others follow from the name that it gave."""
    if spec is named:
        frame = trigger.frame_id
    else:
        frame = trigger.frame_of(spec.name if trigger.camera == named.name else os.path.basename(spec.directory))  # noqa: PTH119
    return Selection(run_id, ball_folder(spec, trigger.ball_id), frame, True, spec.max_files)


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False
