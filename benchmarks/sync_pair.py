"""Two nodes of one shared folder in this process, on real disks, whose parcels are counted byte by byte."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from transfer_core.storage.database import open_database
from transfer_core.sync.disk_tree import DiskTree
from transfer_core.sync.index import Index
from transfer_core.sync.index_rows import MIGRATIONS
from transfer_core.sync.node import Node
from transfer_core.sync.parcel import Parcel, decode_parcel, encode_parcel

Waiting = tuple["Side", bytes, Callable[[], None] | None]


class Side:
    """One node, with the other as its only peer."""

    def __init__(self, folder: Path, name: str, wire: deque[Waiting]) -> None:
        self.name, self.root, self._wire = name, folder / name, wire
        self.root.mkdir(exist_ok=True)
        tree = DiskTree(self.root, "bench")
        tree.adopt()
        self.database: sqlite3.Connection
        self.database, _ = open_database(folder / f"{name}.sqlite3", MIGRATIONS, now_text="now")
        index = Index(self.database, f"r-{name}")
        self.node = Node("bench", name, tree, index, self, time.time_ns, time.monotonic_ns)
        self.other: Side

    def send(self, peer: str, parcel: Parcel, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        """The node's post."""
        self._wire.append((self.other, encode_parcel(parcel), delivered))


class Pair:
    """See the module."""

    def __init__(self, folder: Path) -> None:
        self._wire: deque[Waiting] = deque()
        self.a, self.b = Side(folder, "a", self._wire), Side(folder, "b", self._wire)
        self.a.other, self.b.other = self.b, self.a
        self.a.node.add_peer("b")
        self.b.node.add_peer("a")
        self.settle()

    def settle(self) -> int:
        """Deliver and work until nothing is left to do; the bytes that crossed."""
        crossed = 0
        while True:
            while self._wire:
                side, data, delivered = self._wire.popleft()
                crossed += len(data)
                side.node.receive(side.other.name, decode_parcel(data))
                if delivered is not None:
                    delivered()
            self.a.node.work()
            self.b.node.work()
            if not self._wire:
                return crossed

    def sync(self) -> int:
        """Look at both folders and bring them together; the bytes that crossed."""
        self.a.node.scan(deletes_are_meant=True)
        self.b.node.scan(deletes_are_meant=True)
        return self.settle()

    def close(self) -> None:
        """Close the databases."""
        self.a.database.close()
        self.b.database.close()
