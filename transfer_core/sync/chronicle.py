"""What an index keeps for people: history, what crossed the wire for each file, figures."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from transfer_core.sync.entry import Entry
from transfer_core.sync.index_rows import entry_of

HISTORY_KEPT = 10_000
_ADD_SAVING = (
    "INSERT INTO saving VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET at_ns = excluded.at_ns,"
    " times = times + 1, size = size + excluded.size, wire = wire + excluded.wire, packed = packed + excluded.packed"
)
_ADD_FIGURE = "INSERT INTO figure VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"


@dataclass(frozen=True, slots=True)
class Saving:
    """Bytes of one path, over all the times that it was received: in full, on the wire, and if only compressed."""

    path: str
    at_ns: int
    times: int
    size_bytes: int
    wire_bytes: int
    packed_bytes: int


class Chronicle:
    """See the module. Part of `index.Index`, whose changes it takes part in."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._counted: dict[str, int] = {}  # this and the next two: of the change under way
        self._lines: list[tuple[int, str, str, str]] = []
        self._savings: list[Saving] = []

    def _begin_counting(self) -> None:
        self._counted.clear()
        self._lines.clear()
        self._savings.clear()

    def _keep_counted(self) -> None:
        """At the end of a change: many rows with one statement."""
        self._db.executemany(_ADD_FIGURE, list(self._counted.items()))
        if self._lines:
            self._db.executemany("INSERT INTO history VALUES (NULL, ?, ?, ?, ?)", self._lines)
            self._db.execute("DELETE FROM history WHERE number <= ?", (self.history_end() - HISTORY_KEPT,))
        self._db.executemany(
            _ADD_SAVING,
            [(each.path, each.at_ns, each.size_bytes, each.wire_bytes, each.packed_bytes) for each in self._savings],
        )

    def note(self, at_ns: int, what: str, path: str, text: str) -> None:
        """A line of the history. Inside `change`."""
        self._lines.append((at_ns, what, path, text))

    def history(self, limit: int) -> list[tuple[int, str, str, str]]:
        """(when, what, path, text), newest first."""
        rows = self._db.execute(
            "SELECT at_ns, what, path, text FROM history ORDER BY number DESC LIMIT ?", (limit,)
        ).fetchall()
        return [tuple(row) for row in rows]

    def history_end(self) -> int:
        """The number of the newest line."""
        return int(self._db.execute("SELECT coalesce(max(number), 0) FROM history").fetchone()[0])

    def history_after(self, number: int) -> tuple[int, list[tuple[int, str, str, str]]]:
        """Lines after that one, oldest first, and the number of the last."""
        rows = self._db.execute(
            "SELECT number, at_ns, what, path, text FROM history WHERE number > ? ORDER BY number LIMIT 1000", (number,)
        ).fetchall()
        return (rows[-1][0] if rows else number), [tuple(row)[1:] for row in rows]

    def count(self, name: str, value: int) -> None:
        """Add to a figure. Inside `change`."""
        self._counted[name] = self._counted.get(name, 0) + value

    def saved(self, saving: Saving) -> None:
        """A file has been received: add to what is known of its path. Inside `change`."""
        self._savings.append(saving)

    def savings(self, limit: int) -> list[Saving]:
        """What crossed the wire for each file, newest first."""
        rows = self._db.execute("SELECT * FROM saving ORDER BY at_ns DESC LIMIT ?", (limit,)).fetchall()
        return [Saving(*row) for row in rows]

    def figures(self) -> dict[str, int]:
        """All figures."""
        return {row[0]: row[1] for row in self._db.execute("SELECT name, value FROM figure").fetchall()}

    def totals(self) -> tuple[int, int]:
        """(files, bytes) that are live here."""
        row = self._db.execute("SELECT count(*), coalesce(sum(size), 0) FROM entry WHERE kind = 1").fetchone()
        return row[0], row[1]

    def conflict_copies(self) -> list[Entry]:
        """Live files that may be conflict copies, by their names."""
        rows = self._db.execute("SELECT * FROM entry WHERE kind = 1 AND path LIKE '%.conflict-%'").fetchall()
        return [entry_of(row) for row in rows]
