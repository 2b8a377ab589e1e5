"""A folder's index in SQLite: what is on the disk here, what the peers have said, and which chunks lie where.

Everything that belongs together is one transaction, and it comes after the disk has it. `entry.seq` grows with each
change, so a peer is told what is new since the number it has.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from transfer_core.storage.database import transaction
from transfer_core.sync.entry import Entry, Kind
from transfer_core.sync.recipe import CHUNK_BYTES_MAX, CHUNK_ID_BYTES, Piece, Recipe, decode_recipe, encode_recipe
from transfer_core.sync.tree import Stat
from transfer_core.sync.version import Dot, Order, Version, next_counter, order

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE self (replica TEXT NOT NULL, counter INTEGER NOT NULL, seq INTEGER NOT NULL);
    CREATE TABLE entry (
        path TEXT PRIMARY KEY, kind INTEGER NOT NULL, version TEXT NOT NULL, dot TEXT NOT NULL, size INTEGER NOT NULL,
        content BLOB NOT NULL, mtime_ns INTEGER NOT NULL, executable INTEGER NOT NULL, by TEXT NOT NULL,
        at_ns INTEGER NOT NULL, seq INTEGER NOT NULL,
        disk_size INTEGER, disk_mtime_ns INTEGER, disk_inode INTEGER, disk_ctime_ns INTEGER, disk_executable INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX entry_seq ON entry (seq);
    CREATE INDEX entry_content ON entry (content);
    CREATE TABLE heard (
        peer TEXT NOT NULL, path TEXT NOT NULL, kind INTEGER NOT NULL, version TEXT NOT NULL, dot TEXT NOT NULL,
        size INTEGER NOT NULL, content BLOB NOT NULL, mtime_ns INTEGER NOT NULL, executable INTEGER NOT NULL,
        by TEXT NOT NULL, at_ns INTEGER NOT NULL, todo INTEGER NOT NULL, why TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (path, peer)
    ) WITHOUT ROWID;
    CREATE INDEX heard_content ON heard (content);
    CREATE INDEX heard_todo ON heard (todo) WHERE todo;
    CREATE TABLE peer (
        peer TEXT PRIMARY KEY, replica TEXT NOT NULL, name TEXT NOT NULL, heard INTEGER NOT NULL, told INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE recipe (content BLOB PRIMARY KEY, size INTEGER NOT NULL, pieces BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE piece (chunk BLOB, content BLOB, offset INTEGER, length INTEGER, PRIMARY KEY (chunk, content, offset))
        WITHOUT ROWID;
    CREATE TABLE arrived (chunk BLOB PRIMARY KEY, data BLOB NOT NULL, stored INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE saving (
        path TEXT PRIMARY KEY, at_ns INTEGER NOT NULL, times INTEGER NOT NULL, size INTEGER NOT NULL,
        wire INTEGER NOT NULL, packed INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE history (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at_ns INTEGER NOT NULL, what TEXT NOT NULL, path TEXT NOT NULL,
        text TEXT NOT NULL
    );
    CREATE TABLE figure (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID
    """,
)
_COLUMNS = "path, kind, version, dot, size, content, mtime_ns, executable, by, at_ns"
HISTORY_KEPT = 10_000
_ADD_FIGURE = "INSERT INTO figure VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another replica of the folder, by the name of the way to it; `heard` and `told` are sequence numbers."""

    peer: str
    replica: str
    name: str
    heard: int
    told: int


@dataclass(frozen=True, slots=True)
class Saving:
    """Bytes of one path, over all the times that it was received: in full, on the wire, and if only compressed."""

    path: str
    at_ns: int
    times: int
    size_bytes: int
    wire_bytes: int
    packed_bytes: int


@dataclass(frozen=True, slots=True)
class Todo:
    """What a peer has said and this replica has not done yet; `why` says what keeps it."""

    peer: str
    entry: Entry
    why: str


