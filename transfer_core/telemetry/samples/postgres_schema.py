"""The tables of the PostgreSQL sample store, made by whoever comes first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transfer_core.units import NS_PER_S

if TYPE_CHECKING:
    import psycopg

DAY_NS = 86_400 * NS_PER_S
_HOUR_NS = 3600 * NS_PER_S
_LOCK = 0x44525353  # of pg_advisory_xact_lock: two programs may come first at once
_TABLES = """
CREATE TABLE IF NOT EXISTS drs_stream (
    stream_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    race_id text NOT NULL,
    source_id text NOT NULL,
    kind text NOT NULL,
    channels text[] NOT NULL,
    UNIQUE (race_id, source_id, kind, channels)
);
CREATE TABLE IF NOT EXISTS drs_run (
    stream_id integer NOT NULL,
    run integer NOT NULL,
    first_ns bigint NOT NULL,
    last_ns bigint NOT NULL,
    samples bigint NOT NULL,
    PRIMARY KEY (stream_id, run)
);
CREATE TABLE IF NOT EXISTS drs_extremes (
    stream_id integer NOT NULL,
    second bigint NOT NULL,
    low real[] NOT NULL,
    high real[] NOT NULL,
    PRIMARY KEY (stream_id, second)
);
CREATE TABLE IF NOT EXISTS drs_progress (race_id text PRIMARY KEY, position bigint NOT NULL);
"""
_SAMPLE = """
CREATE TABLE drs_sample (
    time_ns bigint NOT NULL,
    stream_id integer NOT NULL,
    run integer NOT NULL,
    values real[] NOT NULL
)"""
_BRIN = "CREATE INDEX drs_sample_time ON drs_sample USING brin (time_ns) WITH (pages_per_range = 16)"


@dataclass(frozen=True, slots=True)
class Plan:
    """How samples are kept: the statements that make the table, none if it is there, and whether it is a hypertable."""

    statements: tuple[str, ...]
    hypertable: bool


def plan(*, has_timescale: bool, kind: str | None) -> Plan:
    """For a database with or without the TimescaleDB extension, where `drs_sample` is of that `pg_class.relkind`.

    A table that is there stays as it is, whatever was installed or removed since: one of partitions (`p`) goes on with
    partitions, an ordinary one (`r`) is a hypertable, since nothing else makes it so.
    """
    if kind is not None:
        return Plan((), kind == "r")
    made: tuple[str, ...]
    if has_timescale:
        made = (_SAMPLE, f"SELECT create_hypertable('drs_sample', 'time_ns', chunk_time_interval => {_HOUR_NS})")
    else:
        made = (_SAMPLE + " PARTITION BY RANGE (time_ns)",)
    return Plan((*made, _BRIN), has_timescale)


def prepare(connection: psycopg.Connection[Any]) -> bool:
    """Make what is not there yet; True if samples lie in a hypertable of TimescaleDB."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute(_TABLES)
        extension = connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
        kind = connection.execute("SELECT relkind FROM pg_class WHERE oid = to_regclass('drs_sample')").fetchone()
        known = None if kind is None else kind[0].decode() if isinstance(kind[0], bytes) else str(kind[0])
        chosen = plan(has_timescale=extension is not None, kind=known)
        for statement in chosen.statements:
            connection.execute(statement)
    return chosen.hypertable


def partition(day: int) -> str:
    """The statement that makes the partition of one day since 1970, if it is not there."""
    return (
        f"CREATE TABLE IF NOT EXISTS drs_sample_{day} PARTITION OF drs_sample"
        f" FOR VALUES FROM ({day * DAY_NS}) TO ({(day + 1) * DAY_NS})"
    )


def create_partition(connection: psycopg.Connection[Any], day: int) -> None:
    """Make it, one program at a time."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    connection.execute(partition(day))
