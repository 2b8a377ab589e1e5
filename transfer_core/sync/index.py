"""A folder's index in SQLite: what is on the disk here, what the peers have said, and which chunks lie where.

Everything that belongs together is one transaction, and it comes after the disk has it. `entry.seq` grows with each
change, so a peer is told what is new since the number it has.

Many small files are many rows: within one change, what was read is kept, and what nobody reads before the end is
written then, many rows with one statement.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from transfer_core.storage.database import transaction
from transfer_core.sync.arrived import Arrived
from transfer_core.sync.chronicle import Chronicle
from transfer_core.sync.entry import Entry, Kind
from transfer_core.sync.index_rows import COLUMNS, entry_of, stat_of, values_of
from transfer_core.sync.recipe import CHUNK_BYTES_MAX, CHUNK_ID_BYTES, Piece, Recipe, decode_recipe, encode_recipe
from transfer_core.sync.tree import Stat
from transfer_core.sync.version import Dot, Order, next_counter, order


@dataclass(frozen=True, slots=True)
class Peer:
    """Another replica of the folder, by the name of the way to it; `heard` and `told` are sequence numbers."""

    peer: str
    replica: str
    name: str
    heard: int
    told: int


@dataclass(frozen=True, slots=True)
class Todo:
    """What a peer has said and this replica has not done yet; `why` says what keeps it."""

    peer: str
    entry: Entry
    why: str


class Index(Chronicle):
    """One folder's index. Used by the node's thread; others may read through a connection of their own."""

    def __init__(self, connection: sqlite3.Connection, new_replica: str | None) -> None:
        """`new_replica` names it if it is new; None for one that is only read."""
        super().__init__(connection)
        self._lock = threading.RLock()
        if new_replica is not None:
            with self._lock, transaction(self._db):
                if self._db.execute("SELECT 1 FROM self").fetchone() is None:
                    self._db.execute("INSERT INTO self VALUES (?, 0, 0)", (new_replica,))
        row = self._db.execute("SELECT replica FROM self").fetchone()
        self.replica: str = "" if row is None else row[0]
        self.arrived = Arrived(connection)
        self._rows: dict[str, sqlite3.Row | None] = {}  # this and what follows: of the change under way
        self._recipes: dict[tuple[bytes, int], Recipe | None] = {}
        self._done: list[tuple[str, str]] = []
        self._counters: list[int] = []  # counter and sequence number, once one of them was drawn

    @contextmanager
    def change(self) -> Iterator[None]:
        """What is done inside is durable as a whole, or not at all. May be nested."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._begin()
            try:
                with transaction(self._db):
                    yield
                    self._write_kept()
            except BaseException:
                self._begin()
                self.arrived.reload()
                raise

    def _begin(self) -> None:
        self._begin_counting()
        for kept in (self._rows, self._recipes, self._done, self._counters):
            kept.clear()

    def _write_kept(self) -> None:
        """The rows that nobody had to read before the end of the change."""
        self._keep_counted()
        self._write_done()
        self.arrived.settle()
        if self._counters:
            self._db.execute("UPDATE self SET counter = ?, seq = ?", self._counters)
        self._rows.clear()
        self._recipes.clear()
        self._counters.clear()

    def _drawn(self) -> list[int]:
        """Counter and sequence number as they are by now. Inside `change`."""
        if not self._counters:
            self._counters += self._db.execute("SELECT counter, seq FROM self").fetchone()
        return self._counters

    def look_up(self, paths: Iterable[str]) -> None:
        """These paths will be asked for within this change: read them with one statement."""
        wanted = [path for path in paths if path not in self._rows]
        rows = self._db.execute(
            "SELECT * FROM entry WHERE path IN (SELECT value FROM json_each(?))", (json.dumps(wanted),)
        ).fetchall()
        self._rows |= dict.fromkeys(wanted) | {row["path"]: row for row in rows}

    def _row(self, path: str) -> sqlite3.Row | None:
        if path in self._rows:
            return self._rows[path]
        row: sqlite3.Row | None = self._db.execute("SELECT * FROM entry WHERE path = ?", (path,)).fetchone()
        return row

    # --- what is here

    def next_dot(self, floor: int) -> Dot:
        """This replica's next edit; kept with the change that it is drawn in."""
        drawn = self._drawn()
        drawn[0] = next_counter(drawn[0], floor)
        return (self.replica, drawn[0])

    def entry(self, path: str) -> Entry | None:
        """What is at a path here."""
        row = self._row(path)
        return None if row is None else entry_of(row)

    def stat(self, path: str) -> Stat | None:
        """How the file looked when its entry was made; None if it has to be looked at again."""
        row = self._row(path)
        return None if row is None else stat_of(row)

    def marks(self) -> dict[str, int]:
        """The `Stat.mark` of every live path as it was when its entry was made; 0 if it has to be looked at again."""
        rows = self._db.execute(
            "SELECT path, kind, disk_size, disk_mtime_ns, disk_inode, disk_ctime_ns, disk_executable FROM entry"
            " WHERE kind != 0"
        )
        folder, marks = Stat(Kind.FOLDER).mark, dict[str, int]()
        for path, kind, size, mtime_ns, inode, ctime_ns, executable in rows:
            if kind == Kind.FOLDER:
                marks[path] = folder
            elif mtime_ns is None:
                marks[path] = 0
            else:
                marks[path] = Stat(Kind.FILE, size, mtime_ns, inode, ctime_ns, bool(executable)).mark
        return marks

    def newest(self, find: str, limit: int) -> list[Entry]:
        """Paths with `find` in them, the newest edit first."""
        rows = self._db.execute(
            "SELECT * FROM entry WHERE instr(path, ?) OR ? = '' ORDER BY at_ns DESC, path LIMIT ?", (find, find, limit)
        ).fetchall()
        return [entry_of(row) for row in rows]

    def holds_something(self, folder: str) -> bool:
        """Whether something live is in a folder."""
        low, high = folder + "/", folder + "0"  # '0' is the sign after '/'
        row = self._db.execute(
            "SELECT 1 FROM entry WHERE path > ? AND path < ? AND kind != 0 LIMIT 1", (low, high)
        ).fetchone()
        return row is not None

    def put(self, entry: Entry, stat: Stat | None, recipe: Recipe | None = None) -> None:
        """This is at the path now. Inside `change`."""
        drawn = self._drawn()
        drawn[1] += 1
        self._rows.pop(entry.path, None)
        disk: tuple[int | None, ...] = (None,) * 5
        if stat is not None:
            disk = (stat.size, stat.mtime_ns, stat.inode, stat.ctime_ns, int(stat.executable))
        self._db.execute(
            f"INSERT OR REPLACE INTO entry VALUES ({', '.join('?' * 16)})", (*values_of(entry), drawn[1], *disk)
        )
        if recipe is not None:
            self.put_recipe(entry.content, entry.size, recipe)
            if len(recipe) > 1:
                self._db.executemany(
                    "INSERT OR IGNORE INTO piece VALUES (?, ?, ?, ?)",
                    [(piece.chunk, entry.content, piece.offset, piece.length) for piece in recipe],
                )

    def put_stat(self, path: str, stat: Stat | None) -> None:
        """The file looks like this now, and is the same. Inside `change`."""
        self._rows.pop(path, None)
        disk: tuple[int | None, ...] = (None,) * 5
        if stat is not None:
            disk = (stat.size, stat.mtime_ns, stat.inode, stat.ctime_ns, int(stat.executable))
        self._db.execute(
            "UPDATE entry SET disk_size = ?, disk_mtime_ns = ?, disk_inode = ?, disk_ctime_ns = ?, disk_executable = ?"
            " WHERE path = ?",
            (*disk, path),
        )

    def since(self, seq: int, limit: int) -> tuple[int, list[Entry]]:
        """Entries after a sequence number, and the number up to which they go."""
        rows = self._db.execute("SELECT * FROM entry WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)).fetchall()
        return (rows[-1]["seq"] if rows else seq), [entry_of(row) for row in rows]

    @property
    def seq(self) -> int:
        """The newest sequence number."""
        return self._counters[1] if self._counters else int(self._db.execute("SELECT seq FROM self").fetchone()[0])

    # --- contents

    def put_recipe(self, content: bytes, size: int, recipe: Recipe) -> None:
        """Remember how a content is made. Inside `change`."""
        if len(recipe) > 1:
            self._recipes.pop((content, size), None)
            self._db.execute("INSERT OR IGNORE INTO recipe VALUES (?, ?, ?)", (content, size, encode_recipe(recipe)))

    def recipe(self, content: bytes, size: int) -> Recipe | None:
        """How a content is made; None if nobody has said."""
        if size == 0:
            return ()
        if (content, size) in self._recipes:
            return self._recipes[content, size]
        found = self._recipe(content, size)
        if self._db.in_transaction:
            self._recipes[content, size] = found
        return found

    def _recipe(self, content: bytes, size: int) -> Recipe | None:
        row = self._db.execute("SELECT size, pieces FROM recipe WHERE content = ?", (content,)).fetchone()
        if row is not None and row["size"] == size:
            return decode_recipe(row["pieces"], size)
        return (Piece(content[:CHUNK_ID_BYTES], 0, size),) if size <= CHUNK_BYTES_MAX else None

    def places(self, chunk: bytes) -> list[tuple[str, int, int]]:
        """(path, offset, length) of files here that should hold a chunk; to be checked by its hash."""
        rows = self._db.execute(
            "SELECT entry.path, piece.offset, piece.length FROM piece JOIN entry ON entry.content = piece.content"
            " WHERE piece.chunk = ? AND entry.kind = 1 LIMIT 4",
            (chunk,),
        ).fetchall()
        rows += self._db.execute(
            "SELECT path, 0, size FROM entry WHERE content >= ? AND content < ? AND kind = 1 AND size <= ? LIMIT 4",
            (chunk, chunk + b"\xff" * 17, CHUNK_BYTES_MAX),
        ).fetchall()
        return [(row[0], row[1], row[2]) for row in rows]

    # --- what peers say

    def peers(self) -> list[Peer]:
        """All peers that were ever heard of."""
        return [Peer(*row) for row in self._db.execute("SELECT * FROM peer ORDER BY peer").fetchall()]

    def peer(self, peer: str) -> Peer:
        """One peer; a new one is kept as such."""
        row = self._db.execute("SELECT * FROM peer WHERE peer = ?", (peer,)).fetchone()
        return Peer(peer, "", "", 0, 0) if row is None else Peer(*row)

    def put_peer(self, peer: Peer) -> None:
        """Keep how far it is. Inside `change`."""
        self._db.execute(
            "INSERT OR REPLACE INTO peer VALUES (?, ?, ?, ?, ?)",
            (peer.peer, peer.replica, peer.name, peer.heard, peer.told),
        )

    def forget_peer_index(self, peer: str) -> None:
        """It comes with a new index. Inside `change`."""
        self._db.execute("DELETE FROM heard WHERE peer = ?", (peer,))

    def hear(self, peer: str, entries: Iterable[Entry]) -> list[Entry]:
        """A peer says what it has; what is older than what it said before does not count. What counts of these paths
        now. Inside `change`."""
        self._write_done()
        counts = {each.path: each for each in self._heard(peer, [entry.path for entry in entries])}
        fresh: dict[str, Entry] = {}
        for entry in entries:
            known = counts.get(entry.path)
            if known is None or order(entry.version, known.version) is not Order.BEFORE:
                counts[entry.path] = fresh[entry.path] = entry
        self.look_up(fresh)
        rows = [(peer, *values_of(entry), int(entry != self.entry(path)), "") for path, entry in fresh.items()]
        self._db.executemany(f"INSERT OR REPLACE INTO heard VALUES ({', '.join('?' * 13)})", rows)
        return [counts[entry.path] for entry in entries]

    def _heard(self, peer: str, paths: list[str]) -> list[Entry]:
        rows = self._db.execute(
            f"SELECT {COLUMNS} FROM heard WHERE peer = ? AND path IN (SELECT value FROM json_each(?))",
            (peer, json.dumps(paths)),
        ).fetchall()
        return [entry_of(row) for row in rows]

    def heard(self, peer: str, path: str) -> Entry | None:
        """What a peer has said of a path."""
        row = self._db.execute(f"SELECT {COLUMNS} FROM heard WHERE peer = ? AND path = ?", (peer, path)).fetchone()
        return None if row is None else entry_of(row)

    def heard_of(self, path: str) -> list[tuple[str, Entry]]:
        """What all peers have said of a path."""
        rows = self._db.execute(f"SELECT peer, {COLUMNS} FROM heard WHERE path = ?", (path,)).fetchall()
        return [(row["peer"], entry_of(row)) for row in rows]

    def peer_holds(self, peer: str, content: bytes) -> bool:
        """Whether a peer has said that it has this content somewhere."""
        row = self._db.execute(
            "SELECT 1 FROM heard WHERE peer = ? AND content = ? AND kind = 1 LIMIT 1", (peer, content)
        ).fetchone()
        return row is not None

    def peer_holds_chunk(self, peer: str, chunk: bytes) -> bool:
        """Whether a peer has said that it has a content with this chunk in it."""
        row = self._db.execute(
            "SELECT 1 FROM piece JOIN heard ON heard.content = piece.content"
            " WHERE piece.chunk = ? AND heard.peer = ? AND heard.kind = 1 LIMIT 1",
            (chunk, peer),
        ).fetchone()
        return row is not None or self.peer_holds(peer, chunk)

    def todo(self) -> list[Todo]:
        """What peers have said that has not been done here."""
        rows = self._db.execute("SELECT * FROM heard WHERE todo").fetchall()
        return [Todo(row["peer"], entry_of(row), row["why"]) for row in rows]

    def done(self, todo: Todo) -> None:
        """It is done. Inside `change`."""
        self._done.append((todo.peer, todo.entry.path))

    def _write_done(self) -> None:
        self._db.executemany("UPDATE heard SET todo = 0, why = '' WHERE peer = ? AND path = ?", self._done)
        self._done.clear()

    def say_why(self, todo: Todo, why: str) -> None:
        """What keeps it. Inside `change`."""
        self._db.execute("UPDATE heard SET why = ? WHERE peer = ? AND path = ?", (why, todo.peer, todo.entry.path))
