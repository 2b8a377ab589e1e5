"""Shared folders in memory: what is asked for is written down in `calls`; `fail[verb]` is raised instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from transfer_core.events.sync import (
    SyncConflictView,
    SyncFigures,
    SyncFileView,
    SyncFolderView,
    SyncHappening,
    SyncPeerView,
    SyncSavingView,
    SyncState,
    SyncVectorView,
    SyncVersionView,
)

AT = "2026-11-21T08:{:02d}:12.000Z"


def demo_folders() -> tuple[SyncFolderView, ...]:
    factory = SyncPeerView("factory", True, "r-factory", 0)
    figures = SyncFigures(412, 0, 1_840_000_000, 96_000_000, 540_000_000, 61_000_000, 84.0)
    return (
        SyncFolderView(
            *("setups", "/race/setups", "factory", SyncState.SYNCED, "", 214, 3_400_000, 0, 1),
            peers=(
                factory,
                SyncPeerView("pit2", True, "r-pit2", 0, "direct"),
                SyncPeerView("engineer3", True, "r-engineer3", 0, "through factory"),
            ),
            figures=figures,
            reports=(("Café.json", "other systems take it and CAFÉ.json for the same name"),),
        ),
        SyncFolderView(
            *("logs", "/race/logs", "factory", SyncState.SYNCING, "18 changes to come, 3 to tell", 9_120),
            *(41_000_000_000, 18, 0),
            peers=(replace(factory, to_tell=3),),
        ),
        SyncFolderView(
            *("strategy", "/race/strategy", "factory", SyncState.QUESTION),
            "31 of 40 files and folders are gone at once. Put the files back, or say that the deletes are meant.",
            *(40, 2_000_000, 0, 0),
            peers=(factory,),
        ),
    )


def demo_conflict() -> SyncConflictView:
    here = SyncVersionView("car17/wing.json", "pit2", AT.format(31), 4_212, "aa01", is_mine=False)
    beside = replace(here, path="car17/wing.conflict-pit1-0123456789abcdef.json", by="pit1", at=AT.format(29))
    return SyncConflictView("setups", "car17/wing.json", here, replace(beside, size_bytes=4_190, is_mine=True))


def demo_history() -> list[SyncHappening]:
    lines = [
        ("edited", "car17/wing.json", "here"),
        ("received", "car17/wing.json", "from pit2"),
        ("edited", "car17/wing.json", "here"),
        ("conflict", "car17/wing.json", "two edits; pit1's is kept beside it"),
        ("received", "car44/wing.json", "from engineer3"),
        ("deleted", "old/notes.txt", "from pit2"),
    ]
    return [SyncHappening(AT.format(n), "setups", *line) for n, line in enumerate(lines)][::-1]


class FakeSync:
    """See the module."""

    def __init__(self, folders: Sequence[SyncFolderView] = ()) -> None:
        self.folders = list(folders)
        self.conflict_list = [demo_conflict()] if folders else []
        self.calls: list[tuple[object, ...]] = []
        self.fail: dict[str, Exception] = {}

    def _note(self, verb: str, *arguments: object) -> None:
        self.calls.append((verb, *arguments))
        if verb in self.fail:
            raise self.fail[verb]

    def share(self, directory: str, name: str, to: str) -> SyncFolderView:
        self._note("share", directory, name, to)
        self.folders.append(SyncFolderView(name, directory, to, SyncState.OFFLINE, "", 0, 0, 0, 0))
        return self.folders[-1]

    def accept(self, name: str, directory: str, relay: str = "") -> SyncFolderView:
        self._note("accept", name, directory, relay)
        return SyncFolderView(name, directory, relay, SyncState.OFFLINE, "", 0, 0, 0, 0)

    def leave(self, name: str) -> None:
        self._note("leave", name)
        self.folders = [each for each in self.folders if each.name != name]

    def status(self, name: str | None = None) -> list[SyncFolderView]:
        return [each for each in self.folders if name in (None, each.name)]

    def pause(self, names: Sequence[str]) -> None:
        self._note("pause", *names)

    def resume(self, names: Sequence[str], *, deletes_are_meant: bool = False) -> None:
        self._note("resume", *names, deletes_are_meant)

    def files(self, name: str, *, find: str = "", limit: int = 500) -> list[SyncFileView]:
        files = [
            SyncFileView(f"car{17 + n % 3}/run {n:02d}.csv", "file", 12_000 * n, f"pit{n % 3}", AT.format(n))
            for n in range(1, 25)
        ]
        return [SyncFileView("car17", "folder", 0, "pit1", AT.format(0)), *(f for f in files if find in f.path)]

    def history(self, name: str | None = None, *, limit: int = 200) -> list[SyncHappening]:
        return demo_history() if self.folders else []

    def savings(self, name: str | None = None, *, limit: int = 200) -> list[SyncSavingView]:
        return [
            SyncSavingView("logs", "car17/lap.log", AT.format(40), 12, 520_000_000, 11_000_000, 160_000_000),
            SyncSavingView("logs", "onboard.mp4", AT.format(39), 1, 900_000_000, 901_000_000, 900_000_000),
        ]

    def vectors(self, name: str, path: str) -> list[SyncVectorView]:
        mine = SyncVectorView(
            "here", "file", 4_212, "pit2", AT.format(31), {"r1": 1_763_713_869, "r2": 1_763_713_990}, "here"
        )
        return [mine, replace(mine, holder="factory", standing="same")]

    def conflicts(self, name: str | None = None) -> list[SyncConflictView]:
        return list(self.conflict_list)

    def resolve(self, path: str, keep: str, *, folder: str | None = None) -> list[str]:
        self._note("resolve", path, keep, folder)
        self.conflict_list.clear()
        return [f"{path}: {keep}"]
