"""Watched folders: what may be asked. Reached as `service.watches`. `WatchesChanged` tells how they are doing.

All verbs work beside a running agent of another process, which notices within a moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from transfer_core.events.watches import TriggerRun, WatchSpec, WatchView


class WatchService(Protocol):
    """All verbs are safe from any thread, may block on the disk, and raise errors of `transfer_core.errors`."""

    def add(self, spec: WatchSpec) -> WatchView:
        """Watch a folder from now on. NotFoundError for the destination, SourceMissing, UsageError, ConflictError."""
        ...

    def import_cameras(self, text: str, settings: WatchSpec) -> Sequence[WatchView]:
        """Watch each camera of a `camera_config.json`, all or none; `settings` says everything but name and places.

        ConfigError for the file, else as `add`; a folder that is not there yet is waited for.
        """
        ...

    def import_file(self, path: str, settings: WatchSpec) -> Sequence[WatchView]:
        """`import_cameras` of the text in that file. NotFoundError if it can't be read."""
        ...

    def views(self) -> Sequence[WatchView]:
        """All watches by name, as they are now."""
        ...

    def pause(self, name: str) -> None:
        """Take no new frames; what is queued goes on. NotFoundError."""
        ...

    def resume(self, name: str) -> None:
        """Go on, or begin again after the end. NotFoundError."""
        ...

    def remove(self, name: str) -> None:
        """Forget the watch; what is queued goes on, and no file is deleted. NotFoundError."""
        ...

    def restore(self, name: str) -> None:
        """Take the last `remove` back: it is as it was, and sends nothing twice. NotFoundError if it can't."""
        ...

    def rescan(self, name: str) -> None:
        """Look at everything in the folder again. NotFoundError, ConflictError for one that is paused or has ended."""
        ...

    def trigger(self, frame_id: str, ball_id: str = "") -> TriggerRun:
        """Send this frame and those after it, of all armed cameras, to the ball's folder; returns before it copies.

        UsageError for what is no frame's or ball's name, NotFoundError for an unknown camera, SourceMissing if the
        frame does not come within `file_wait_ms`, ConflictError for a camera that is paused.
        """
        ...

    def is_through(self) -> bool:
        """Whether everything that is there and complete by now is queued; True where no agent runs in this process."""
        ...
