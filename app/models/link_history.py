"""What the links did in the last half hour: their samples and their marks, collected whether a page shows them or not.

One of these is shared by the link strip and the Links page. It only stores; whoever draws asks it, at its own rate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.models.sample_rings import SampleRings
from transfer_core.events import LinkMark, LinkSample

if TYPE_CHECKING:
    from app.models.console_state import ConsoleState

MARKS_MOST = 500


class LinkHistory(QObject):
    """Rings of samples and a list of marks, fed by the console's state."""

    marked = Signal(object)  # LinkMark

    def __init__(self, state: ConsoleState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rings = SampleRings()
        self._marks: deque[LinkMark] = deque(maxlen=MARKS_MOST)
        state.samples_arrived.connect(self.keep_samples)
        state.link_marked.connect(self.keep_mark)

    def marks(self, link: str) -> list[LinkMark]:
        """The link's marks, oldest first."""
        return [mark for mark in self._marks if mark.link == link]

    @property
    def all_marks(self) -> tuple[LinkMark, ...]:
        """Every mark kept, oldest first."""
        return tuple(self._marks)

    @Slot(object)
    def keep_samples(self, samples: Iterable[LinkSample]) -> None:
        """Add samples to the rings."""
        self.rings.push(samples)

    @Slot(object)
    def keep_mark(self, mark: LinkMark) -> None:
        """Add a mark, in place of the oldest when there are too many."""
        self._marks.append(mark)
        self.marked.emit(mark)
