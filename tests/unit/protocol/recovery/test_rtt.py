from transfer_core.protocol.recovery.rtt import RttEstimator

MS = 1_000_000


def test_the_hint_serves_until_samples_come() -> None:
    assert RttEstimator(None).srtt_ns is None
    rtt = RttEstimator(80 * MS)
    assert (rtt.srtt_ns, rtt.min_ns) == (80 * MS, 80 * MS)
    rtt.on_sample(60 * MS)
    assert rtt.min_ns == 60 * MS
    assert 60 * MS < rtt.smoothed_ns < 80 * MS


def test_it_settles_on_what_it_sees_and_keeps_the_least() -> None:
    rtt = RttEstimator(None)
    for i in range(200):
        rtt.on_sample((50 if i % 2 else 70) * MS)
    assert 55 * MS < rtt.smoothed_ns < 65 * MS
    assert rtt.min_ns == 50 * MS
    assert 8 * MS < rtt.rttvar_ns < 12 * MS
    assert 18 * MS < rtt.jitter_ns < 20.1 * MS


def test_a_jitter_is_known_from_the_first_two_round_trips_on() -> None:
    rtt = RttEstimator(100 * MS)
    rtt.on_sample(100 * MS)
    assert rtt.jitter_ns == 0
    rtt.on_sample(130 * MS)
    assert rtt.jitter_ns == 30 * MS
    rtt.on_sample(120 * MS)
    assert rtt.jitter_ns == 20 * MS


def test_a_rebase_takes_what_is_seen_now_for_the_least() -> None:
    rtt = RttEstimator(20 * MS)
    for _ in range(100):
        rtt.on_sample(100 * MS)
    rtt.rebase()
    assert rtt.min_ns > 99 * MS


def test_a_round_trip_is_never_zero() -> None:
    rtt = RttEstimator(None)
    rtt.on_sample(0)
    assert rtt.min_ns > 0


def test_an_answer_that_lay_there_while_the_machine_slept_is_forgotten_within_seconds() -> None:
    rtt = RttEstimator(50 * MS)
    rtt.on_sample(3_600_000 * MS)
    assert rtt.smoothed_ns < 2_000 * MS
    for _ in range(40):
        rtt.on_sample(50 * MS)
    assert rtt.smoothed_ns < 60 * MS
