import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_core.protocol.recovery.ack import WINDOW_PACKETS_MAX
from transfer_core.protocol.recovery.path_receiver import START_PACKETS, PathReceiver

MS = 1_000_000


def arrive(receiver: PathReceiver, pns: list[int], now_ns: int, *, tx_us: int = 0, floor: int = 0) -> list[bool]:
    fresh = receiver.is_fresh(np.array(pns, np.int64))
    taken = np.array(pns, np.int64)[fresh]
    if count := len(taken):
        receiver.on_fresh(taken, np.full(count, tx_us, np.uint32), np.full(count, floor, np.int64), now_ns, True)
    return fresh.tolist()


def test_repeated_old_and_far_packets_are_not_fresh() -> None:
    receiver = PathReceiver()
    assert arrive(receiver, [0, 1, 5, 5], 0) == [True, True, True, False]
    assert arrive(receiver, [5, 6], 0, floor=4) == [False, True]
    pns = np.array([2, 3, 7, 4 + WINDOW_PACKETS_MAX, 3 + WINDOW_PACKETS_MAX], np.int64)
    assert receiver.is_fresh(pns).tolist() == [False, False, True, False, True]
    assert receiver.is_fresh(pns).tolist() == [False, False, True, False, True]  # asking marks nothing
    assert receiver.received_total == 4


def test_packets_far_ahead_are_taken_once_and_told() -> None:
    receiver = PathReceiver()
    arrive(receiver, [0], 0)
    assert arrive(receiver, [200_000], 0) == [True]
    assert arrive(receiver, [200_000], 0) == [False]
    ack = receiver.build_ack(0, 0)
    assert np.flatnonzero(ack.received).tolist() == [0, 200_000]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1 << 30))
def test_marks_agree_with_a_plain_set_under_loss_reorder_and_moving_floors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    receiver, seen = PathReceiver(), set[int]()
    floor = newest = 0
    for step in range(400):
        pns = np.sort(np.unique(rng.integers(max(0, newest - 300), newest + 60, 20)))
        expected = [int(pn) >= floor and int(pn) not in seen for pn in pns]
        moved = max(floor, newest - int(rng.integers(100, 500)))
        assert arrive(receiver, pns.tolist(), step * MS, floor=moved) == expected
        if any(expected):
            seen.update(int(pn) for pn, is_new in zip(pns, expected, strict=True) if is_new)
            newest, floor = max(newest, *seen), moved
        ack = receiver.build_ack(step * MS, 0)
        assert ack.received_total == len(seen)
        assert {ack.floor + int(i) for i in np.flatnonzero(ack.received)} == {pn for pn in seen if pn >= ack.floor}


def test_early_acknowledgements_go_three_times_four_ms_apart() -> None:
    receiver = PathReceiver()
    arrive(receiver, [0, 1], 0)
    times = []
    for _ in range(6):
        due_ns = receiver.next_ack_ns()
        if due_ns is None:
            break
        times.append(due_ns)
        receiver.build_ack(due_ns, 0)
    assert len(times) == 3
    assert np.diff(times).tolist() == [4 * MS, 4 * MS]


def test_an_acknowledgement_is_due_after_25_packets_or_a_quarter_of_the_round_trip() -> None:
    receiver = PathReceiver()
    receiver.set_rtt_hint_ns(40 * MS)
    arrive(receiver, list(range(200)), 0)
    while (due_ns := receiver.next_ack_ns()) is not None:
        receiver.build_ack(due_ns, 0)
    arrive(receiver, list(range(200, 205)), 1000 * MS)
    assert receiver.next_ack_ns() == 1010 * MS
    receiver.build_ack(1010 * MS, 0)
    arrive(receiver, list(range(205, 215)), 1012 * MS)
    assert receiver.next_ack_ns() == 1022 * MS
    arrive(receiver, list(range(215, 230)), 1017 * MS)
    assert receiver.next_ack_ns() == 1017 * MS


