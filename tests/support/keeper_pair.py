"""Two keepers on real disks, driven turn by turn in the test's thread, with parcels handed over in memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from transfer_core.engine.system import SystemClock
from transfer_core.events.sync import SyncFolderView, SyncHappening
from transfer_core.sync.disk_tree import DiskTree
from transfer_core.sync.keeper import Keeper
from transfer_core.sync.parcel import decode_parcel
from transfer_core.sync.shares import Share, ShareStore
from transfer_core.sync.verbs import FolderVerbs

DEADLINE_S = 60.0


class End:
    """One machine: its keeper, the verbs beside it, and its folder."""

    def __init__(self, folder: Path, name: str, peer: str) -> None:
        self.name, self.peer, self.root = name, peer, folder / name
        self.root.mkdir()
        DiskTree(self.root, "setups").adopt()
        state = folder / f"{name}-state"
        store = ShareStore(state, "now")
        store.add(Share("setups", str(self.root), peer, "share"))
        self.views: tuple[SyncFolderView, ...] = ()
        self.happened: list[SyncHappening] = []
        self.wire: deque[tuple[bytes, Callable[[], None] | None]] = deque()
        clock = SystemClock()
        self.keeper = Keeper(
            name, store, self, clock, lambda: f"r-{name}", self._take_views, self.happened.extend, lambda _: None
        )
        self.verbs = FolderVerbs(state, clock, lambda: [peer], lambda: True)

    def _take_views(self, views: tuple[SyncFolderView, ...]) -> None:
        self.views = views

    def carry(self, peer: str, data: bytes, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        self.wire.append((data, delivered))

    @property
    def view(self) -> SyncFolderView:
        return self.views[0]

    def files(self) -> dict[str, bytes]:
        paths = [path for path in self.root.rglob("*") if path.is_file() and ".drs-sync" not in path.parts]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in paths}


class KeeperPair:
    """`a` and `b`; `connected` may be switched."""

    def __init__(self, folder: Path) -> None:
        self.a, self.b = End(folder, "a", "b"), End(folder, "b", "a")
        self.ends = (self.a, self.b)
        self.connected = False
        for end in self.ends:
            end.keeper.turn(0.01)
        self.connect()

    def connect(self) -> None:
        self.connected = True
        for end in self.ends:
            end.keeper.folders["setups"].session(end.peer)

    def disconnect(self) -> None:
        self.connected = False
        for end in self.ends:
            end.wire.clear()
            end.keeper.folders["setups"].gone(end.peer)

    def turn(self) -> None:
        for end, other in (self.ends, self.ends[::-1]):
            while end.wire and self.connected:
                data, delivered = end.wire.popleft()
                other.keeper.receive(end.name, decode_parcel(data))
                if delivered is not None:
                    delivered()
            end.keeper.turn(0.01)

    def until(self, happened: Callable[[], bool]) -> None:
        end = time.monotonic() + DEADLINE_S
        while not happened():
            assert time.monotonic() < end, (self.a.files(), self.b.files(), self.a.views, self.b.views)
            self.turn()

    def until_equal(self) -> dict[str, bytes]:
        self.until(lambda: self.a.files() == self.b.files() and not any(end.wire for end in self.ends))
        return self.a.files()

    def close(self) -> None:
        for end in self.ends:
            for folder in end.keeper.folders.values():
                folder.close()
            end.keeper.store.close()
            end.verbs.close()


@contextmanager
def keeper_pair(folder: Path) -> Iterator[KeeperPair]:
    pair = KeeperPair(folder)
    try:
        yield pair
    finally:
        pair.close()