class Index:
    """One folder's index. Used by the node's thread; others may read through a connection of their own."""

    def __init__(self, connection: sqlite3.Connection, new_replica: str | None) -> None:
        """`new_replica` names it if it is new; None for one that is only read."""
        self._db = connection
        self._lock = threading.RLock()
        self._counted: dict[str, int] = {}  # in the change under way
        if new_replica is not None:
            with self._lock, transaction(self._db):
                if self._db.execute("SELECT 1 FROM self").fetchone() is None:
                    self._db.execute("INSERT INTO self VALUES (?, 0, 0)", (new_replica,))
        row = self._db.execute("SELECT replica FROM self").fetchone()
        self.replica: str = "" if row is None else row[0]

    @contextmanager
    def change(self) -> Iterator[None]:
        """What is done inside is durable as a whole, or not at all. May be nested."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._counted.clear()
            with transaction(self._db):
                yield
                for name, value in self._counted.items():
                    self._db.execute(_ADD_FIGURE, (name, value))

    # --- what is here

    def next_dot(self, floor: int) -> Dot:
        """This replica's next edit; kept with the change that it is drawn in."""
        counter = next_counter(self._db.execute("SELECT counter FROM self").fetchone()[0], floor)
        self._db.execute("UPDATE self SET counter = ?", (counter,))
        return (self.replica, counter)

    def entry(self, path: str) -> Entry | None:
        """What is at a path here."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM entry WHERE path = ?", (path,)).fetchone()
        return None if row is None else _entry(row)

    def stat(self, path: str) -> Stat | None:
        """How the file looked when its entry was made; None if it has to be looked at again."""
        row = self._db.execute("SELECT * FROM entry WHERE path = ?", (path,)).fetchone()
        return None if row is None else _stat(row)

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
        return [_entry(row) for row in rows]

    def holds_something(self, folder: str) -> bool:
        """Whether something live is in a folder."""
        low, high = folder + "/", folder + "0"  # '0' is the sign after '/'
        row = self._db.execute(
            "SELECT 1 FROM entry WHERE path > ? AND path < ? AND kind != 0 LIMIT 1", (low, high)
        ).fetchone()
        return row is not None

    def put(self, entry: Entry, stat: Stat | None, recipe: Recipe | None = None) -> None:
        """This is at the path now. Inside `change`."""
        seq = self._db.execute("UPDATE self SET seq = seq + 1 RETURNING seq").fetchone()[0]
        disk: tuple[int | None, ...] = (None,) * 5
        if stat is not None:
            disk = (stat.size, stat.mtime_ns, stat.inode, stat.ctime_ns, int(stat.executable))
        self._db.execute(f"INSERT OR REPLACE INTO entry VALUES ({', '.join('?' * 16)})", (*_values(entry), seq, *disk))
        if recipe is not None:
            self.put_recipe(entry.content, entry.size, recipe)
            if len(recipe) > 1:
                self._db.executemany(
                    "INSERT OR IGNORE INTO piece VALUES (?, ?, ?, ?)",
                    [(piece.chunk, entry.content, piece.offset, piece.length) for piece in recipe],
                )

    def put_stat(self, path: str, stat: Stat | None) -> None:
        """The file looks like this now, and is the same. Inside `change`."""
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
        return (rows[-1]["seq"] if rows else seq), [_entry(row) for row in rows]

    @property
    def seq(self) -> int:
        """The newest sequence number."""
        return int(self._db.execute("SELECT seq FROM self").fetchone()[0])

    # --- contents

    def put_recipe(self, content: bytes, size: int, recipe: Recipe) -> None:
        """Remember how a content is made. Inside `change`."""
        if len(recipe) > 1:
            self._db.execute("INSERT OR IGNORE INTO recipe VALUES (?, ?, ?)", (content, size, encode_recipe(recipe)))

    def recipe(self, content: bytes, size: int) -> Recipe | None:
        """How a content is made; None if nobody has said."""
        if size == 0:
            return ()
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

    def keep_chunk(self, chunk: bytes, data: bytes, stored: int) -> None:
        """A chunk has arrived, and took that many bytes on the wire. Inside `change`."""
        self._db.execute("INSERT OR IGNORE INTO arrived VALUES (?, ?, ?)", (chunk, data, stored))

    def stored_bytes(self, recipe: Recipe) -> int:
        """What the chunks of a recipe that had to be fetched took on the wire."""
        chunks = {piece.chunk for piece in recipe}
        rows = (self._db.execute("SELECT stored FROM arrived WHERE chunk = ?", (chunk,)).fetchone() for chunk in chunks)
        return sum(row[0] for row in rows if row is not None)

    def chunk(self, chunk: bytes) -> bytes | None:
        """A chunk that has arrived and was not used up."""
        row = self._db.execute("SELECT data FROM arrived WHERE chunk = ?", (chunk,)).fetchone()
        return None if row is None else bytes(row[0])

    def has_chunk(self, chunk: bytes) -> bool:
        """Whether it has arrived."""
        return self._db.execute("SELECT 1 FROM arrived WHERE chunk = ?", (chunk,)).fetchone() is not None

    def drop_chunks_of(self, recipe: Recipe) -> None:
        """A file of these chunks is in place, where they can be found from now on. Inside `change`."""
        self._db.executemany("DELETE FROM arrived WHERE chunk = ?", [(piece.chunk,) for piece in recipe])

    def drop_chunks(self) -> None:
        """Nothing is waited for any more: what arrived has been used up. Inside `change`."""
        self._db.execute("DELETE FROM arrived")

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
        counts: list[Entry] = []
        for entry in entries:
            known = self.heard(peer, entry.path)
            if known is not None and order(entry.version, known.version) is Order.BEFORE:
                counts.append(known)
                continue
            counts.append(entry)
            self._db.execute(
                f"INSERT OR REPLACE INTO heard VALUES ({', '.join('?' * 13)})", (peer, *_values(entry), 1, "")
            )
        return counts

    def heard(self, peer: str, path: str) -> Entry | None:
        """What a peer has said of a path."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM heard WHERE peer = ? AND path = ?", (peer, path)).fetchone()
        return None if row is None else _entry(row)

    def heard_of(self, path: str) -> list[tuple[str, Entry]]:
        """What all peers have said of a path."""
        rows = self._db.execute(f"SELECT peer, {_COLUMNS} FROM heard WHERE path = ?", (path,)).fetchall()
        return [(row["peer"], _entry(row)) for row in rows]

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
        return [Todo(row["peer"], _entry(row), row["why"]) for row in rows]

    def done(self, todo: Todo) -> None:
        """It is done. Inside `change`."""
        self._db.execute(
            "UPDATE heard SET todo = 0, why = '' WHERE peer = ? AND path = ?", (todo.peer, todo.entry.path)
        )

    def say_why(self, todo: Todo, why: str) -> None:
        """What keeps it. Inside `change`."""
        self._db.execute("UPDATE heard SET why = ? WHERE peer = ? AND path = ?", (why, todo.peer, todo.entry.path))

    # --- for people

    def note(self, at_ns: int, what: str, path: str, text: str) -> None:
        """A line of the history. Inside `change`."""
        number = self._db.execute("INSERT INTO history VALUES (NULL, ?, ?, ?, ?)", (at_ns, what, path, text)).lastrowid
        if number is not None and number % 500 == 0:
            self._db.execute("DELETE FROM history WHERE number <= ?", (number - HISTORY_KEPT,))

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
        self._db.execute(
            "INSERT INTO saving VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET at_ns = excluded.at_ns,"
            " times = times + 1, size = size + excluded.size, wire = wire + excluded.wire,"
            " packed = packed + excluded.packed",
            (saving.path, saving.at_ns, saving.size_bytes, saving.wire_bytes, saving.packed_bytes),
        )

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
        return [_entry(row) for row in rows]

    def live_paths(self) -> int:
        """How many paths are live here, folders too."""
        return int(self._db.execute("SELECT count(*) FROM entry WHERE kind != 0").fetchone()[0])


