"""What every sample store has to do: one suite for all drivers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transfer_core.engine.system import SystemClock
from transfer_core.errors import ConfigError, StoreGone
from transfer_core.telemetry.sampler import Samples
from transfer_core.telemetry.samples.opening import open_samples
from transfer_core.units import NS_PER_S

T0 = 1_800_000_000 * NS_PER_S
CHANNELS = ("Timestamp", "PositionX", "InputYaw")


def rows(first_ns: int, count: int, *, step_ns: int = NS_PER_S // 100, source="a", run: int = 1, channels=CHANNELS):
    times = first_ns + step_ns * np.arange(count, dtype=np.int64)
    values = np.stack([np.sin(times / 1e9 * (at + 1)) * (at + 1) for at in range(len(channels))], axis=1)
    return Samples(source, "", channels, times, np.full(count, run, dtype=np.int32), values.astype(np.float32))


def all_rows(store, race, channel="PositionX", source="a", start=0, end=2**62):
    found = store.rows(race, source, channel, start, end)
    return (
        np.concatenate([each.time_ns for each in found]) if found else np.empty(0),
        np.concatenate([each.run for each in found]) if found else np.empty(0),
        np.concatenate([each.values[:, each.channels.index(channel)] for each in found]) if found else np.empty(0),
    )


def test_rows_come_back_to_the_bit_however_they_were_cut(store, race) -> None:
    whole = rows(T0 - 300_000_000, 730)
    at = 0
    for place, count in enumerate((1, 99, 7, 400, 223)):
        part = slice(at, at + count)
        batch = Samples("a", "", CHANNELS, whole.time_ns[part], whole.run[part], whole.values[part])
        store.append(race, [batch], place)
        at += count
    times, run, values = all_rows(store, race)
    assert times.tolist() == whole.time_ns.tolist()
    assert run.tolist() == [1] * 730
    assert values.tobytes() == whole.values[:, 1].astype(np.float32).tobytes()
    assert store.position(race) == 4
    times, _, _ = all_rows(store, race, start=T0, end=T0 + NS_PER_S)
    assert (times[0], len(times)) == (T0, 100)


def test_a_store_that_is_opened_again_goes_on_in_the_same_second(store, race, tmp_path, request) -> None:
    store.append(race, [rows(T0, 30)], 10)
    url = "" if store.name == "sqlite" else request.getfixturevalue("postgres").url
    store.close()
    again = open_samples(url, tmp_path, SystemClock())
    assert again.position(race) == 10
    again.append(race, [rows(T0 + 30 * NS_PER_S // 100, 30)], 20)
    assert len(all_rows(again, race)[0]) == 60
    series = again.series(race, "a", "PositionX", T0, T0 + 3600 * NS_PER_S, 100)
    assert series.high.tolist() == [rows(T0, 60).values[:, 1].max()]
    again.close()
    with pytest.raises(StoreGone):
        again.position(race)


def test_streams_tell_sources_channels_runs_and_counts(store, race) -> None:
    other = ("Timestamp", "MotorRPM1")
    store.append(race, [rows(T0, 50), rows(T0, 20, source="b", channels=other)], 1)
    store.append(race, [rows(T0 + NS_PER_S, 10, run=2)], 2)
    first, second = store.streams(race)
    assert (first.source_id, first.channels, first.samples) == ("a", CHANNELS, 60)
    assert first.runs == ((1, T0, T0 + 490_000_000), (2, T0 + NS_PER_S, T0 + NS_PER_S + 90_000_000))
    assert (second.source_id, second.channels, second.samples) == ("b", other, 20)
    assert store.streams("nobody") == []


@given(start=st.integers(-3 * NS_PER_S, 8 * NS_PER_S), span=st.integers(1, 40 * NS_PER_S), points=st.integers(2, 300))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_series_is_what_thinning_all_rows_gives(store, race, start, span, points) -> None:
    whole = rows(T0, 1000)
    if store.position(race) == 0:
        store.append(race, [whole], 1)
    series = store.series(race, "a", "InputYaw", T0 + start, T0 + start + span, points)
    step = series.step_ns
    assert step < NS_PER_S or step % NS_PER_S == 0
    numbers = whole.time_ns // step
    asked = (numbers >= (T0 + start) // step) & (numbers <= (T0 + start + span - 1) // step)
    expected = {}
    for number, value in zip(numbers[asked].tolist(), whole.values[asked, 2].tolist(), strict=True):
        low, high = expected.get(number * step, (math.inf, -math.inf))
        expected[number * step] = (min(low, value), max(high, value))
    assert len(series.time_ns) <= points
    found = zip(series.time_ns.tolist(), series.low.tolist(), series.high.tolist(), strict=True)
    assert {time: (low, high) for time, low, high in found} == expected


def test_values_that_are_not_numbers_are_no_extremes(store, race) -> None:
    some = rows(T0, 200)
    some.values[:150, 1] = np.nan
    some.values[:, 2] = np.nan
    store.append(race, [Samples("a", "", CHANNELS, some.time_ns[:100], some.run[:100], some.values[:100])], 1)
    store.append(race, [Samples("a", "", CHANNELS, some.time_ns[100:], some.run[100:], some.values[100:])], 2)
    for points in (4, 2000):  # of seconds, and of rows
        series = store.series(race, "a", "PositionX", T0, T0 + 3 * NS_PER_S, points)
        assert float(series.low.min()) == float(some.values[150:, 1].min())
        assert float(series.high.max()) == float(some.values[150:, 1].max())
        assert len(store.series(race, "a", "InputYaw", T0, T0 + 3 * NS_PER_S, points).time_ns) == 0


def test_a_channel_that_changes_its_stream_is_one_series(store, race) -> None:
    more = (*CHANNELS, "MotorRPM1")
    store.append(race, [rows(T0, 100)], 1)
    store.append(race, [rows(T0 + NS_PER_S, 100, channels=more)], 2)
    series = store.series(race, "a", "PositionX", T0, T0 + 3600 * NS_PER_S, 3601)
    assert series.time_ns.tolist() == [T0, T0 + NS_PER_S]
    assert len(all_rows(store, race)[0]) == 200


def test_a_recording_that_is_deleted_leaves_the_others_alone(store, race) -> None:
    store.append(race, [rows(T0, 100)], 1)
    store.append(race + "2", [rows(T0, 100)], 2)
    store.delete(race)
    store.delete("nobody")
    assert store.position(race) == 0
    assert store.streams(race) == []
    assert len(all_rows(store, race)[0]) == 0
    assert len(all_rows(store, race + "2")[0]) == 100
    store.append(race, [rows(T0, 5)], 3)
    assert len(all_rows(store, race)[0]) == 5


def test_an_address_of_another_kind_is_refused(tmp_path) -> None:
    for url in ("mysql://somewhere", "postgresql://h/x?nonsense=1"):
        with pytest.raises(ConfigError):
            open_samples(url, tmp_path, SystemClock())
