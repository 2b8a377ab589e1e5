import dataclasses

from transfer_core.protocol.recovery.capacity import QueueMeter, RoundMeter, Sample, measure

FIRST = Sample(0.0, 0, 0.0, 100.0, 1500, 1500, 1, 1, 0.0, 1)


def at(now_s: float, pn: int, *, rate_pps: float = 1000.0, received: int | None = None, owd_s: float = 0.0) -> Sample:
    return dataclasses.replace(
        FIRST,
        now_s=now_s,
        largest=pn,
        largest_tx_s=pn / rate_pps,
        largest_rx_s=100.0 + pn / rate_pps,
        bytes_through=1500 * (pn + 1),
        next_pn=pn + 50,
        received_total=pn + 1 if received is None else received,
        owd_s=owd_s,
    )


def test_capacity_is_read_from_packet_numbers_whatever_is_lost() -> None:
    for received in (100, 31):
        found = measure(FIRST, at(0.1, 100, received=received))
        assert found is not None
        assert abs(found.arriving - 1.5e6) < 1
        assert abs(found.sending - 1.5e6) < 1
        assert abs(found.loss - (101 - received) / 100) < 1e-9


def test_a_round_ends_with_a_packet_sent_after_its_begin() -> None:
    meter = RoundMeter()
    assert meter.on_sample(at(0.0, 0), 0.05, 0.0) is None
    assert meter.on_sample(at(0.03, 49), 0.05, 0.0) is None
    found = meter.on_sample(at(0.05, 51), 0.05, 0.0)
    assert found is not None
    assert found.packets == 51


def test_under_reordering_and_much_loss_the_rate_is_taken_over_several_rounds() -> None:
    meter = RoundMeter()
    samples = [dataclasses.replace(at(i * 0.06, i * 60), loss=0.5) for i in range(8)]
    rounds = [meter.on_sample(sample, 0.05, 0.05) for sample in samples]
    last = rounds[-1]
    assert last is not None
    assert last.packets >= 200


def test_while_it_grows_each_round_tells_of_itself() -> None:
    meter = RoundMeter()
    samples = [dataclasses.replace(at(i * 0.06, i * 60), loss=0.5) for i in range(8)]
    rounds = [meter.on_sample(sample, 0.05, 0.05, is_growing=True) for sample in samples]
    last = rounds[-1]
    assert last is not None
    assert last.packets == 60


def test_under_reordering_what_has_come_is_counted_whenever_the_newest_came() -> None:
    meter = RoundMeter()
    found = []
    for i in range(12):
        early_s = 0.02 * (i % 2)  # the newest packet overtook others by so much, or did not
        plain = at(i * 0.06, i * 60, received=round(i * 60 * 0.9))
        sample = dataclasses.replace(
            plain, largest_rx_s=plain.largest_rx_s - early_s, told_rx_s=plain.largest_rx_s, loss=0.1
        )
        measured = meter.on_sample(sample, 0.05, 0.02)
        if measured is not None:
            found.append(measured.arriving)
    assert len(found) > 5
    assert max(abs(rate / 1.5e6 - 1) for rate in found) < 0.03


def test_the_queue_is_the_delay_above_the_least_of_ten_seconds() -> None:
    meter = QueueMeter()
    meter.on_sample(at(0.0, 0, owd_s=-5.0), 0.05, 0.0)
    meter.on_sample(at(1.0, 10, owd_s=-4.98), 0.05, 0.0)
    assert abs(meter.queue_s - 0.020) < 1e-9
    meter.on_sample(at(12.0, 20, owd_s=-4.98), 0.05, 0.0)
    assert meter.queue_s == 0.0


def test_one_low_sample_of_late_means_there_is_no_standing_queue() -> None:
    meter = QueueMeter()
    meter.on_sample(at(0.0, 0, owd_s=0.0), 0.05, 0.0)
    meter.on_sample(at(1.0, 10, owd_s=0.001), 0.05, 0.0)
    meter.on_sample(at(1.01, 20, owd_s=0.040), 0.05, 0.0)
    assert meter.queue_s < 0.002


def test_what_a_program_let_lie_is_no_queue_and_what_is_longer_is() -> None:
    meter = QueueMeter()
    meter.on_sample(at(0.0, 0, owd_s=0.0), 0.05, 0.0)
    meter.on_sample(at(1.0, 10, owd_s=0.020), 0.05, 0.0, stalled_s=0.030)
    assert meter.queue_s == 0.0
    meter.on_sample(at(2.0, 20, owd_s=0.050), 0.05, 0.0, stalled_s=0.030)
    assert 0.015 < meter.queue_s < 0.021


def test_scatter_by_jitter_is_not_taken_for_a_queue() -> None:
    meter = QueueMeter()
    meter.on_sample(at(0.0, 0, owd_s=0.0), 0.05, 0.0)
    meter.on_sample(at(1.0, 10, owd_s=0.020), 0.05, 0.030)
    assert meter.queue_s == 0.0


def test_a_rebase_takes_the_present_delay_for_the_base() -> None:
    meter = QueueMeter()
    meter.on_sample(at(0.0, 0, owd_s=0.0), 0.05, 0.0)
    meter.on_sample(at(1.0, 10, owd_s=0.080), 0.05, 0.0)
    meter.rebase()
    meter.on_sample(at(1.1, 20, owd_s=0.081), 0.05, 0.0)
    assert meter.queue_s < 0.002


def test_a_wandering_delay_is_told_from_a_queue_by_its_two_sides() -> None:
    wandering, filling = QueueMeter(), QueueMeter()
    for i in range(400):
        wandering.on_sample(at(i * 0.01, i * 10, owd_s=0.010 * ((i * 37 % 11) - 5) / 5), 0.05, 0.0)
        filling.on_sample(at(i * 0.01, i * 10, owd_s=0.0005 * min(i, 100)), 0.05, 0.0)
    assert wandering.wander_s > 0.003
    assert filling.wander_s < 0.0005
    assert wandering.queue_s < 0.005
    assert filling.queue_s > 0.045


def test_rounds_grow_with_wandering() -> None:
    meter = RoundMeter()
    ended = [meter.on_sample(at(i * 0.01, i * 20), 0.01, 0.0, 0.004) is not None for i in range(60)]
    assert 3 <= sum(ended) <= 6
