from __future__ import annotations

import pytest

from tests.support.telemetry_world import desk_in, pilots, wait_until
from tests.unit.telemetry.samples.test_stores import T0, all_rows, rows
from transfer_core.errors import StoreGone
from transfer_core.telemetry.samples.postgres import PostgresSamples
from transfer_core.telemetry.samples.postgres_schema import DAY_NS


def test_a_server_that_goes_and_comes_back_loses_nothing(postgres, race) -> None:
    store = PostgresSamples(postgres.url)
    store.append(race, [rows(T0, 100)], 1)
    postgres.stop()
    with pytest.raises(StoreGone):
        store.append(race, [rows(T0 + 10**9, 100)], 2)
    postgres.start()
    assert store.position(race) == 1
    store.append(race, [rows(T0 + 10**9, 100)], 2)
    assert len(all_rows(store, race)[0]) == 200
    store.close()


def test_samples_of_each_day_lie_in_a_partition_of_their_own_and_read_by_plain_sql(postgres, race) -> None:
    import psycopg

    midnight = (T0 // DAY_NS + 1) * DAY_NS
    store = PostgresSamples(postgres.url)
    store.append(race, [rows(midnight - 10**9, 200)], 1)
    store.close()
    with psycopg.connect(postgres.url) as connection:
        tables = connection.execute(
            "SELECT s.tableoid::regclass::text, count(*) FROM drs_sample s JOIN drs_stream USING (stream_id)"
            " WHERE race_id = %s GROUP BY 1 ORDER BY 1",
            (race,),
        ).fetchall()
        (brin,) = connection.execute(
            "SELECT count(*) FROM pg_indexes WHERE tablename LIKE 'drs_sample_%' AND indexdef LIKE '%brin%'"
        ).fetchone()
    day = midnight // DAY_NS
    assert tables == [(f"drs_sample_{day - 1}", 100), (f"drs_sample_{day}", 100)]
    assert brin >= 2


def test_a_race_that_is_recorded_while_the_server_is_gone_is_in_it_when_it_is_back(postgres, tmp_path) -> None:
    with desk_in(tmp_path, store_url=postgres.url) as desk:
        race = desk.create_race("heat", 0)
        with pilots(race.udp_port) as (pilot,):
            pilot.fly(100)
            wait_until(lambda: [each.samples for each in desk.recorded_sources(race.race_id)] == [100])
            postgres.stop()
            pilot.fly(100)
            wait_until(lambda: "E_STORE_GONE" in desk.race(race.race_id).error)
            pilot.fly(100)
            wait_until(lambda: desk.race(race.race_id).datagrams == 300)
            postgres.start()
            wait_until(lambda: not desk.race(race.race_id).error)
        desk.end_race(race.race_id)
        assert desk.wait_until_stored(race.race_id, 20)
        (source,) = desk.recorded_sources(race.race_id)
        assert source.samples == 300
