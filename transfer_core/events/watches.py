"""Watched folders: what each is told to do, how it is doing, and the event that says so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from transfer_core.config import check_dest_path
from transfer_core.errors import UsageError
from transfer_core.events.base import Event

NAME_MAX = 64


class WatchState(StrEnum):
    """How a watched folder is doing."""

    WATCHING = "watching"
    PAUSED = "paused"  # a person's word
    WAITING = "waiting"  # its folder can't be read just now
    ARMED = "armed"  # sends nothing until it is triggered
    ENDED = "ended"  # it was to send what was there once, or a number of files, and did
    IDLE = "idle"  # no agent runs


@dataclass(frozen=True, slots=True)
class WatchSpec:
    """What a person asks of a watched folder. UsageError for what can't be."""

    name: str
    directory: str
    destination: str
    pattern: str = "*"  # of names; with a slash, of paths below the folder
    start_after: str = ""  # only names that sort after this one
    lookahead: int = 4  # a frame this many places later shows that a frame is complete; 0: it shows nothing
    stable_ms: float = 5.0
    file_wait_ms: float = 10.0
    max_files: int = 0  # 0: no limit
    dest_path: str = ""
    preserve_structure: bool = False
    priority: int = 5
    once: bool = False  # send what is there, and end
    delete_after: bool = False  # delete a source once its arrival is verified
    cleanup_part_files: bool = False
    on_trigger: bool = False  # send only what triggers ask for

    def __post_init__(self) -> None:
        """Refuse what can't be kept or done."""
        if not 0 < len(self.name) <= NAME_MAX or "/" in self.name or not self.name.isprintable():
            raise UsageError(
                f"{self.name!r} can't be the name of a watch", hint=f"Use 1 to {NAME_MAX} plain characters."
            )
        if not self.pattern or "\0" in self.pattern:
            raise UsageError("the pattern is empty", hint='Use one such as "*.jpg".')
        check_dest_path(self.dest_path)
        if not 1 <= self.priority <= 10:
            raise UsageError(f"priority {self.priority} is not from 1 to 10")
        limits = (
            ("lookahead", self.lookahead, 1_000_000),
            ("stable-ms", self.stable_ms, 3_600_000),
            ("file-wait-ms", self.file_wait_ms, 3_600_000),
            ("max-files", self.max_files, 2**53),
        )
        for what, value, largest in limits:
            if not 0 <= value <= largest:
                raise UsageError(f"{what} is {value:g}; it must be from 0 to {largest}")


@dataclass(frozen=True, slots=True)
class TriggerRun:
    """What a trigger began: frames of these watches, from its own on, go to the ball's folder."""

    run_id: str
    frame_id: str
    ball_id: str
    camera: str  # the watch whose frame it named
    cameras: tuple[str, ...]
    dest_path: str  # of that camera's frames


@dataclass(frozen=True, slots=True)
class WatchView:
    """One watched folder as it is now. `None` means not known, never zero."""

    spec: WatchSpec
    state: WatchState
    why: str = ""  # for people: why it waits, what is wrong
    online: bool | None = None  # its destination
    frames_in: int = 0  # complete ones since the agent began, and those that were queued by then
    frames_out: int = 0  # of them, those that have arrived
    frames_failed: int = 0
    backlog: int = 0  # queued, and not yet arrived
    backlog_bytes: int = 0
    unfinished: int = 0  # seen, and not yet complete
    fps_in: float | None = None
    fps_out: float | None = None
    newest_frame: str = ""  # path of the newest complete one
    newest_there_ns: int | None = None  # monotonic time at which the newest frame that has arrived was complete
    latency_p50_ms: float | None = None  # from complete to verified at the other end, of the last frames
    latency_p99_ms: float | None = None
    blocked: str = ""  # why what is queued waits at its destination, for people
    held: str = ""  # a frame that a writer has kept open for long
    errors: int = 0
    error: str = ""  # the newest one, for people
    error_ns: int | None = None  # monotonic time of it
    run: str = ""  # the trigger's run under way, for people


@dataclass(frozen=True, slots=True)
class WatchesChanged(Event):
    """All watched folders, by name."""

    watches: tuple[WatchView, ...]
