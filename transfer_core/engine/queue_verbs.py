"""What may be asked of the queue. Works beside a running agent of another process, which notices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from transfer_core.config import check_dest_path, parse_priority
from transfer_core.engine.gate import PAUSED_KEY
from transfer_core.engine.settings_verbs import SettingsVerbs
from transfer_core.errors import NotFoundError
from transfer_core.events import JobState, JobView
from transfer_core.jobs.model import FileIds, to_view
from transfer_core.jobs.sources import expand
from transfer_core.jobs.store import NewJob
from transfer_core.service import AddResult


def destinations_hint(known: Iterable[str]) -> str:
    """What to do about a destination that is none of these."""
    names = ", ".join(sorted(known))
    return f"Pair with a relay first, or name one of: {names}" if names else "Pair with a relay first."


class QueueVerbs(SettingsVerbs):
    """See `service.TransferService`."""

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
            raise NotFoundError(what, hint=destinations_hint(known))
        check_dest_path(dest_path)
        rank = parse_priority(settings.default_priority if priority is None else priority)
        entries, skipped = expand(paths, dest_path)
        file_ids = FileIds(self._entropy)
        new = [
            NewJob(file_ids.next(), entry.path, entry.size, rank, name, entry.dest_path, source) for entry in entries
        ]
        added = self._store.add_many(new) if new else []
        self._changed([job.file_id for job in added])
        return AddResult(tuple(to_view(job) for job in added), tuple(skipped))

    def jobs(self) -> list[JobView]:
        """See `TransferService`."""
        return self.jobs_behind(None, -1)

    def jobs_behind(self, after: JobView | None, limit: int) -> list[JobView]:
        """The rows of the list that follow that one, or its first ones; -1: all of them."""
        views = self._store.views(after, limit)
        if self._clerk is None:
            return views
        live = {view.file_id: view for view in self._clerk.live_views(self._store.views_under_way())}
        return [live.get(view.file_id, view) for view in views] if live else views

    def job(self, file_id: str) -> JobView:
        """See `TransferService`."""
        view = to_view(self._store.job(file_id))
        return self._clerk.live_views([view])[0] if self._clerk is not None else view

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
            clerk.do(lambda: clerk.gate.pause(paused))
        else:
            self._store.set_setting(PAUSED_KEY, paused)
            self._store.ask("pause_all", "1" if paused else "0")
            self._tell_agent()

    def history(self, *, limit: int = 200, offset: int = 0, find: str = "") -> list[JobView]:
        """See `TransferService`."""
        return [to_view(job) for job in self._store.history(limit=limit, offset=offset, find=find)]
