"""What loss means for the rate, told in windows of packets with known fate."""

from __future__ import annotations

import pytest

from transfer_core.protocol.recovery.loss_response import LossResponse, Situation
from transfer_core.protocol.recovery.sent_packets import InOrder

TOLD = 6e6  # bytes per second, by the opening train
PACKET = 1500
MS = 1_000_000


def starting_at(rate: float) -> Situation:
    """A start below what the train told, with an empty queue."""
    return Situation(
        now_s=10.0,
        rate=rate,
        queue_s=0.0,
        target_s=0.003,
        is_startup=True,
        is_growing=False,
        dispersion=TOLD,
        rtt_min_s=0.010,
        srtt_s=0.011,
        lateness_s=0.0,
        next_pn=1000,
        packet_bytes=PACKET,
    )


def test_the_first_loss_of_a_start_is_the_paths_own_as_it_is() -> None:
    """Counted up from none it was too small when the start was over, and the rest looked like congestion."""
    response = LossResponse()
    assert response.on_final(InOrder(0, 70, 30, 30, 100 * PACKET, 100 * MS), starting_at(0.5 * TOLD)) is None
    assert response.losses.accepted == pytest.approx(0.7)


def test_later_losses_of_a_start_below_the_trains_figure_are_taken_in_by_parts() -> None:
    response = LossResponse()
    for lost in (60, 70):
        part = InOrder(0, lost, 30, 100 - lost, 100 * PACKET, 100 * MS)
        assert response.on_final(part, starting_at(0.5 * TOLD)) is None
    assert response.losses.accepted == pytest.approx(0.64)
