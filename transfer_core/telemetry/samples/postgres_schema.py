"""The tables of the PostgreSQL sample store, made by whoever comes first."""

from __future__ import annotations

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


def prepare(connection: psycopg.Connection[Any]) -> bool:
    """Make what is not there yet; True if samples lie in a hypertable of TimescaleDB."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute(_TABLES)
        extension = connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
        kind = connection.execute("SELECT relkind FROM pg_class WHERE oid = to_regclass('drs_sample')").fetchone()
        if kind is not None:
            return kind[0] in ("r", b"r")
        if extension is not None:
            connection.execute(_SAMPLE)
            connection.execute(
                "SELECT create_hypertable('drs_sample', 'time_ns', chunk_time_interval => %s)", (_HOUR_NS,)
            )
        else:
            connection.execute(_SAMPLE + " PARTITION BY RANGE (time_ns)")
        connection.execute(
            "CREATE INDEX drs_sample_time ON drs_sample USING brin (time_ns) WITH (pages_per_range = 16)"
        )
    return extension is not None


def create_partition(connection: psycopg.Connection[Any], day: int) -> None:
    """The partition of one day since 1970, if it is not there."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS drs_sample_{day} PARTITION OF drs_sample"
        f" FOR VALUES FROM ({day * DAY_NS}) TO ({(day + 1) * DAY_NS})"
    )
