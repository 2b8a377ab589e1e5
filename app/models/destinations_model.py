"""The destinations as rows: whether each is there, how much waits for it, and why it isn't."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import IntEnum

from PySide6.QtCore import QObject

from app.figures import was_text, without_code
from app.models.job_tally import JobTally
from app.models.table_model import TableModel, headings
from transfer_core.events import DestinationView
from transfer_core.units import format_bytes


class DestinationColumn(IntEnum):
    """The columns, left to right."""

    STATE = 0
    NAME = 1
    WHY = 2  # beside the state that it explains, also in a narrow window
    WAITING = 3
    FAILED = 4
    FREE = 5
    KIND = 6
    ADDRESS = 7


HEADINGS = headings(
    ("state", "name", "why", "waiting", "failed", "room there", "speaks", "address"),
    (DestinationColumn.WAITING, DestinationColumn.FAILED, DestinationColumn.FREE),
)
KIND_WORDS = {
    "relay": "relay, UDP",
    "relay-http": "relay, HTTP",
    "chunked": "HTTP chunks",
    "tus": "tus",
    "s3": "S3",
}


def state_words(view: DestinationView) -> str:
    """Whether it is there, in a word."""
    return {True: "Online", False: "Offline", None: "Not asked yet"}[view.online]


class DestinationsModel(TableModel):
    """One row for each destination, by name."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(HEADINGS, parent)
        self._views: list[DestinationView] = []
        self._waiting: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._is_heard = True

    def show_heard(self, is_heard: bool) -> None:
        """Whether the engine is heard of; who answered one that is not may answer no more."""
        if is_heard != self._is_heard:
            self._is_heard = is_heard
            self.tell_rows(0, len(self._views) - 1)

    def show_destinations(self, views: Sequence[DestinationView]) -> None:
        """Rows as they are now; rows that stay keep their place, and with it the selection."""
        if [view.name for view in views] == [view.name for view in self._views]:
            self._views = list(views)
            self.tell_rows(0, len(self._views) - 1)
            return
        self.beginResetModel()
        self._views = list(views)
        self.endResetModel()

    def count_jobs(self, tally: JobTally) -> None:
        """Take over what waits for each and what failed."""
        waiting, failed = Counter(tally.waiting), Counter(tally.failed_at)
        if (waiting, failed) != (self._waiting, self._failed):
            self._waiting, self._failed = waiting, failed
            self.tell_rows(0, len(self._views) - 1)

    def view(self, row: int) -> DestinationView:
        """The destination of that row."""
        return self._views[row]

    def row_of(self, name: str) -> int:
        """The row of that destination; -1 if there is none."""
        return next((row for row, view in enumerate(self._views) if view.name == name), -1)

    @property
    def failed_jobs(self) -> int:
        """How many jobs failed, of all destinations."""
        return sum(self._failed.values())

    def row_total(self) -> int:
        """Number of destinations."""
        return len(self._views)

    def subject(self, row: int) -> DestinationView:
        """The destination."""
        return self._views[row]

    def text(self, row: int, column: int) -> str:
        """What stands there now; there are few of these."""
        view = self._views[row]
        match DestinationColumn(column):
            case DestinationColumn.STATE:
                return self._state_words(view)
            case DestinationColumn.NAME:
                return view.name
            case DestinationColumn.KIND:
                return KIND_WORDS.get(view.kind, view.kind)
            case DestinationColumn.WAITING:
                return str(self._waiting[view.name] or "")
            case DestinationColumn.FAILED:
                return str(self._failed[view.name] or "")
            case DestinationColumn.FREE:
                return "" if view.free_bytes is None else format_bytes(view.free_bytes)
            case DestinationColumn.ADDRESS:
                return ", ".join(view.addresses)
            case DestinationColumn.WHY:
                return without_code(view.why)

    def tip(self, row: int, column: int) -> str:
        """All of it."""
        view = self._views[row]
        known = f"known by {view.fingerprint}" if view.fingerprint else ""
        return "\n".join(
            filter(None, (f"{view.name}: {self._state_words(view)}", ", ".join(view.addresses), known, view.why))
        )

    def _state_words(self, view: DestinationView) -> str:
        return was_text(state_words(view), is_heard=self._is_heard or view.online is None)
