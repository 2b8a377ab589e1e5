from __future__ import annotations

import pytest

from tests.unit.telemetry.samples.test_stores import T0, all_rows, rows
from transfer_core.telemetry.samples.postgres import PostgresSamples
from transfer_core.telemetry.samples.postgres_schema import DAY_NS, partition, plan

TIMESCALE_S_NAME = """
SET allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    SELECT 999999, 'timescaledb', 10, oid, false, '2.0' FROM pg_namespace WHERE nspname = 'public';
CREATE TABLE asked (relation regclass, column_name name, chunk bigint);
CREATE FUNCTION create_hypertable(relation regclass, time_column_name name, chunk_time_interval anyelement)
    RETURNS void LANGUAGE sql AS 'INSERT INTO asked VALUES (relation, time_column_name, chunk_time_interval)';
"""
"""A database that says it has the extension, with that one function as its manual declares it."""


def test_with_the_extension_the_table_becomes_a_hypertable_of_chunks_of_an_hour() -> None:
    chosen = plan(has_timescale=True, kind=None)
    table, hypertable, index = chosen.statements
    assert "PARTITION" not in table
    assert hypertable == ("SELECT create_hypertable('drs_sample', 'time_ns', chunk_time_interval => 3600000000000)")
    assert "USING brin (time_ns)" in index
    assert chosen.hypertable


def test_without_it_the_table_has_a_partition_for_each_day() -> None:
    chosen = plan(has_timescale=False, kind=None)
    table, index = chosen.statements
    assert table.endswith("PARTITION BY RANGE (time_ns)")
    assert "USING brin (time_ns)" in index
    assert not chosen.hypertable
    assert partition(3).endswith(f"FROM ({3 * DAY_NS}) TO ({4 * DAY_NS})")


@pytest.mark.parametrize("has_timescale", [False, True])
@pytest.mark.parametrize(("kind", "hypertable"), [("r", True), ("p", False)])
def test_a_table_that_is_there_stays_as_it_is(kind: str, hypertable: bool, has_timescale: bool) -> None:
    chosen = plan(has_timescale=has_timescale, kind=kind)
    assert (chosen.statements, chosen.hypertable) == ((), hypertable)


def test_a_server_that_says_it_has_the_extension_is_asked_for_a_hypertable_and_no_partitions(postgres) -> None:
    import psycopg

    name = "with_timescale"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name}")
    url = psycopg.conninfo.make_conninfo(postgres.url, dbname=name)
    address = "postgresql:///?" + "&".join(
        f"{key}={value}" for key, value in psycopg.conninfo.conninfo_to_dict(url).items()
    )
    with psycopg.connect(url) as connection:
        connection.execute(TIMESCALE_S_NAME)
    for first in (T0, T0 + 2 * DAY_NS):  # the second time the table is there
        store = PostgresSamples(address)
        store.append("race", [rows(first, 200)], 1)
        assert store.hypertable
        store.close()
    store = PostgresSamples(address)
    assert len(all_rows(store, "race")[0]) == 400
    store.delete("race")
    assert len(all_rows(store, "race")[0]) == 0
    store.close()
    with psycopg.connect(url) as connection:
        asked = connection.execute("SELECT relation::text, column_name::text, chunk FROM asked").fetchall()
        (partitions,) = connection.execute("SELECT count(*) FROM pg_inherits").fetchone()
    assert asked == [("drs_sample", "time_ns", 3_600_000_000_000)]
    assert partitions == 0
