"""How many jobs are begun at once, and when: large ones few, small ones many, so that none waits for another's way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transfer_core.clock import Clock
from transfer_core.config import EngineConfig
from transfer_core.engine.runner import JobRunner
from transfer_core.engine.system import raise_open_files_limit
from transfer_core.engine.targets import Targets
from transfer_core.jobs.store import JobStore

if TYPE_CHECKING:
    from transfer_core.engine.uploads.desk import UploadDesk

SMALL_SHARE = 4  # of the room for small files, this part has to be free before more are taken
DESCRIPTORS_SHARE = 4  # small files may take this part of the files that the process may hold open
AHEAD_S = 1.0  # what goes in so long may be under way, since the clerk does not come back at once; on fast links alone
WIDER_MOST = 2.0  # that is so many times the room for small files


class Claims:
    """Takes jobs from the queue in this owner's name. Used by the clerk's thread."""

    def __init__(
        self, *, owner: str, store: JobStore, clock: Clock, config: EngineConfig, runner: JobRunner, targets: Targets
    ) -> None:
        self._owner, self._store, self._clock, self._config = owner, store, clock, config
        self._runner, self._targets = runner, targets
        self._descriptors_max = raise_open_files_limit() // DESCRIPTORS_SHARE

    def begin_more(self) -> None:
        """Begin what there is room for. Small ones when there is room for many: those that begin together travel
        together."""
        config, under_way = self._config, self._runner.under_way
        few = max(0, config.open_files_max - len(under_way))
        wider = min(max(1.0, under_way.rate_bps / 8 * AHEAD_S / config.small_files_bytes), WIDER_MOST)
        many_max = min(round(config.small_files_max * wider), self._descriptors_max)
        many = many_max - len(under_way)
        if not few and many < many_max // SMALL_SHARE:
            return
        ready = self._targets.ready_relays()
        room_bytes = round(config.small_files_bytes * wider) - under_way.whole_bytes
        self._runner.begin(self._store.claim(self._owner, few, ready, small_limit=many, small_bytes=room_bytes))
        if self._runner.uploads is not None:
            self._begin_uploads(self._runner.uploads)

    def _begin_uploads(self, uploads: UploadDesk) -> None:
        now_ns = self._clock.monotonic_ns()
        names = uploads.open_destinations(now_ns)
        names += [name for name in uploads.open_fallbacks(now_ns) if self._targets.reach.falls_back(name, now_ns)]
        for job in self._store.claim(self._owner, uploads.room, names):
            self._runner.begin_upload(job, uploads)
