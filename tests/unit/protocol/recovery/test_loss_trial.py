import numpy as np

from transfer_core.protocol.recovery.loss_trial import Before, LossTrial, Verdict
from transfer_core.protocol.recovery.sent_packets import InOrder


def run(trial: LossTrial, loss: float, sending: float, seed: int = 1) -> Verdict | None:
    rng = np.random.default_rng(seed)
    for i in range(400):
        lost = int(rng.binomial(20, loss))
        part = InOrder(100 + 20 * i, lost, lost, 20 - lost, 30_000, int(30_000 / sending * 1e9))
        verdict = trial.add(part)
        if verdict is not None:
            return verdict
    return None


def trial(loss: float, *, repeats: int = 0) -> LossTrial:
    before = Before(loss=loss, sending=10e6, rate=10e6, accepted=0.0)
    return LossTrial(before, shrink=0.7, first_pn=100, burst_factor=1.0, span_min_s=0.03, repeats=repeats)


def test_loss_that_goes_away_with_the_rate_is_congestion() -> None:
    assert run(trial(0.25), 0.0, 7e6) is Verdict.CONGESTION


def test_loss_that_stays_is_random() -> None:
    assert run(trial(0.25), 0.25, 7e6) is Verdict.RANDOM


def test_something_between_is_tried_again_but_not_for_ever() -> None:
    assert run(trial(0.25), 0.15, 7e6) is Verdict.UNSURE
    assert run(trial(0.25, repeats=5), 0.15, 7e6) is not Verdict.UNSURE


def test_packets_sent_before_the_rate_was_lowered_do_not_count() -> None:
    running = trial(0.25)
    for _ in range(100):
        assert running.add(InOrder(0, 0, 0, 1000, 1_500_000, 1_000_000_000)) is None
