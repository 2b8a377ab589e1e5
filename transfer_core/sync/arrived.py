"""Chunks that arrived and wait for their file: in SQLite, since they were acknowledged, and in memory by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from transfer_core.sync.recipe import Recipe


class Arrived:
    """See the module. Part of `index.Index`; changes are made inside its `change`, and removals written at its end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._stored: dict[bytes, int] = {}
        self._dropped: set[bytes] = set()
        self.reload()

    def reload(self) -> None:
        """What is in memory is what the table says; after a change that came to nothing."""
        self._stored = {row[0]: row[1] for row in self._db.execute("SELECT chunk, stored FROM arrived")}
        self._dropped.clear()

    def settle(self) -> None:
        """Write the removals."""
        self._db.executemany("DELETE FROM arrived WHERE chunk = ?", [(chunk,) for chunk in self._dropped])
        self._dropped.clear()

    def keep(self, chunks: Iterable[tuple[bytes, bytes, int]]) -> None:
        """(chunk, data, what it took on the wire) have arrived."""
        fresh = {chunk: (data, stored) for chunk, data, stored in chunks if chunk not in self._stored}
        self._dropped -= fresh.keys()
        self._db.executemany(
            "INSERT OR IGNORE INTO arrived VALUES (?, ?, ?)", [(chunk, *rest) for chunk, rest in fresh.items()]
        )
        self._stored |= {chunk: stored for chunk, (_, stored) in fresh.items()}

    def stored_bytes(self, recipe: Recipe) -> int:
        """What the chunks of a recipe that had to be fetched took on the wire."""
        return sum(self._stored.get(chunk, 0) for chunk in {piece.chunk for piece in recipe})

    def data(self, chunk: bytes) -> bytes | None:
        """A chunk that has arrived and was not used up."""
        if chunk not in self._stored:
            return None
        row = self._db.execute("SELECT data FROM arrived WHERE chunk = ?", (chunk,)).fetchone()
        return None if row is None else bytes(row[0])

    def has(self, chunk: bytes) -> bool:
        """Whether it has arrived."""
        return chunk in self._stored

    def drop(self, recipe: Recipe) -> None:
        """A file of these chunks is in place, where they can be found from now on."""
        for piece in recipe:
            if self._stored.pop(piece.chunk, None) is not None:
                self._dropped.add(piece.chunk)

    def drop_all(self) -> None:
        """Nothing is waited for any more: what arrived has been used up."""
        if self._stored or self._dropped:
            self._db.execute("DELETE FROM arrived")
        self._stored.clear()
        self._dropped.clear()
