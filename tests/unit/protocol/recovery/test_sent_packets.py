import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_core.protocol.recovery.sent_packets import SentPackets


def send(packets: SentPackets, now_ns: int, count: int, *, size: int = 1500, last: int | None = None) -> int:
    tags = np.arange(packets.next_pn, packets.next_pn + count) * 10
    return packets.append(now_ns, count, size, tags, last_bytes=last or size, flying=True)


def test_bytes_are_counted_exactly_with_a_short_last_packet_and_small_ones_between() -> None:
    packets = SentPackets()
    send(packets, 1, 3, last=700)
    packets.append(2, 1, 90, np.array([-1]), last_bytes=90, flying=False)
    send(packets, 3, 2)
    assert [packets.bytes_through(pn) for pn in range(6)] == [1500, 3000, 3700, 3790, 5290, 6790]
    assert packets.sent_bytes == 6790
    assert packets.in_flight_bytes == 6700
    assert packets.in_flight_packets == 5


def test_packets_that_ask_for_nothing_are_never_in_flight_acknowledged_or_lost() -> None:
    packets = SentPackets()
    packets.append(1, 1, 90, np.array([-1]), last_bytes=90, flying=False)
    assert packets.floor == packets.next_pn == 1
    rows, late, size = packets.acknowledge(0, np.ones(1, np.bool_))
    assert (len(rows), len(late), size) == (0, 0, 0)
    assert len(packets.lose(0, 1, 100)) == 0


def test_a_packet_given_up_that_arrives_after_all_is_told_apart() -> None:
    packets = SentPackets()
    send(packets, 1, 4)
    assert packets.tags_of(packets.lose(0, 2, 2)).tolist() == [0, 10]
    rows, late, size = packets.acknowledge(0, np.array([True, False, True, True]))
    assert packets.tags_of(rows).tolist() == [20, 30]
    assert packets.tags_of(late).tolist() == [0]
    assert size == 3000
    assert packets.in_flight_packets == 0


def test_the_floor_passes_resolved_packets_and_tells_their_fates_in_order() -> None:
    packets = SentPackets()
    send(packets, 1_000, 6)
    send(packets, 2_000, 4)
    packets.acknowledge(0, np.array([1, 0, 0, 1, 0, 1, 1], np.bool_))
    part = packets.advance_floor()
    assert part is not None
    assert (part.acked, part.lost, packets.floor) == (1, 0, 1)
    packets.lose(0, 6, 1_500)
    part = packets.advance_floor()
    assert part is not None
    assert (part.first_pn, part.lost, part.loss_runs, part.acked) == (1, 3, 2, 3)
    assert part.span_bytes == 6 * 1500
    assert part.span_ns == 1_000
    assert packets.floor == 7
    assert packets.advance_floor() is None


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1 << 30), window=st.integers(50, 20_000))
def test_no_packet_is_forgotten_or_resolved_twice_however_the_arrays_move(seed: int, window: int) -> None:
    rng = np.random.default_rng(seed)
    packets = SentPackets()
    resolved: list[np.ndarray] = []
    now_ns = 0
    while packets.next_pn < 5 * window:
        now_ns += 10
        send(packets, now_ns, int(rng.integers(1, 45)))
        if packets.next_pn - packets.floor > window:
            first = packets.floor
            told = rng.random(packets.next_pn - first - int(rng.integers(0, 20))) < 0.7
            rows, late, _ = packets.acknowledge(first, told)
            assert len(late) == 0
            resolved.append(packets.tags_of(rows).copy())
            resolved.append(packets.tags_of(packets.lose(first, first + len(told), now_ns - 5)).copy())
            packets.advance_floor()
    resolved.append(packets.outstanding_tags())
    tags = np.sort(np.concatenate(resolved))
    assert (tags == np.arange(packets.next_pn) * 10).all()
    assert packets.in_flight_packets == len(resolved[-1])
