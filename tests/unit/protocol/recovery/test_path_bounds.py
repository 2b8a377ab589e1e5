"""What a path must reach in the model: bounds, not exact figures. docs/congestion-model.md has the wide table."""

import numpy as np
import pytest

from tests.unit.protocol.recovery.path_model import MS, Conditions, Host, PathModel, S
from transfer_core.protocol.recovery.path_sender import PathState

WIDE = [(rtt_ms, loss) for rtt_ms in (10, 60, 200) for loss in (0.0, 0.01, 0.1, 0.3, 0.7)]


def run(conditions: Conditions, span_ns: int, seed: int = 1, **options: object) -> PathModel:
    model = PathModel(conditions, seed, **options)  # type: ignore[arg-type]
    model.run_until(span_ns)
    lost = model.lost_on_radio / max(1, model.sent_packets - model.dropped_in_queue)
    assert abs(lost - conditions.loss) < 0.02 + 0.2 * conditions.loss, "the loss asked for did not take place"
    return model


@pytest.mark.slow
@pytest.mark.parametrize(("rtt_ms", "loss"), WIDE)
def test_a_link_is_filled_over_twelve_seconds_at_any_loss(rtt_ms: int, loss: float) -> None:
    model = run(Conditions(50, rtt_ms, loss), 12 * S)
    assert model.goodput_share() >= {10: 0.95, 60: 0.95, 200: 0.92}[rtt_ms] - (0.05 if loss > 0.5 else 0)
    assert model.waste_share < 0.02
    assert model.queue_ms(0.5, 2 * S) < 0.25 * rtt_ms + 5
    assert model.queue_ms(0.99) < 0.5 * rtt_ms + 10


@pytest.mark.parametrize(("rtt_ms", "loss"), [(10, 0.0), (60, 0.01), (60, 0.3), (60, 0.7), (200, 0.1)])
def test_a_link_is_filled_once_it_is_known(rtt_ms: int, loss: float) -> None:
    model = run(Conditions(50, rtt_ms, loss), 4 * S)
    assert model.goodput_share(1500 * MS) >= 0.93
    assert model.waste_share < 0.02
    assert 0.2 < model.queue_ms(0.5, 1500 * MS) < 0.25 * rtt_ms + 5


@pytest.mark.parametrize("seed", [2, 3])
def test_a_queue_that_is_drained_on_purpose_puts_no_random_loss_on_trial(seed: int) -> None:
    model = run(Conditions(50, 10, 0.7), 5 * S, seed)
    assert model.goodput_share(1500 * MS) > 0.95


def test_start_up_fills_the_link_in_three_round_trips() -> None:
    model = run(Conditions(50, 60), 1 * S)
    assert model.delivered_mbps(240 * MS, 500 * MS) > 42
    assert model.queue_ms(1.0) < 40


