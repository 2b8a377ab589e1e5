"""Folder sync: what may be asked of the folders that this machine shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from transfer_core.events.sync import (
    SyncConflictView,
    SyncFileView,
    SyncFolderView,
    SyncHappening,
    SyncSavingView,
    SyncVectorView,
)


class SyncService(Protocol):
    """Shared folders. Whatever is asked for is kept, and a running agent follows it."""

    def share(self, directory: str, name: str, to: str) -> SyncFolderView:
        """Share a folder through the relay `to` under a new name. UsageError, ConflictError, NotFoundError."""
        ...

    def accept(self, name: str, directory: str, relay: str = "") -> SyncFolderView:
        """Take part in a folder that a relay has, in a directory that is made if need be; what is there is joined."""
        ...

    def leave(self, name: str) -> None:
        """Share it no more on this machine; all files stay. NotFoundError."""
        ...

    def status(self, name: str | None = None) -> list[SyncFolderView]:
        """How the folders stand. NotFoundError."""
        ...

    def pause(self, names: Sequence[str]) -> None:
        """Hold these folders, all if none is named."""
        ...

    def resume(self, names: Sequence[str], *, deletes_are_meant: bool = False) -> None:
        """Let them go on; `deletes_are_meant` says yes to deletes of more than half of one folder."""
        ...

    def files(self, name: str, *, find: str = "", limit: int = 500) -> list[SyncFileView]:
        """Files and folders in it, deleted ones too, newest edit first."""
        ...

    def history(self, name: str | None = None, *, limit: int = 200) -> list[SyncHappening]:
        """What happened, newest first."""
        ...

    def savings(self, name: str | None = None, *, limit: int = 200) -> list[SyncSavingView]:
        """What crossed the wire for each received file, newest first."""
        ...

    def vectors(self, name: str, path: str) -> list[SyncVectorView]:
        """What each machine has of a path, and what its version has seen; this machine first. NotFoundError."""
        ...

    def conflicts(self, name: str | None = None) -> list[SyncConflictView]:
        """Edits that had not seen each other, newest first."""
        ...

    def resolve(self, path: str, keep: str, *, folder: str | None = None) -> list[str]:
        """Keep `mine`, `theirs` or `both` of a conflict; what was done, in words. NotFoundError, UsageError."""
        ...
