from dataclasses import replace

import numpy as np
import pytest

from transfer_core.protocol.recovery.ack import WINDOW_PACKETS_MAX, Ack, Train
from transfer_core.protocol.recovery.path_sender import PathSender, PathState
from transfer_core.protocol.recovery.resolved import Resolved

MS = 1_000_000
S = 1_000_000_000


class Peer:
    """Answers for a receiver that got just the packets it is told."""

    def __init__(self) -> None:
        self.got: set[int] = set()

    def ack(self, sender: PathSender, pns: list[int], rx_ns: int) -> Ack:
        self.got.update(pns)
        largest, floor = max(self.got), min(sender.floor, max(self.got) + 1)
        marks = np.array([pn in self.got for pn in range(floor, largest + 1)], np.bool_)
        return Ack(largest, rx_ns // 1000 & 0xFFFFFFFF, 0, len(self.got), 777, floor, marks)


def send(sender: PathSender, now_ns: int, count: int = 1, **options: object) -> int:
    first = sender.next_pn
    tags = np.arange(first, first + count, dtype=np.int64) + 1000
    return sender.on_sent(now_ns, count, 1472, tags, **options)  # type: ignore[arg-type]


def resolved_tags(resolved: Resolved) -> tuple[list[int], list[int]]:
    return resolved.acked_tags.tolist(), resolved.lost_tags.tolist()


def test_an_acknowledgement_gives_tags_bytes_and_the_round_trip_without_the_hold() -> None:
    sender, peer = PathSender(0, rtt_hint_ns=50 * MS), Peer()
    send(sender, 0, 3, last_bytes=100)
    ack = peer.ack(sender, [0, 1, 2], 20 * MS)
    held = Ack(ack.largest, ack.largest_rx_us, 5_000, 3, 0, 0, ack.received)
    resolved = sender.on_ack(held, 45 * MS)
    assert resolved_tags(resolved) == ([1000, 1001, 1002], [])
    assert resolved.acked_bytes == 2 * 1500 + 128 == sender.delivered_bytes
    assert resolved.rtt_ns == 40 * MS == sender.latest_rtt_ns
    assert sender.in_flight_packets == sender.in_flight_bytes == 0
    assert sender.floor == 3


def test_a_packet_is_lost_when_one_sent_a_window_later_has_arrived_not_before() -> None:
    sender, peer = PathSender(0, rtt_hint_ns=80 * MS), Peer()
    for i in range(4):
        send(sender, i * 4 * MS)
    assert resolved_tags(sender.on_ack(peer.ack(sender, [1, 2], 50 * MS), 90 * MS)) == ([1001, 1002], [])
    assert resolved_tags(sender.on_ack(peer.ack(sender, [3], 55 * MS), 95 * MS)) == ([1003], [1000])
    assert sender.lost_packets == 1


def test_what_arrives_after_it_was_given_up_is_told_once_and_widens_the_window() -> None:
    sender, peer = PathSender(0, rtt_hint_ns=80 * MS), Peer()
    for i in range(4):
        send(sender, i * 4 * MS)
    sender.on_ack(peer.ack(sender, [1, 2, 3], 50 * MS), 90 * MS)
    send(sender, 91 * MS)
    marks = np.ones(5, np.bool_)
    late = sender.on_ack(Ack(4, 130_000, 0, 5, 0, 0, marks), 171 * MS)
    assert late.late_tags.tolist() == [1000]
    assert late.spurious == 1
    assert late.acked_tags.tolist() == [1004]
    again = sender.on_ack(Ack(4, 130_000, 0, 5, 0, 0, marks), 172 * MS)
    assert (len(again.acked_tags), again.spurious) == (0, 0)
    for i in range(4):
        send(sender, 200 * MS + i * 4 * MS)
    marks = np.array([False, True, True, True])
    resolved = sender.on_ack(Ack(8, 300_000, 0, 8, 0, 5, marks), 300 * MS)
    assert resolved_tags(resolved) == ([1006, 1007, 1008], [])  # 12 ms is not late any more


def test_the_floor_waits_for_word_of_what_a_silence_gave_up() -> None:
    sender = PathSender(0, rtt_hint_ns=40 * MS)
    for i in range(4):
        send(sender, i * MS)
    given_up = sender.on_timeout(S)
    assert given_up.lost_tags.tolist() == [1000, 1001, 1002, 1003]
    assert sender.is_silent
    assert sender.floor == 0
    send(sender, S)
    told = sender.on_ack(Ack(4, 900_000, 0, 3, 0, 0, np.array([True, False, True, False, True])), S + 40 * MS)
    assert told.late_tags.tolist() == [1000, 1002]
    assert told.acked_tags.tolist() == [1004]
    assert sender.floor == 5


def test_the_floor_does_not_wait_for_ever() -> None:
    sender = PathSender(0, rtt_hint_ns=40 * MS)
    for i in range(3000):
        send(sender, i * MS)
        sender.on_timeout(i * MS)
    sender.on_timeout(10 * S)
    assert sender.is_silent
    assert sender.next_pn - sender.floor <= 2048


def test_packets_that_an_acknowledgement_does_not_speak_about_are_not_judged() -> None:
    sender = PathSender(0, rtt_hint_ns=40 * MS)
    for i in range(10):
        send(sender, i * 10 * MS)
    told = np.array([True, False, True, True, True])
    resolved = sender.on_ack(Ack(9, 100_000, 0, 5, 0, 5, told), 140 * MS)
    assert resolved_tags(resolved) == ([1005, 1007, 1008, 1009], [1006])
    assert sender.floor == 0
    assert sender.outstanding_tags().tolist() == [1000, 1001, 1002, 1003, 1004]


def test_acknowledgements_of_packets_never_sent_resolve_nothing() -> None:
    sender = PathSender(0, rtt_hint_ns=40 * MS)
    send(sender, 0, 5)
    resolved = sender.on_ack(Ack(7, 0, 0, 8, 0, 0, np.ones(8, np.bool_)), 40 * MS)
    assert resolved_tags(resolved) == ([], [])
    assert sender.in_flight_packets == 5


def test_packets_that_ask_for_nothing_use_a_number_and_are_never_lost() -> None:
    sender = PathSender(0, rtt_hint_ns=40 * MS)
    assert send(sender, 0, ack_eliciting=False) == 0
    assert sender.in_flight_packets == 0
    sender.set_demand(False)
    assert sender.next_timeout_ns() is None
    assert resolved_tags(sender.on_timeout(60 * S)) == ([], [])


def test_silence_gives_up_everything_at_once_and_probes_two_by_two() -> None:
    sender, peer = PathSender(0, rtt_hint_ns=40 * MS), Peer()
    send(sender, 0, 10)
    sender.on_ack(peer.ack(sender, [0, 1], 19 * MS), 38 * MS)
    rate = sender.rate_bytes_per_s
    due_ns = sender.next_timeout_ns()
    assert due_ns is not None
    assert resolved_tags(sender.on_timeout(due_ns - 1)) == ([], [])
    while not sender.is_silent:
        due_ns = sender.next_timeout_ns()
        assert due_ns is not None
        assert due_ns < 400 * MS
        lost = sender.on_timeout(due_ns)
    assert lost.lost_tags.tolist() == list(range(1002, 1010))
    assert sender.state is PathState.SILENT
    assert sender.in_flight_packets == 0
    assert sender.budget_datagrams(due_ns, 1472) == 2
    first = send(sender, due_ns, 2)
    assert sender.budget_datagrams(due_ns + MS, 1472) == 0
    sender.on_ack(peer.ack(sender, [first], due_ns + 20 * MS), due_ns + 40 * MS)
    assert sender.state is PathState.STARTUP
    assert sender.rate_bytes_per_s >= rate


def test_probes_that_nobody_answers_are_given_up_too() -> None:
    sender = PathSender(0, rtt_hint_ns=40 * MS)
    send(sender, 0, 4)
    now_ns, lost, probes = 0, 0, 0
    while now_ns < 5 * S:
        due_ns = sender.next_timeout_ns()
        assert due_ns is not None
        now_ns = max(now_ns + 1000, due_ns)
        lost += sender.on_timeout(now_ns).lost_count
        if sender.is_silent and (count := sender.budget_datagrams(now_ns, 1472)):
            send(sender, now_ns, count)
            probes += count
    assert 80 < probes < 200
    assert lost >= 4 + probes - 20
    assert sender.in_flight_packets < 20


def test_a_lost_tail_is_noticed_by_age_once_something_newer_was_answered() -> None:
    sender, peer = PathSender(0, rtt_hint_ns=40 * MS), Peer()
    send(sender, 0, 3)
    sender.on_ack(peer.ack(sender, [0, 1], 20 * MS), 40 * MS)
    send(sender, 41 * MS)
    resolved = sender.on_ack(peer.ack(sender, [3], 61 * MS), 81 * MS)
    assert resolved.lost_tags.tolist() == [1002]


def test_abandoning_a_path_gives_everything_back() -> None:
    sender = PathSender(0)
    send(sender, 0, 7)
    assert sender.abandon().lost_tags.tolist() == list(range(1000, 1007))
    assert sender.in_flight_bytes == 0


def test_nothing_is_asked_for_while_there_is_nothing_to_send() -> None:
    sender = PathSender(0, rtt_hint_ns=40 * MS)
    sender.set_demand(False)
    assert sender.next_timeout_ns() is None
    sender.set_demand(True)
    assert sender.next_timeout_ns() is not None


def test_the_numbers_in_use_never_outgrow_the_ring() -> None:
    sender = PathSender(0, rtt_hint_ns=40 * MS)
    sender.set_demand(True)
    while sender.next_pn < WINDOW_PACKETS_MAX:
        send(sender, 0, 44)
    assert sender.budget_datagrams(10 * S, 1472) == 0


def test_a_rate_cap_from_outside_holds() -> None:
    sender = PathSender(0, rtt_hint_ns=10 * MS)
    sender.rate_cap_bytes_per_s = 50_000.0
    assert sender.rate_bytes_per_s == 50_000.0
    sent = 0
    for step in range(2000):
        count = sender.budget_datagrams(step * MS, 1472)
        if count and not sender.is_silent:
            send(sender, step * MS, count)
            sent += count
            ack = Ack(sender.next_pn - 1, step * 1000, 0, sender.next_pn, 0, 0, np.ones(sender.next_pn, np.bool_))
            sender.on_ack(ack, step * MS + MS)
    assert sent * 1500 < 2 * 50_000 + 10 * 1500 + 3000


def told_train(ack: Ack, first: int) -> Ack:
    """Ten packets from `first` on took nine milliseconds at the receiver: 1.5 MB/s."""
    return replace(ack, train=Train(first, 1_000, first + 9, 10_000))


def ping_for(sender: PathSender, peer: Peer, begin_s: int, end_s: int) -> None:
    sender.set_demand(False)
    for second in range(begin_s, end_s):
        sender.budget_datagrams(second * S, 1472)
        pn = send(sender, second * S, 1, last_bytes=60)
        sender.on_ack(peer.ack(sender, [pn], second * S + 10 * MS), second * S + 20 * MS)


def test_a_path_that_was_only_pinged_begins_with_a_train() -> None:
    sender, peer = PathSender(0, rtt_hint_ns=20 * MS), Peer()
    ping_for(sender, peer, 0, 40)
    sender.set_demand(True)
    assert sender.budget_datagrams(40 * S, 1472) >= 10
    first = send(sender, 40 * S, 10)
    before = sender.rate_bytes_per_s
    sender.on_ack(
        told_train(peer.ack(sender, list(range(first, first + 10)), 40 * S + 10 * MS), first), 40 * S + 20 * MS
    )
    assert sender.rate_bytes_per_s > before


def test_a_train_that_told_nothing_is_followed_by_another_when_all_of_it_is_answered_and_not_before() -> None:
    sender, peer = PathSender(0, rtt_hint_ns=20 * MS), Peer()
    sender.begin_train(0)
    send(sender, 0, 10)
    sender.on_ack(peer.ack(sender, list(range(9)), 10 * MS), 20 * MS)
    assert not sender.wants_train(20 * MS)
    sender.on_ack(peer.ack(sender, [9], 11 * MS), 21 * MS)
    assert sender.wants_train(21 * MS)
    sender.begin_train(21 * MS)
    first = send(sender, 21 * MS, 10)
    sender.on_ack(told_train(peer.ack(sender, list(range(first, first + 10)), 31 * MS), first), 42 * MS)
    assert not sender.wants_train(42 * MS)
    assert not sender.wants_train(1000 * MS)


def test_however_little_a_train_told_a_packet_goes_each_round_trip() -> None:
    sender, peer = PathSender(0, rtt_hint_ns=20 * MS), Peer()
    sender.set_demand(True)
    sender.budget_datagrams(0, 1472)
    send(sender, 0, 10)
    ack = replace(peer.ack(sender, list(range(10)), 2010 * MS), train=Train(0, 1000, 9, 2_001_000))
    sender.on_ack(ack, 2020 * MS)
    assert sender.rate_bytes_per_s >= 1500 / 0.020


def test_a_train_from_before_a_long_pause_is_not_taken_for_the_new_one() -> None:
    for is_new in (False, True):
        sender, peer = PathSender(0, rtt_hint_ns=20 * MS), Peer()
        sender.set_demand(True)
        sender.budget_datagrams(0, 1472)
        send(sender, 0, 10)
        sender.on_ack(told_train(peer.ack(sender, list(range(10)), 10 * MS), 0), 20 * MS)
        ping_for(sender, peer, 1, 90)
        sender.set_demand(True)
        assert sender.budget_datagrams(90 * S, 1472) >= 10
        first, before = send(sender, 90 * S, 10), sender.rate_bytes_per_s
        ack = peer.ack(sender, list(range(first, first + 10)), 90 * S + 10 * MS)
        sender.on_ack(told_train(ack, first if is_new else 0), 90 * S + 20 * MS)
        assert (sender.rate_bytes_per_s > before) is is_new


def after_a_pause(pause_s: int, *, rtt_ms: int = 20) -> tuple[PathSender, Peer, float]:
    """A path whose first train told 1.5 MB/s, pinged once a second since; and its rate before the pause."""
    sender, peer = PathSender(0, rtt_hint_ns=20 * MS), Peer()
    sender.set_demand(True)
    sender.budget_datagrams(0, 1472)
    send(sender, 0, 10)
    sender.on_ack(told_train(peer.ack(sender, list(range(10)), 10 * MS), 0), 20 * MS)
    before = sender.rate_bytes_per_s
    sender.set_demand(False)
    for second in range(1, pause_s):
        sender.budget_datagrams(second * S, 1472)
        pn = send(sender, second * S, 1, last_bytes=60)
        sender.on_ack(peer.ack(sender, [pn], second * S + 10 * MS), second * S + rtt_ms * MS)
    sender.set_demand(True)
    assert sender.budget_datagrams(pause_s * S, 1472) > 0
    return sender, peer, before


def test_a_rate_is_kept_over_a_short_pause_and_then_fills_a_queue_if_the_train_told_all() -> None:
    sender, _, before = after_a_pause(5)
    assert before <= 1.5e6 < sender.rate_bytes_per_s <= 1.16 * 1.5e6


@pytest.mark.parametrize("pause_s", [30, 300])
def test_a_long_pause_leaves_half_of_what_was_known_until_a_train_has_told_it_anew(pause_s: int) -> None:
    sender, peer, before = after_a_pause(pause_s)
    assert 0.5 * before <= sender.rate_bytes_per_s < 0.65 * before
    assert sender.budget_datagrams(pause_s * S, 1472) >= 10  # the train
    first = send(sender, pause_s * S, 10)
    ack = peer.ack(sender, list(range(first, first + 10)), pause_s * S + 10 * MS)
    sender.on_ack(told_train(ack, first), pause_s * S + 20 * MS)
    assert 0.95 * before < sender.rate_bytes_per_s < 1.2 * before


def test_a_pause_of_more_than_ten_minutes_and_a_way_that_became_longer_leave_nothing() -> None:
    fresh = PathSender(0, rtt_hint_ns=20 * MS).rate_bytes_per_s
    for pause_s, rtt_ms in ((700, 20), (30, 70)):
        sender, _, before = after_a_pause(pause_s, rtt_ms=rtt_ms)
        assert sender.rate_bytes_per_s <= fresh < 0.6 * before
