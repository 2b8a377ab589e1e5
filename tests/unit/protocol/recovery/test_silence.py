from itertools import pairwise

from transfer_core.protocol.recovery.silence import Silence

MS = 1_000_000


def test_the_wait_follows_round_trip_and_gaps() -> None:
    silence = Silence(0)
    for i in range(1, 100):
        silence.on_life(i * 10 * MS, True, 60 * MS)
    assert abs(silence.ack_gap_ns - 10 * MS) < MS
    assert 150 * MS < silence.wait_ns(60 * MS) < 160 * MS


def test_a_round_trip_across_a_pause_of_the_machine_makes_nobody_wait_for_long() -> None:
    assert Silence(0).wait_ns(8000 * MS) == 3000 * MS


def test_pauses_do_not_count_as_gaps() -> None:
    silence = Silence(0)
    silence.on_life(10 * MS, True, 20 * MS)
    before_ns = silence.ack_gap_ns
    silence.on_first_in_flight(900 * MS)
    silence.on_life(910 * MS, True, 20 * MS)
    assert silence.ack_gap_ns <= before_ns
    assert silence.due_ns(20 * MS) > 910 * MS


def test_the_round_trip_of_a_lone_packet_is_no_gap() -> None:
    silence = Silence(0)
    for i in range(50):
        silence.on_first_in_flight(i * 200 * MS + 1)
        silence.on_life(i * 200 * MS + 62 * MS, True, 60 * MS)
    assert silence.ack_gap_ns < 4 * MS


def test_two_probes_go_at_once_then_two_at_a_time_ever_less_often() -> None:
    silence = Silence(0)
    silence.begin(0, 160 * MS)
    times = []
    for step in range(2000):
        now_ns = step * MS
        while silence.probes(now_ns):
            silence.on_probes_sent(1)
            times.append(step)
    assert times[:4] == [0, 0, 40, 40]
    assert times[-1] - times[-3] == 100
    assert 38 <= len(times) <= 60


def test_after_a_quarter_of_an_hour_of_silence_probes_go_once_a_second() -> None:
    silence = Silence(0)
    silence.begin(0, 160 * MS)
    times = []
    for step in range(1000 * 100):
        now_ns = step * 10 * MS
        while silence.probes(now_ns):
            silence.on_probes_sent(2)
            times.append(now_ns // MS)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gap for gap, at in zip(gaps, times, strict=False) if at < 899_000) <= 110
    assert gaps[-1] >= 1000
    silence.on_life(1000_000 * MS, False, 0)
    silence.begin(1000_000 * MS, 160 * MS)
    silence.probes(1000_000 * MS)
    assert silence.probe_due_ns - 1000_000 * MS == 40 * MS


def test_an_answer_ends_it() -> None:
    silence = Silence(0)
    silence.begin(0, None)
    assert silence.on_life(5 * MS, False, 0)
    assert not silence.is_silent
