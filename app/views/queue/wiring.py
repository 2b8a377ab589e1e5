"""The Queue page's wishes as verbs of the service, and the verbs' answers back on the page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from app.figures import files_text
from transfer_core.errors import DrsError
from transfer_core.service import AddResult

if TYPE_CHECKING:
    from app.views.page import ServiceCalls
    from app.views.queue.page import QueuePage


class QueueWiring:
    """Lives as long as the page."""

    def __init__(self, page: QueuePage, service: ServiceCalls) -> None:
        self._page, self._call = page, service.call
        for signal, verb in (
            (page.pause_wanted, "pause"),
            (page.resume_wanted, "resume"),
            (page.retry_wanted, "retry"),
        ):
            signal.connect(partial(self._call, verb))
        page.cancel_wanted.connect(self._cancel)
        page.undo_wanted.connect(self._undo)
        page.remove_wanted.connect(self._remove)
        page.priority_wanted.connect(self._set_priority)
        page.clear_wanted.connect(self._clear)
        page.files_wanted.connect(self._add)
        page.move_wanted.connect(self._move)
        page.details.chunk_map_wanted.connect(self._ask_chunk_map)

    def _tell_done(self, text: str) -> None:
        self._page.done.emit(text, partial(self._call, "undo"))

    def _undo(self) -> None:
        self._call("undo", on_result=self._undone)

    def _undone(self, what: str | None) -> None:
        self._page.done.emit(f"Undone: {what}" if what else "Nothing to undo", None)

    def _remove(self, file_ids: list[str]) -> None:
        self._call("remove", file_ids, on_result=lambda _: self._tell_done(f"Removed {_files(file_ids)}"))

    def _cancel(self, file_ids: list[str]) -> None:
        """What was cancelled is queued again by Undo, and goes on from what is there."""
        text, again = f"Cancelled {_files(file_ids)}", partial(self._call, "retry", file_ids)
        self._call("cancel", file_ids, on_result=lambda _: self._page.done.emit(text, again))

    def _clear(self) -> None:
        self._call("clear_completed", on_result=lambda _: self._tell_done("What has arrived is off the list"))

    def _set_priority(self, file_ids: list[str], priority: int) -> None:
        text = f"{_files(file_ids)}: priority {priority}"
        self._call("set_priority", file_ids, priority, on_result=lambda _: self._tell_done(text))

    def _move(self, file_ids: list[str], before: str | None) -> None:
        self._call(
            "move",
            file_ids,
            before,
            on_result=lambda _: self._moved(file_ids),
            on_error=partial(self._move_refused, file_ids),
        )

    def _moved(self, file_ids: list[str]) -> None:
        self._page.settle_move(file_ids)
        self._tell_done(f"Moved {_files(file_ids)}")

    def _move_refused(self, file_ids: list[str], error: DrsError) -> None:
        self._page.settle_move(file_ids, failed=True)
        self._page.failed.emit(error)

    def _add(self, paths: list[str], before: str | None) -> None:
        self._call("add_paths", paths, source="drop", on_result=partial(self._added, before), on_error=self._not_added)

    def _added(self, before: str | None, result: AddResult) -> None:
        self._page.adding.added(len(result.added), len(result.skipped))
        if before is not None and result.added:
            self._call("move", [job.file_id for job in result.added], before)
        if result.added:
            ids = [job.file_id for job in result.added]
            where = {job.destination for job in result.added}
            text = f"Queued {_files(ids)} for {', '.join(sorted(where))}"
            self._page.done.emit(text, partial(self._call, "remove", ids))
        if result.skipped:
            several = "; ".join(f"{each.path}: {each.why}" for each in result.skipped[:3])
            self._page.noted.emit(f"Left out {len(result.skipped)}: {several}")

    def _not_added(self, error: DrsError) -> None:
        self._page.adding.refused()
        self._page.failed.emit(error)

    def _ask_chunk_map(self, file_id: str, cells: int) -> None:
        show = partial(self._page.details.show_chunk_map, file_id)
        self._call("chunk_map", file_id, cells, on_result=show, on_error=self._no_chunk_map)

    def _no_chunk_map(self, _error: DrsError) -> None:
        """The job was removed meanwhile; the panel shows another one by now."""


def _files(file_ids: list[str]) -> str:
    return files_text(len(file_ids))
