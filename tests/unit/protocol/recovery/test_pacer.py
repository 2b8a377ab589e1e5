from transfer_core.protocol.recovery.pacer import BURST_BYTES_MAX, Pacer

MS = 1_000_000
S = 1_000_000_000


def drive(pacer: Pacer, until_ns: int, packet_bytes: int = 1500) -> tuple[int, int]:
    """Bytes sent and the largest burst, waking exactly when the pacer says."""
    now_ns = sent = largest = 0
    while now_ns < until_ns:
        packets = pacer.packets(now_ns, packet_bytes)
        pacer.on_sent(packets * packet_bytes)
        sent += packets * packet_bytes
        largest = max(largest, packets * packet_bytes)
        wake_ns = pacer.next_ns(packet_bytes)
        assert wake_ns > now_ns or packets, "a wake that comes to nothing would spin"
        now_ns = max(now_ns, wake_ns)
    return sent, largest


def test_it_keeps_the_rate_in_bursts_of_a_millisecond() -> None:
    for rate in (20_000.0, 125_000.0, 6_250_000.0, 125_000_000.0, 2_000_000_000.0):
        span_ns = S if rate < 1e8 else 50 * MS
        sent, largest = drive(Pacer(0, rate, 0), span_ns)
        assert abs(sent / (rate * span_ns / S) - 1) < 0.08
        assert largest <= max(1500, min(BURST_BYTES_MAX, 1.1 * rate / 1000))


def test_a_stall_saves_up_ten_milliseconds() -> None:
    pacer = Pacer(0, 6_250_000.0, 0)
    assert pacer.packets(5 * S, 1500) * 1500 <= 62_500


def test_one_that_is_late_again_and_again_sends_its_rate_all_the_same() -> None:
    rate, late_ns = 12_500_000.0, 40 * MS
    pacer = Pacer(0, rate, 0)
    now_ns = sent = 0
    while now_ns < 2 * S:
        while packets := pacer.packets(now_ns, 1500):
            pacer.on_sent(packets * 1500)
            sent += packets * 1500
        now_ns = max(now_ns, pacer.next_ns(1500)) + late_ns
    assert sent > 0.95 * 2 * rate


def test_when_stalls_are_over_ten_milliseconds_are_the_most_again() -> None:
    pacer = Pacer(0, 6_250_000.0, 0)
    for stall in range(1, 5):
        while packets := pacer.packets(stall * 40 * MS, 1500):
            pacer.on_sent(packets * 1500)
    for now_ns in range(160 * MS, 4 * S, MS):
        while packets := pacer.packets(now_ns, 1500):
            pacer.on_sent(packets * 1500)
    saved = 0
    while packets := pacer.packets(4 * S + 60 * MS, 1500):
        pacer.on_sent(packets * 1500)
        saved += packets * 1500
    assert saved <= 6_250_000 * 0.011


def test_what_could_not_go_for_another_reason_is_hardly_saved_up() -> None:
    pacer = Pacer(0, 6_250_000.0, 0)
    pacer.set_wanted(False, 0)
    pacer.set_wanted(True, 5 * S)
    assert pacer.packets(5 * S, 1500) * 1500 <= 12_500


def test_waking_late_each_time_costs_no_rate() -> None:
    rate, late_ns = 12_500_000.0, 3 * MS
    pacer = Pacer(0, rate, 0)
    now_ns = sent = 0
    while now_ns < S:
        packets = pacer.packets(now_ns, 1500)
        pacer.on_sent(packets * 1500)
        sent += packets * 1500
        now_ns = max(now_ns, pacer.next_ns(1500)) + late_ns
    assert sent > 0.97 * rate


def test_the_opening_goes_at_once() -> None:
    assert Pacer(0, 100_000.0, 15_000).packets(0, 1500) == 10


def test_a_long_debt_is_forgiven() -> None:
    pacer = Pacer(0, 12_500.0, 0)
    pacer.on_sent(10_000_000)  # packets that did not wait
    assert pacer.next_ns(1500) < 6 * S


def test_a_slow_path_sends_packets_that_are_larger_than_what_it_saves_up() -> None:
    sent, largest = drive(Pacer(0, 100_000.0, 0), 10 * S, packet_bytes=9000)
    assert largest == 9000
    assert 0.95 * 1_000_000 < sent <= 1_000_000 + 9000
