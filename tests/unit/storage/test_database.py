from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from transfer_core.errors import DiskFull, StateError, StateNewer
from transfer_core.storage.database import open_database, transaction

NOW = "2026-11-21T14:32:07Z"
FIRST = "CREATE TABLE lap (number INTEGER PRIMARY KEY, car TEXT NOT NULL); INSERT INTO lap VALUES (1, 'a;b')"
TRIGGER = """
CREATE TABLE log (what TEXT);
CREATE TRIGGER lap_added AFTER INSERT ON lap BEGIN
    INSERT INTO log VALUES ('one; more');
    INSERT INTO log VALUES (NEW.car);
END
"""


def laps(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    return [tuple(row) for row in connection.execute("SELECT number, car FROM lap ORDER BY number")]


def setting(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def damage(path: Path) -> None:
    """Overwrite the middle of every page but leave the header as it is."""
    raw = bytearray(path.read_bytes())
    for at in range(4096, len(raw), 4096):
        raw[at : at + 2048] = b"\xa5" * 2048
    path.write_bytes(raw)


def test_a_new_database_has_the_schema_and_makes_every_commit_durable(tmp_path: Path) -> None:
    connection, quarantined = open_database(tmp_path / "deep" / "state.db", [FIRST, TRIGGER], now_text=NOW)
    assert quarantined is None
    assert (setting(connection, "journal_mode"), setting(connection, "synchronous")) == ("wal", 2)
    assert (setting(connection, "foreign_keys"), setting(connection, "user_version")) == (1, 2)
    assert laps(connection) == [(1, "a;b")]
    connection.close()


@pytest.mark.skipif(os.name != "posix", reason="modes are a matter of POSIX systems")
def test_others_may_not_read_a_new_database_nor_its_journal(tmp_path: Path) -> None:
    connection, _ = open_database(tmp_path / "state.db", [FIRST], now_text=NOW)
    connection.execute("INSERT INTO lap VALUES (2, 'x')")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    connection.close()
    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}


def test_an_older_database_is_migrated_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection, _ = open_database(path, [FIRST], now_text=NOW)
    connection.execute("INSERT INTO lap VALUES (2, 'kept')")
    connection.close()
    connection, quarantined = open_database(path, [FIRST, TRIGGER], now_text=NOW)
    connection.execute("INSERT INTO lap VALUES (3, 'new')")
    assert quarantined is None
    assert laps(connection) == [(1, "a;b"), (2, "kept"), (3, "new")]
    assert [row[0] for row in connection.execute("SELECT what FROM log")] == ["one; more", "new"]
    connection.close()


def test_a_migration_that_fails_leaves_the_version_before_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    open_database(path, [FIRST], now_text=NOW)[0].close()
    half = "CREATE TABLE extra (x); INSERT INTO lap VALUES (1, 'twice')"
    with pytest.raises(StateError, match="UNIQUE"):
        open_database(path, [FIRST, half], now_text=NOW)
    connection, quarantined = open_database(path, [FIRST], now_text=NOW)
    assert quarantined is None
    assert [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE name = 'extra'")] == []
    connection.close()


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    open_database(path, [FIRST, TRIGGER], now_text=NOW)[0].close()
    before = path.read_bytes()
    with pytest.raises(StateNewer, match="newer version"):
        open_database(path, [FIRST], now_text=NOW)
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir() if "corrupt" in each.name) == []


def test_what_is_no_database_is_set_aside_unchanged(tmp_path: Path) -> None:
    content = b"not a database at all, but long enough to look at" * 50
    path = tmp_path / "relay.db"
    path.write_bytes(content)
    connection, quarantined = open_database(path, [FIRST], now_text=NOW)
    assert quarantined is not None
    assert quarantined.kept_as == tmp_path / "relay.db.corrupt-2026-11-21T143207Z"
    assert quarantined.kept_as.read_bytes() == content
    assert quarantined.why
    assert laps(connection) == [(1, "a;b")]
    connection.close()


def test_a_damaged_database_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    connection, _ = open_database(path, [FIRST], now_text=NOW)
    connection.executemany("INSERT INTO lap VALUES (?, ?)", [(n, "x" * 500) for n in range(2, 200)])
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    damage(path)
    damaged = path.read_bytes()
    connection, quarantined = open_database(path, [FIRST], now_text=NOW)
    assert quarantined is not None
    assert laps(connection) == [(1, "a;b")]
    assert quarantined.kept_as.read_bytes() == damaged
    connection.close()


def test_an_empty_file_becomes_the_database(tmp_path: Path) -> None:
    (tmp_path / "relay.db").touch()
    connection, quarantined = open_database(tmp_path / "relay.db", [FIRST], now_text=NOW)
    assert quarantined is None
    assert laps(connection) == [(1, "a;b")]
    connection.close()


def test_two_damaged_ones_in_one_second_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    kept = []
    for content in (b"first " * 100, b"second " * 100):
        path.write_bytes(content)
        connection, quarantined = open_database(path, [FIRST], now_text=NOW)
        connection.close()
        assert quarantined is not None
        kept.append(quarantined.kept_as)
    assert kept[0] != kept[1]
    assert [each.read_bytes()[:5] for each in kept] == [b"first", b"secon"]


def test_another_programs_database_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE lap (something_else)")
    other.commit()
    other.close()
    connection, quarantined = open_database(path, [FIRST], now_text=NOW)
    assert quarantined is not None
    assert "already exists" in quarantined.why
    assert laps(connection) == [(1, "a;b")]
    connection.close()


def test_a_folder_in_its_place_is_an_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    with pytest.raises(StateError, match="can't be opened"):
        open_database(tmp_path / "state.db", [FIRST], now_text=NOW)
    assert (tmp_path / "state.db").is_dir()


def test_a_healthy_database_is_not_set_aside_because_another_program_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    holder.execute("CREATE TABLE t (x)")
    code = (
        "import sys, pathlib, transfer_core.storage.database as d\n"
        "d.BUSY_MS = 50\n"
        "try: d.open_database(pathlib.Path(sys.argv[1]), ['CREATE TABLE t (x)'], now_text='n')\n"
        "except d.StateError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout
    holder.execute("ROLLBACK")
    holder.close()
    assert "locked" in said
    assert [each.name for each in tmp_path.iterdir() if "corrupt" in each.name] == []


def test_two_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from transfer_core.storage.database import open_database, transaction\n"
        "sys.stdin.readline()\n"
        f"c, q = open_database(pathlib.Path(sys.argv[1]), [{FIRST!r}, {TRIGGER!r}], now_text='n')\n"
        "assert q is None, q\n"
        "print(c.execute('select count(*) from lap').fetchone()[0])"
    )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "state.db")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answers = [worker.communicate(timeout=60)[0].strip() for worker in workers]
    assert answers == ["1"] * 4
    assert [worker.returncode for worker in workers] == [0] * 4


def test_a_full_disk_takes_a_transaction_back_and_says_so() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("CREATE TABLE t (x)")
    db.execute("PRAGMA max_page_count = 10")
    with pytest.raises(DiskFull), transaction(db):
        db.executemany("INSERT INTO t VALUES (?)", [(b"x" * 4000,)] * 100)
    assert db.execute("SELECT count(*) FROM t").fetchone()[0] == 0
    db.execute("PRAGMA max_page_count = 100")
    with transaction(db):
        db.execute("INSERT INTO t VALUES (1)")
    db.close()


@pytest.mark.skipif(sys.platform == "win32", reason="locks files in its own way")
def test_a_database_held_by_another_program_is_told_and_a_mistake_is_not_hidden(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "x.db", isolation_level=None, timeout=0)
    db.execute("CREATE TABLE t (x)")
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StateError, match="locked"), transaction(db):
        pass
    other.execute("ROLLBACK")
    with pytest.raises(sqlite3.OperationalError, match="no such table"), transaction(db):
        db.execute("INSERT INTO nowhere VALUES (1)")
    assert not db.in_transaction
    db.close()
    other.close()
