"""What a figure is: a name, and a function that measures and gives goals, tables and pictures."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

MEMORY_DISK = Path("/dev/shm")
SCRATCH = "drs-bench-"


@dataclass(frozen=True, slots=True)
class Goal:
    """A number to reach, and what was measured. `holds` is None where it could not be judged."""

    what: str
    reach: str
    measured: str
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under heads. Heads in `right` hold figures."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG beside the page, by its file name."""

    file: str
    caption: str


@dataclass(slots=True)
class Result:
    """What a figure found, in the order in which it is shown."""

    goals: list[Goal] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bench:
    """How to measure. `runs` repetitions of each case; `quick` asks for smaller cases."""

    runs: int
    quick: bool
    pictures: Path
    seed: int = 1

    def log(self, text: str) -> None:
        """Progress for whoever waits."""
        print(f"  {text}", file=sys.stderr, flush=True)

    @contextmanager
    def scratch(self, *, in_memory: bool = False) -> Iterator[Path]:
        """A folder of its own, on the disk or on a memory disk, removed at the end."""
        parent = MEMORY_DISK if in_memory and MEMORY_DISK.is_dir() else Path(tempfile.gettempdir())
        _remove_what_the_dead_left(parent)
        folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-", dir=parent))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Figure:
    """One part of the page. One that is not `repeated` has its own repetitions within a run, or none."""

    name: str
    title: str
    about: str
    measure: Callable[[Bench], Result]
    order: int = 100
    repeated: bool = True


def _remove_what_the_dead_left(parent: Path) -> None:
    """Of runs that were killed: on a memory disk it is memory."""
    for folder in parent.glob(f"{SCRATCH}*-*"):
        owner = folder.name.removeprefix(SCRATCH).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def median(values: Iterable[float]) -> float:
    """The middle one; 0 of none."""
    known = list(values)
    return statistics.median(known) if known else 0.0


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, and the least and the most in brackets where there are several."""
    if not values:
        return "-"
    middle = f"{median(values):.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} [{min(values):.{digits}f} .. {max(values):.{digits}f}]"