@pytest.mark.parametrize(("rtt_ms", "loss"), [(10, 0.0), (60, 0.3), (200, 0.1)])
def test_a_dead_path_gives_its_work_back_and_resumes_at_its_rate(rtt_ms: int, loss: float) -> None:
    model = PathModel(Conditions(50, rtt_ms, loss), 3)
    model.run_until(2 * S)
    srtt_ns, gap_ns = model.sender.srtt_ns, model.sender.ack_gap_ns
    assert srtt_ns is not None
    assert model.sender.in_flight_packets > 20
    killed_ns = model.now_ns
    model.conditions.alive = False
    model.run_until(2 * S + srtt_ns * 5 // 4 + 6 * gap_ns + 40 * MS)
    assert model.sender.state is PathState.SILENT
    assert model.sender.in_flight_packets <= 4  # probes
    assert sum(count for when_ns, count in model.declared_lost if when_ns >= killed_ns) > 50
    model.run_until(3 * S)
    model.conditions.alive = True
    model.run_until(5 * S)
    assert model.sender.state is PathState.CRUISE
    assert model.delivered_mbps(3700 * MS, 4 * S) >= 0.8 * 50 * (1 - loss)


def test_a_drained_queue_leaves_a_long_way_idle_for_next_to_nothing() -> None:
    model = run(Conditions(10, 200, 0.1), 40 * S)
    assert model.goodput_share(20 * S) > 0.995  # 0.991 where each drain waits until the empty queue is seen
    assert model.queue_ms(0.02, 20 * S) < 5  # it is drained all the same


@pytest.mark.parametrize("rtt_ms", [10, 60])
def test_a_buffer_of_a_second_is_not_filled(rtt_ms: int) -> None:
    model = run(Conditions(50, rtt_ms, queue_ms=1000), 5 * S)
    assert model.queue_ms(0.5, 2 * S) < 0.25 * rtt_ms + 20
    assert model.goodput_share(1 * S) > 0.95


def test_a_rate_step_down_and_up_is_followed() -> None:
    model = PathModel(Conditions(100, 60), 1)
    model.run_until(2 * S)
    model.conditions.rate_mbps = 20
    model.run_until(6 * S)
    assert model.delivered_mbps(3 * S, 6 * S) > 18
    assert model.queue_ms(0.5, 4500 * MS) < 0.25 * 60 + 20
    model.conditions.rate_mbps = 100
    model.run_until(8 * S)
    assert model.delivered_mbps(7 * S, 8 * S) > 90


def test_a_sudden_rise_of_random_loss_is_no_congestion() -> None:
    model = PathModel(Conditions(50, 60), 1)
    model.run_until(2 * S)
    model.conditions.loss = 0.7
    model.run_until(4 * S)
    assert model.delivered_mbps(2500 * MS, 4 * S) > 0.8 * 15
    model.conditions.loss = 0.0
    model.run_until(6 * S)
    assert model.delivered_mbps(4500 * MS, 6 * S) > 45


def test_a_longer_route_is_not_taken_for_a_queue_for_long() -> None:
    model = PathModel(Conditions(50, 60), 1)
    model.run_until(2 * S)
    model.conditions.rtt_ms = 140
    model.run_until(7 * S)
    assert model.delivered_mbps(6 * S, 7 * S) > 45


def test_reordering_by_jitter_resends_next_to_nothing() -> None:
    model = run(Conditions(50, 60, jitter_ms=30), 5 * S)
    assert model.spurious < 0.005 * model.sent_packets
    assert model.goodput_share(1000 * MS) > 0.95


def test_reordering_does_not_hold_a_start_up() -> None:
    model = run(Conditions(20, 60, jitter_ms=30), 4 * S, seed=2)
    assert model.goodput_share(800 * MS) > 0.93
    assert model.dropped_in_queue < 0.01 * model.sent_packets


def test_losses_in_bursts_do_not_slow_it_down() -> None:
    model = run(Conditions(50, 60, 0.05, burst_packets=8), 5 * S)
    assert model.goodput_share(1 * S) > 0.93


def test_a_buffer_too_short_to_see_does_not_lose_much() -> None:
    model = run(Conditions(50, 60, queue_ms=3), 8 * S)
    assert model.dropped_in_queue > 0
    assert model.dropped_in_queue < 0.05 * model.sent_packets
    assert model.goodput_share(1 * S) > 0.93


def test_a_policer_is_found_out() -> None:
    model = run(Conditions(50, 60, policer_ms=20), 10 * S)
    assert model.dropped_in_queue > 0
    assert model.dropped_in_queue < 0.08 * model.sent_packets
    assert model.goodput_share(4 * S) > 0.9


def test_a_policer_is_held_at_its_rate_on_a_machine_whose_pauses_look_like_a_queue() -> None:
    conditions = Conditions(50, 10, policer_ms=20)
    model = PathModel(conditions, 1)
    for number in range(8):
        begin_ns = 2 * S + number * 500 * MS
        model.run_until(begin_ns)
        conditions.rtt_ms = 20
        model.run_until(begin_ns + 25 * MS)
        conditions.rtt_ms = 10
    model.run_until(6 * S)
    assert model.goodput_share(2 * S) >= 0.93


def test_the_start_on_a_policer_ends_at_the_ceiling_that_its_trial_found() -> None:
    model = run(Conditions(50, 10, policer_ms=20), 4 * S)
    assert model.goodput_share() > 0.93
    assert model.dropped_in_queue < 0.06 * model.sent_packets


def test_drops_of_a_policer_beside_pauses_that_look_like_a_queue_are_not_taken_for_the_paths_own() -> None:
    conditions = Conditions(50, 10, policer_ms=20)
    model, rng = PathModel(conditions, 3), np.random.default_rng(103)
    at_ns = int(rng.uniform(20, 60) * MS)
    while at_ns < 5 * S:
        model.run_until(at_ns)
        conditions.rtt_ms = 10 + 2 * rng.uniform(2, 4)
        end_ns = at_ns + int(rng.uniform(5, 20) * MS)
        model.run_until(end_ns)
        conditions.rtt_ms = 10
        at_ns = end_ns + int(rng.exponential(30 if at_ns < S else 300) * MS)
    model.run_until(5 * S)
    assert model.goodput_share() > 0.93
    assert model.dropped_in_queue < 0.25 * model.sent_packets


def test_a_line_whose_train_told_nothing_is_found_out_in_seven_round_trips() -> None:
    model = run(Conditions(10, 200, policer_ms=50), 5 * S)  # a train comes as it was sent
    assert model.delivered_mbps(1250 * MS, 4 * S) > 9
    assert model.dropped_in_queue < 0.2 * model.sent_packets


@pytest.mark.slow
def test_a_policer_on_a_long_way_is_held_without_draining_a_queue_that_is_not_there() -> None:
    model = run(Conditions(50, 200, policer_ms=20), 32 * S)
    assert model.goodput_share() > 0.925
    assert model.goodput_share(6 * S) > 0.95
    assert 0 < model.dropped_in_queue < 0.035 * model.sent_packets  # of them half in the start


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_a_very_slow_link_works(loss: float) -> None:
    model = run(Conditions(1, 100, loss), 12 * S)
    assert model.goodput_share() > 0.92
    assert model.queue_ms(0.5, 2 * S) < 60


def test_a_very_fast_link_works() -> None:
    model = run(Conditions(1000, 2, 0.01), 1 * S)
    assert model.delivered_mbps(200 * MS, 1 * S) > 930


def stalls(count: int, seed: int) -> list[tuple[int, int]]:
    times = [17 * S + (i * 1000 * MS) // count + (seed * i * 7919) % 20 * MS for i in range(count)]
    return [(start, start + (1 + (seed * i) % 9) * MS) for i, start in enumerate(times)]


def test_a_path_within_one_machine_is_not_throttled() -> None:
    free = run(Conditions(100_000, 0.05, queue_ms=1), 500 * MS, host=Host(3000), grain_ns=100_000)
    assert free.delivered_mbps(100 * MS, 500 * MS) > 3900  # what the sender's 3 us a packet allow
    limited = run(Conditions(2000, 0.05, queue_ms=16), 500 * MS, host=Host(3000), grain_ns=100_000)
    assert limited.delivered_mbps(100 * MS, 500 * MS) > 1850


def test_programs_that_pause_do_not_throttle_each_other() -> None:
    host = Host(5500, stalls(25, 3), stalls(25, 7))
    model = run(Conditions(2000, 0.05, queue_ms=16), 1 * S, host=host, grain_ns=100_000)
    assert model.delivered_mbps(200 * MS, 1 * S) > 1400  # about a quarter of the time is paused away


def test_a_socket_buffer_that_overflows_does_not_stop_it() -> None:
    small = run(Conditions(2000, 0.05, queue_ms=1), 1 * S, host=Host(3000), grain_ns=100_000)
    assert small.dropped_in_queue > 0
    assert small.delivered_mbps(200 * MS, 1 * S) > 1700
    assert small.waste_share < 0.02


RADIO = {
    "wifi": Conditions(80, 10, 0.005, queue_ms=100, wander_ms=3),
    "lte": Conditions(20, 60, 0.001, queue_ms=300, wander_ms=8),
    "5g": Conditions(100, 24, 0.003, queue_ms=150, wander_ms=4),
    "satellite": Conditions(15, 50, 0.012, queue_ms=200, wander_ms=7, burst_packets=4),
}


@pytest.mark.parametrize("name", RADIO)
def test_a_start_does_not_end_far_below_the_trains_figure_because_the_delay_wanders(name: str) -> None:
    shares = []
    for seed in range(1, 9):
        model = PathModel(RADIO[name], seed)
        model.run_until(2 * S)
        shares.append(model.goodput_share(0))
    assert min(shares) > 0.62, shares
    assert sum(shares) > 0.83 * len(shares), shares


@pytest.mark.parametrize("conditions", RADIO.values(), ids=RADIO)
def test_a_delay_that_wanders_as_on_radio_is_not_taken_for_a_queue(conditions: Conditions) -> None:
    model = PathModel(conditions, 2)
    model.run_until(8 * S)
    assert model.goodput_share(5 * S) > 0.9
    assert model.queue_ms(0.5, 5 * S) < 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_crowded_cell_still_moves_data(seed: int) -> None:
    model = PathModel(Conditions(2, 160, 0.08, queue_ms=800, wander_ms=40, burst_packets=4), seed)
    model.run_until(20 * S)
    assert model.goodput_share(2 * S) > 0.5
