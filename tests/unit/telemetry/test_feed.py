from __future__ import annotations

import pickle

import numpy as np
import pytest

from tests.unit.telemetry.decoders.test_f1 import motion, packet
from transfer_core.errors import NotFoundError
from transfer_core.telemetry.arrivals import Arrivals, source_name
from transfer_core.telemetry.decoders.f1 import F1Decoder
from transfer_core.telemetry.decoders.liftoff import LiftoffDecoder
from transfer_core.telemetry.feed import Feed
from transfer_core.telemetry.flight import FULL, Flight, Stream
from transfer_core.telemetry.ring import ROWS_MAX, Ring

MS = 1_000_000
A, B = ("10.0.0.1", 5001), ("10.0.0.2", 5001)
decoder = LiftoffDecoder(FULL)


def arrivals(datagrams: list[bytes], sender=A, first_ns: int = 0, step_ns: int = 10 * MS) -> Arrivals:
    times = [first_ns + step_ns * at for at in range(len(datagrams))]
    return Arrivals([sender] * len(datagrams), times, datagrams)


def test_samples_come_once_by_cursor() -> None:
    feed = Feed("live", {})
    stream = Stream(Flight(1))
    feed.take(9001, decoder, arrivals(stream.next(150)))
    source = source_name(A)
    first = feed.samples(source, ["PositionX", "Timestamp"], 0, None)
    assert first.restart
    assert first.values.shape == (150, 2)
    assert first.values[:, 1].tolist() == pytest.approx([0.01 * at for at in range(150)], abs=1e-4)
    feed.take(9001, decoder, arrivals(stream.next(50), first_ns=1500 * MS))
    second = feed.samples(source, ["PositionX", "Timestamp"], first.cursor, None)
    assert not second.restart
    assert second.time_ns[0] == 1500 * MS
    assert len(second.time_ns) == 50
    assert len(feed.samples(source, ["PositionX"], second.cursor, None).time_ns) == 0
    assert len(feed.samples(source, ["PositionX"], 0, 7).time_ns) == 7


def test_many_sources_come_in_three_arrays_that_another_process_can_take() -> None:
    feed = Feed("live", {})
    for sender, count in ((A, 30), (B, 20)):
        feed.take(9001, decoder, arrivals(Stream(Flight(1)).next(count), sender))
    first = feed.samples(source_name(A), ["PositionX"], 0, 10)
    asked = {source_name(A): first.cursor, "10.9.9.9:1": 0, source_name(B): 0}
    batch = pickle.loads(pickle.dumps(feed.newer(asked, ["PositionX"], None)))
    assert batch.source_ids == (source_name(A), source_name(B))
    none, all_of_b = batch.blocks()
    assert (len(none), none.cursor, none.restart) == (0, first.cursor, False)
    expected = feed.samples(source_name(B), ["PositionX"], 0, None)
    assert (len(all_of_b), all_of_b.cursor, all_of_b.restart) == (20, expected.cursor, True)
    assert (all_of_b.values == expected.values).all()
    assert (all_of_b.time_ns == expected.time_ns).all()
    assert len(list(feed.newer({}, ["PositionX"], None).blocks())) == 0


def test_a_restart_and_other_channels_say_that_rows_do_not_follow() -> None:
    feed = Feed("live", {})
    feed.take(9001, decoder, arrivals(Stream(Flight(1)).next(10)))
    cursor = feed.samples(source_name(A), ["PositionX"], 0, None).cursor
    feed.restart()
    block = feed.samples(source_name(A), ["PositionX"], cursor, None)
    assert (block.restart, len(block.time_ns)) == (True, 0)


def test_a_channel_that_is_not_sent_is_nan_and_an_unknown_source_an_error() -> None:
    feed = Feed("live", {})
    feed.take(9001, decoder, arrivals(Stream(Flight(1)).next(5)))
    block = feed.samples(source_name(A), ["Brake", "InputYaw"], 0, None)
    assert np.isnan(block.values[:, 0]).all()
    assert not np.isnan(block.values[:, 1]).any()
    with pytest.raises(NotFoundError):
        feed.samples("10.9.9.9:1", ["Brake"], 0, None)


def test_channels_of_other_packets_are_the_newest_before() -> None:
    feed = Feed("live", {})
    lap = bytearray(packet(2024, 2))
    lap[29 + 57 * 19 + 33] = 4  # its current lap
    feed.take(1, F1Decoder(), Arrivals([A] * 3, [10, 20, 30], [motion(1.0), bytes(lap), motion(2.0)]))
    block = feed.samples(source_name(A, "car19"), ["PositionX", "CurrentLap"], 0, None)
    assert np.isnan(block.values[0, 1])
    assert block.values[1, 1] == 4
    assert [view.source_id for view in feed.sources(30)] == [source_name(A, "car19")]
    names = [view.name for view in feed.channels(source_name(A, "car19"))]
    assert {"PositionX", "CurrentLap"} <= set(names)


def test_each_sender_is_a_source_with_its_own_figures() -> None:
    feed = Feed("live", {source_name(B): "Nora"})
    gappy = Stream(Flight(1)).next(200)
    gappy = gappy[:50] + gappy[60:120] + gappy[121:]
    feed.take(9001, decoder, arrivals(Stream(Flight(2)).next(200), A))
    feed.take(9001, decoder, arrivals(gappy, B))
    feed.take(9001, decoder, arrivals([b"rubbish"], B, first_ns=1890 * MS))
    steady, lossy = feed.sources(2000 * MS)
    assert (steady.rate_hz, steady.loss) == (pytest.approx(100, rel=0.01), 0)
    assert lossy.loss == pytest.approx(11 / 199, rel=0.05)
    assert (lossy.name, lossy.refused) == ("Nora", 1)
    assert "too short" in lossy.refused_why


def test_a_source_is_stale_after_two_periods() -> None:
    feed = Feed("live", {})
    feed.take(9001, decoder, arrivals(Stream(Flight(2)).next(100)))
    last_ns = 990 * MS
    assert [feed.sources(last_ns + age * MS)[0].stale for age in (0, 15, 21)] == [False, False, True]


def test_a_sender_of_nothing_decodable_is_shown() -> None:
    feed = Feed("live", {})
    assert feed.take(9001, decoder, arrivals([b"x", b""])) == 2
    (view,) = feed.sources(0)
    assert (view.source_id, view.refused, view.samples) == (source_name(A), 2, 0)


def test_the_ring_keeps_the_newest_rows_whatever_the_batches() -> None:
    ring = Ring(("a", "b"), 100)
    total = 0
    for count in (1, 30, 99, 100, 250, 3, 0, 77):
        rows = np.arange(total, total + count)
        ring.append(rows, rows.astype(np.int32), np.stack([rows, -rows], axis=-1).astype(np.float32))
        total += count
        kept = ring.since(0)
        newest = np.arange(max(0, total - 100), total)
        assert kept.time_ns.tolist() == newest.tolist()
        assert kept.values[:, 1].tolist() == (-newest).tolist()
        assert kept.complete == (total <= 100)
    assert ring.since(total - 5).complete
    assert ROWS_MAX >= 6000