def _values(entry: Entry) -> tuple[object, ...]:
    return (
        entry.path,
        int(entry.kind),
        _packed(entry.version),
        _packed(entry.dot),
        entry.size,
        entry.content,
        entry.mtime_ns,
        int(entry.executable),
        entry.by,
        entry.at_ns,
    )


@lru_cache(4096)
def _packed(value: Version | Dot) -> str:
    return json.dumps(value, separators=(",", ":"))


@lru_cache(4096)
def _version(text: str) -> Version:
    return tuple((name, count) for name, count in json.loads(text))


@lru_cache(4096)
def _dot(text: str) -> Dot:
    replica, counter = json.loads(text)
    return (replica, counter)


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        path=row["path"],
        kind=Kind(row["kind"]),
        version=_version(row["version"]),
        dot=_dot(row["dot"]),
        size=row["size"],
        content=bytes(row["content"]),
        mtime_ns=row["mtime_ns"],
        executable=bool(row["executable"]),
        by=row["by"],
        at_ns=row["at_ns"],
    )


def _stat(row: sqlite3.Row) -> Stat | None:
    if row["disk_mtime_ns"] is None:
        return None
    return Stat(
        Kind(row["kind"]),
        row["disk_size"],
        row["disk_mtime_ns"],
        row["disk_inode"],
        row["disk_ctime_ns"],
        bool(row["disk_executable"]),
    )
