"""Which files of a watched folder are wanted, in which order, where they go, and which have successors. Pure.

Names sort as text, as cameras number their frames with leading zeros. A relative path is '/'-separated.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from functools import lru_cache

from transfer_core.events.watches import WatchSpec

PART_SUFFIX = ".part"
_NUMBERED = re.compile(r"(.*?)(\d+)(\D*)", re.DOTALL)
_SERIES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Selection:
    """The files that one watch, or one trigger's run, sends.

    `start` is the name to start at, or after when `includes_start` is False; empty starts at the first one.
    """

    run_id: str  # empty: the watch itself
    folder: str  # where they go
    start: str = ""
    includes_start: bool = False
    max_files: int = 0

    def begins_before(self, name: str) -> bool:
        """Whether that name comes late enough."""
        return name > self.start or (self.includes_start and name == self.start)


class NamePattern:
    """Names that a watch looks at. `.part` files never are; hidden files only if the pattern names them."""

    def __init__(self, pattern: str) -> None:
        self._whole_path = "/" in pattern
        self._hidden = pattern.rpartition("/")[2].startswith(".")
        self._matches = re.compile(fnmatch.translate(pattern)).match

    def wants(self, relative: str) -> bool:
        """Whether the file at this path is one of them."""
        name = relative.rpartition("/")[2]
        if name.endswith(PART_SUFFIX) or (name.startswith(".") and not self._hidden):
            return False
        return self._matches(relative if self._whole_path else name) is not None


class Successors:
    """Knows the highest number of each series of names, so that a frame's successor can vouch for it."""

    def __init__(self, lookahead: int) -> None:
        self._lookahead = lookahead
        self._highest: dict[tuple[str, str], int] = {}

    def note(self, relative: str) -> None:
        """A file of this name is there."""
        found = _NUMBERED.fullmatch(relative) if self._lookahead else None
        if found is None:
            return
        series, number = (found[1], found[3]), int(found[2][-18:])
        if number > self._highest.get(series, -1):
            if len(self._highest) >= _SERIES_MAX:
                self._highest.clear()  # these are no series, and what is lost is one sign of several
            self._highest[series] = number

    def follow(self, relative: str) -> bool:
        """Whether a frame `lookahead` or more places after this one was seen."""
        found = _NUMBERED.fullmatch(relative) if self._lookahead else None
        if found is None:
            return False
        return self._highest.get((found[1], found[3]), -1) >= int(found[2][-18:]) + self._lookahead


def dest_path_of(folder: str, relative: str, *, preserve_structure: bool) -> str:
    """Where a file goes: into the folder, with the folders that it lies in if the structure is kept."""
    name = relative if preserve_structure else relative.rpartition("/")[2]
    return f"{clean_folder(folder)}/{name}".lstrip("/")


def own_selection(spec: WatchSpec) -> Selection:
    """What a watch sends by itself."""
    return Selection("", clean_folder(spec.dest_path), spec.start_after, False, spec.max_files)


def ball_folder(spec: WatchSpec, ball_id: str) -> str:
    """Where the frames of one ball go: `PATH/BALL/CAMERA`, for the camera whose own folder is `PATH/CAMERA`."""
    folder = clean_folder(spec.dest_path)
    if not ball_id:
        return folder
    base = folder.removesuffix(spec.name).rstrip("/") if f"/{folder}".endswith(f"/{spec.name}") else folder
    return f"{base}/{ball_id}/{spec.name}".lstrip("/")


@lru_cache(maxsize=64)
def clean_folder(folder: str) -> str:
    """The folder without empty parts; below the relay's own folder, wherever it pointed to before."""
    return "/".join(part for part in folder.replace("\\", "/").split("/") if part)
