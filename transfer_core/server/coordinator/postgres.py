"""The coordinator's store in PostgreSQL, for those who want the figures of several relays in one place."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from transfer_core.errors import ConfigError, StoreGone
from transfer_core.server.coordinator.base import (
    HAPPENINGS_KEPT,
    SAMPLES_KEPT,
    HappeningRecord,
    NodeRecord,
    SampleRecord,
)

if TYPE_CHECKING:
    import psycopg

CONNECT_S = 5
_INSTALL = 'Install it with: pip install "drs-sync[postgres]"'
_SCHEMA = """
CREATE TABLE IF NOT EXISTS drs_node (
    node_id text PRIMARY KEY, name text NOT NULL, address text NOT NULL, port integer NOT NULL,
    watch_directories text[] NOT NULL, capabilities text[] NOT NULL, registered_at_ns bigint NOT NULL,
    seen_at_ns bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS drs_happening (
    number bigserial PRIMARY KEY, at text NOT NULL, folder text NOT NULL, what text NOT NULL, path text NOT NULL,
    text text NOT NULL
);
CREATE TABLE IF NOT EXISTS drs_sync_sample (
    number bigserial PRIMARY KEY, at_ns bigint NOT NULL, nodes_online integer NOT NULL, received_files bigint NOT NULL,
    failed_files bigint NOT NULL, full_bytes bigint NOT NULL, wire_bytes bigint NOT NULL, packed_bytes bigint NOT NULL,
    latency_ms double precision
);
CREATE INDEX IF NOT EXISTS drs_sync_sample_at ON drs_sync_sample (at_ns)
"""
_SCHEMA_LOCK = 0x445253
_SAMPLE = "at_ns, nodes_online, received_files, failed_files, full_bytes, wire_bytes, packed_bytes, latency_ms"


class PostgresCoordinatorStore:
    """See `base.CoordinatorStore`. A lost connection is opened again with the next question."""

    def __init__(self, url: str) -> None:
        """ConfigError without psycopg. Connects with the first question."""
        try:
            import psycopg  # noqa: F401, PLC0415 - an extra
        except ImportError as error:
            raise ConfigError("PostgreSQL needs the package psycopg", hint=_INSTALL) from error
        self._url = url
        self._lock = threading.RLock()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def close(self) -> None:
        """See `CoordinatorStore`."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _cursor(self) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
        """One transaction."""
        import psycopg  # noqa: PLC0415 - an extra

        with self._lock:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = self._connect()
                with self._connection.transaction(), self._connection.cursor() as cursor:
                    yield cursor
            except psycopg.OperationalError as error:
                self.close()
                text = str(error).strip().splitlines()
                raise StoreGone(f"the coordinator's database does not answer: {text[0] if text else error}") from error

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        import psycopg  # noqa: PLC0415 - an extra

        connection = psycopg.connect(self._url, connect_timeout=CONNECT_S, autocommit=True)
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))  # two relays may begin at once
            cursor.execute("SET LOCAL client_min_messages = warning")
            for statement in _SCHEMA.split(";"):
                if statement.strip():
                    cursor.execute(statement.encode())
        return connection

    def register(self, node: NodeRecord) -> bool:
        """See `CoordinatorStore`."""
        with self._cursor() as cursor:
            cursor.execute(
                "INSERT INTO drs_node VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (node_id) DO UPDATE SET"
                " name = excluded.name, address = excluded.address, port = excluded.port,"
                " watch_directories = excluded.watch_directories, capabilities = excluded.capabilities,"
                " seen_at_ns = excluded.seen_at_ns RETURNING xmax = 0",
                (
                    node.node_id,
                    node.name,
                    node.address,
                    node.port,
                    list(node.watch_directories),
                    list(node.capabilities),
                    node.registered_at_ns,
                    node.seen_at_ns,
                ),
            )
            row = cursor.fetchone()
        return bool(row and row[0])

    def seen(self, node_id: str, at_ns: int) -> None:
        """See `CoordinatorStore`."""
        with self._cursor() as cursor:
            cursor.execute("UPDATE drs_node SET seen_at_ns = %s WHERE node_id = %s", (at_ns, node_id))

    def forget(self, node_id: str) -> bool:
        """See `CoordinatorStore`."""
        with self._cursor() as cursor:
            return cursor.execute("DELETE FROM drs_node WHERE node_id = %s", (node_id,)).rowcount > 0

    def nodes(self) -> list[NodeRecord]:
        """See `CoordinatorStore`."""
        with self._cursor() as cursor:
            rows = cursor.execute("SELECT * FROM drs_node ORDER BY registered_at_ns, node_id").fetchall()
        return [
            NodeRecord(row[0], row[1], row[2], row[3], tuple(row[4]), tuple(row[5]), row[6], row[7]) for row in rows
        ]

    def note(self, lines: Sequence[HappeningRecord]) -> int:
        """See `CoordinatorStore`."""
        with self._cursor() as cursor:
            cursor.executemany(
                "INSERT INTO drs_happening (at, folder, what, path, text) VALUES (%s, %s, %s, %s, %s)",
                [(line.at, line.folder, line.what, line.path, line.text) for line in lines],
            )
            row = cursor.execute("SELECT coalesce(max(number), 0) FROM drs_happening").fetchone()
            last = int(row[0]) if row else 0
            cursor.execute("DELETE FROM drs_happening WHERE number <= %s", (last - HAPPENINGS_KEPT,))
        return last

    def happenings(self, after: int, limit: int) -> list[tuple[int, HappeningRecord]]:
        """See `CoordinatorStore`."""
        with self._cursor() as cursor:
            rows = cursor.execute(
                "SELECT number, at, folder, what, path, text FROM drs_happening WHERE number > %s"
                " ORDER BY number LIMIT %s",
                (after, limit),
            ).fetchall()
        return [(row[0], HappeningRecord(*row[1:])) for row in rows]

    def newest(self, limit: int) -> list[tuple[int, HappeningRecord]]:
        """See `CoordinatorStore`."""
        with self._cursor() as cursor:
            rows = cursor.execute(
                "SELECT number, at, folder, what, path, text FROM drs_happening ORDER BY number DESC LIMIT %s", (limit,)
            ).fetchall()
        return [(row[0], HappeningRecord(*row[1:])) for row in reversed(rows)]

    def sample(self, sample: SampleRecord) -> None:
        """See `CoordinatorStore`."""
        with self._cursor() as cursor:
            row = cursor.execute(
                f"INSERT INTO drs_sync_sample ({_SAMPLE}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING number",
                (
                    sample.at_ns,
                    sample.nodes_online,
                    sample.received_files,
                    sample.failed_files,
                    sample.full_bytes,
                    sample.wire_bytes,
                    sample.packed_bytes,
                    sample.latency_ms,
                ),
            ).fetchone()
            cursor.execute("DELETE FROM drs_sync_sample WHERE number <= %s", ((row[0] if row else 0) - SAMPLES_KEPT,))

    def samples(self, since_ns: int, limit: int) -> list[SampleRecord]:
        """See `CoordinatorStore`."""
        with self._cursor() as cursor:
            rows = cursor.execute(
                f"SELECT {_SAMPLE} FROM drs_sync_sample WHERE at_ns >= %s ORDER BY at_ns DESC LIMIT %s",
                (since_ns, limit),
            ).fetchall()
        return [SampleRecord(*row) for row in reversed(rows)]

    def most_online(self) -> int:
        """See `CoordinatorStore`."""
        with self._cursor() as cursor:
            row = cursor.execute("SELECT coalesce(max(nodes_online), 0) FROM drs_sync_sample").fetchone()
        return int(row[0]) if row else 0


def _node(
    node_id: str,
    name: str,
    address: str,
    port: int,
    directories: list[str],
    capabilities: list[str],
    registered_at_ns: int,
    seen_at_ns: int,
) -> NodeRecord:
    return NodeRecord(
        node_id, name, address, port, tuple(directories), tuple(capabilities), registered_at_ns, seen_at_ns
    )