def answered_at(receiver: PathReceiver, first: int, packets_per_ms: int, begin_ms: int, end_ms: int) -> list[int]:
    """Send a stream, handed over each half a millisecond; when acknowledgements went, in ns."""
    times_ns = []
    for step in range(2 * begin_ms, 2 * end_ms):
        begin, end = (first + (at - 2 * begin_ms) * packets_per_ms // 2 for at in (step, step + 1))
        arrive(receiver, list(range(begin, end)), step * MS // 2)
        due_ns = receiver.next_ack_ns()
        if due_ns is not None and due_ns <= step * MS // 2:
            receiver.build_ack(step * MS // 2, 0)
            times_ns.append(step * MS // 2)
    return times_ns


def test_a_fast_path_is_answered_each_millisecond_until_its_rate_is_found() -> None:
    receiver = PathReceiver()
    receiver.set_rtt_hint_ns(MS)
    gaps = np.diff(answered_at(receiver, 0, 200, 0, 40)[5:])
    assert receiver.received_total <= START_PACKETS
    assert set(gaps.tolist()) == {MS}


@pytest.mark.parametrize(("packets_per_ms", "gap_ms"), [(14, 2), (18, 4), (200, 4)])
def test_afterwards_a_path_is_answered_each_other_millisecond_or_each_fourth_while_it_is_fast(
    packets_per_ms: int, gap_ms: int
) -> None:
    receiver = PathReceiver()
    receiver.set_rtt_hint_ns(MS)
    answered_at(receiver, 0, 200, 0, 50)
    for begin_ms in (1000, 2000):  # it does not matter how fast it was before
        first = receiver.largest + 1
        gaps = np.diff(answered_at(receiver, first, packets_per_ms, begin_ms, begin_ms + 60)[5:])
        assert set(gaps.tolist()) == {gap_ms * MS}


def test_what_a_sender_begins_with_is_answered_at_once() -> None:
    receiver = PathReceiver()  # it does not know the round trip: a relay that has sent nothing yet
    arrive(receiver, list(range(7)), 0)
    assert receiver.next_ack_ns() == 25 * MS
    arrive(receiver, [7], 1 * MS)
    assert receiver.next_ack_ns() == 1 * MS
    receiver.build_ack(1 * MS, 0)
    while (due_ns := receiver.next_ack_ns()) is not None:
        receiver.build_ack(due_ns, 0)
    arrive(receiver, list(range(8, 18)), 2000 * MS)  # and again after a pause
    assert receiver.next_ack_ns() == 2000 * MS


def test_acknowledgements_come_more_often_when_much_is_lost() -> None:
    receiver = PathReceiver()
    receiver.set_rtt_hint_ns(80 * MS)
    for step in range(200):
        arrive(receiver, [step * 10, step * 10 + 5, step * 10 + 7], step * MS)
    assert 0.65 < receiver.loss < 0.75
    while receiver.next_ack_ns() is not None:
        receiver.build_ack(300 * MS, 0)
    arrive(receiver, [2001], 400 * MS)
    due_ns = receiver.next_ack_ns()
    assert due_ns is not None
    assert 404 * MS < due_ns < 408 * MS


def test_packets_that_ask_for_nothing_cause_no_acknowledgement() -> None:
    receiver = PathReceiver()
    receiver.on_fresh(np.array([0]), np.zeros(1, np.uint32), np.array([0]), 0, False)
    assert receiver.next_ack_ns() is None
    receiver.on_fresh(np.array([1, 2]), np.zeros(2, np.uint32), np.zeros(2, np.int64), 0, True)
    assert receiver.next_ack_ns() is not None


def test_the_opening_train_is_told_by_its_common_send_time() -> None:
    receiver = PathReceiver()
    arrive(receiver, [0], 0, tx_us=7)  # a control packet before it
    for i in range(10):
        arrive(receiver, [1 + i], (10 + i) * MS, tx_us=50)
    arrive(receiver, [11], 40 * MS, tx_us=99)
    train = receiver.build_ack(40 * MS, 0).train
    assert train is not None
    assert (train.first_pn, train.first_rx_us, train.last_pn, train.last_rx_us) == (1, 10_000, 10, 19_000)


def test_a_train_after_any_number_of_pings_is_told() -> None:
    receiver = PathReceiver()
    for pn in range(1500):
        arrive(receiver, [pn], pn * 1000 * MS, tx_us=pn * 1_000_000)
    for i in range(10):
        arrive(receiver, [1500 + i], 1500_000 * MS + i * MS, tx_us=1_500_000_000)
    train = receiver.build_ack(1500_020 * MS, 0).train
    assert train is not None
    assert (train.first_pn, train.last_pn) == (1500, 1509)


def test_a_train_out_of_order_tells_nothing() -> None:
    receiver = PathReceiver()
    for i, pn in enumerate((0, 1, 4, 2, 5, 6, 7)):
        arrive(receiver, [pn], i * MS, tx_us=50)
    assert receiver.build_ack(10 * MS, 0).train is None


def test_delays_are_differences_of_clocks_that_wrap() -> None:
    receiver = PathReceiver()
    now_ns = ((1 << 32) + 500) * 1000  # the receiver's clock has just wrapped
    arrive(receiver, [0], now_ns, tx_us=(1 << 32) - 1500)
    ack = receiver.build_ack(now_ns + 3000, 5)
    assert (ack.min_owd_us, ack.largest_rx_us, ack.hold_us, ack.window_chunks) == (2000, 500, 3, 5)
