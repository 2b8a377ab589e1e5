"""Which frames a watch or a trigger has asked for, and in what order a run of so many takes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from transfer_core.ingest.candidates import Frame
from transfer_core.ingest.selection import Selection
from transfer_core.units import NS_PER_S

ORDER_WAIT_NS = 2 * NS_PER_S  # how long a frame waits for earlier ones, where only the first so many are to be sent


@dataclass(slots=True)
class Chosen:
    """A selection, and how many frames it has taken."""

    selection: Selection
    taken: int = 0
    scans_before: int = 0  # scans of the folder that were done when it began

    @property
    def is_full(self) -> bool:
        """Whether it has taken as many as it was to take."""
        return 0 < self.selection.max_files <= self.taken

    @property
    def text(self) -> str:
        """What is asked for and how far that is, for people."""
        selection = self.selection
        count = f"{self.taken} of {selection.max_files}" if selection.max_files else str(self.taken)
        return f"{selection.folder} from {selection.start}: {count}"

    def begins(self, relative: str) -> bool:
        """Whether a name comes late enough; a start with a slash is compared with the whole path."""
        if not self.selection.start:
            return True
        if "/" in self.selection.start:
            return self.selection.begins_before(relative)
        return self.selection.begins_before(relative.rpartition("/")[2])

    def is_start(self, relative: str) -> bool:
        """Whether it begins with this very frame: none comes before it."""
        start = self.selection.start
        return bool(start) and start in (relative, relative.rpartition("/")[2])


class EarlyFrames:
    """Complete frames that wait while earlier ones may still come. True while there are any."""

    def __init__(self) -> None:
        self._waiting: dict[str, Frame] = {}  # by name

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def ready(
        self,
        frames: Iterable[Frame],
        limited: Sequence[Chosen],
        unfinished: Collection[str],
        scans_done: int,
        now_ns: int,
    ) -> list[Frame]:
        """Those of all that may be taken by now, by name.

        Of a run that takes so many frames (`limited`), these are the first by name: until all that is there was looked
        at, and while an earlier one is `unfinished`, the later ones wait, though not long.
        """
        waiting = self._waiting | {frame.relative: frame for frame in frames}
        self._waiting = {}
        firsts = [min((name for name in unfinished if chosen.begins(name)), default="") for chosen in limited]
        ready: list[Frame] = []
        for relative, frame in sorted(waiting.items()):
            may_wait = now_ns - frame.complete_ns < ORDER_WAIT_NS
            if may_wait and any(
                chosen.begins(relative)
                and not chosen.is_start(relative)
                and (scans_done == chosen.scans_before or "" < first < relative)
                for chosen, first in zip(limited, firsts, strict=True)
            ):
                self._waiting[relative] = frame
            else:
                ready.append(frame)
        return ready
