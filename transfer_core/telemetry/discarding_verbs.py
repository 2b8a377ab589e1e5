"""Races that a person put away: gone from every list at once, deleted when that can't be taken back any more.

What is put away is known to this process alone, and nothing on the disk is touched before it is deleted. So a race that
was put away before a crash is in the list again at the next start: nothing is lost by it. An orderly end deletes what
was put away before. See `service.telemetry`.
"""

from __future__ import annotations

import threading
from typing import Any

from transfer_core.errors import DrsError, NotFoundError
from transfer_core.events.telemetry import RaceRemoved, RaceView
from transfer_core.telemetry.recording_verbs import RecordingVerbs

KEPT_S = 60.0  # well over the time for which the console offers to take it back


class DiscardingVerbs(RecordingVerbs):
    """Each race that was put away has a timer, whose thread deletes it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._discarded: dict[str, threading.Timer] = {}
        self._deleting: dict[str, threading.Timer] = {}

    def discard_race(self, race_id: str, *, kept_s: float = KEPT_S) -> None:
        """See `TelemetryService`."""
        self._require_deletable(race_id)
        timer = threading.Timer(kept_s, self._delete_discarded, (race_id,))
        timer.name, timer.daemon = "telemetry-delete", True
        with self._lock:
            if race_id in self._discarded:
                return
            self._discarded[race_id] = timer
        self._around.publish(RaceRemoved(race_id))
        timer.start()

    def take_back_race(self, race_id: str) -> RaceView:
        """See `TelemetryService`."""
        with self._lock:
            if race_id in self._deleting:
                raise NotFoundError("this race is being deleted; it can't be taken back any more")
            timer = self._discarded.pop(race_id, None)
        if timer is not None:
            timer.cancel()
            self._tell_race(race_id)
        return self.race(race_id)

    def _is_discarded(self, race_id: str) -> bool:
        with self._lock:
            return race_id in self._discarded or race_id in self._deleting

    def _delete_discarded(self, race_id: str) -> None:
        """In the timer's thread, or in that of whoever ends all."""
        with self._lock:
            timer = self._discarded.pop(race_id, None)
            if timer is None:
                return  # taken back in the last moment
            self._deleting[race_id] = timer
        refusal: DrsError | None = None
        try:
            self.delete_race(race_id)
        except DrsError as error:
            refusal = error
        finally:
            with self._lock:
                del self._deleting[race_id]
        if refusal is not None:
            self._around.say(True, f"A race could not be deleted: {refusal.message}", refusal.one_line())
            self._tell_race(race_id)

    def _delete_all_discarded(self) -> None:
        with self._lock:
            timers, under_way = dict(self._discarded), list(self._deleting.values())
        for race_id, timer in timers.items():
            timer.cancel()
            self._delete_discarded(race_id)
        for timer in under_way:
            timer.join()
