from __future__ import annotations

import pytest

from app.figures import (
    DASH,
    LOST_NS,
    STALE_NS,
    age_text,
    clock_text,
    is_lost,
    is_stale,
    moment_text,
    ms_text,
    percent_text,
    since_text,
)
from transfer_core.events import LinkState


@pytest.mark.parametrize(
    ("share", "text"), [(None, DASH), (0.0, "0"), (0.0001, "<0.1"), (0.011, "1.1"), (0.5, "50"), (1.0, "100")]
)
def test_a_loss_that_is_not_zero_is_never_written_as_zero(share: float | None, text: str) -> None:
    assert percent_text(share) == text


@pytest.mark.parametrize(("value", "text"), [(None, DASH), (0.42, "0.4"), (9.94, "9.9"), (9.96, "10"), (612.4, "612")])
def test_milliseconds_have_a_fraction_only_where_it_matters(value: float | None, text: str) -> None:
    assert ms_text(value) == text


def test_an_age_of_never_is_a_dash_and_one_from_the_future_is_zero() -> None:
    assert age_text(None, 5) == DASH
    assert age_text(10, 5) == "0.0 s ago"
    assert age_text(0, 200_000_000) == "0.2 s ago"


def test_utc_text_is_cut_for_people() -> None:
    assert moment_text("2026-11-21T14:32:07.250Z") == "2026-11-21 14:32:07"
    assert clock_text("2026-11-21T14:32:07.250Z") == "14:32:07"
    assert moment_text(None) == clock_text(None) == ""


def test_figures_are_stale_and_then_lost_by_their_age() -> None:
    assert not is_stale(0, STALE_NS)
    assert is_stale(0, STALE_NS + 1)
    assert not is_lost(LinkState.UP, 0, LOST_NS)
    assert is_lost(LinkState.UP, 0, LOST_NS + 1)
    assert is_lost(LinkState.UP, None, 0)


@pytest.mark.parametrize("state", [LinkState.KILLED, LinkState.DOWN, LinkState.UNUSED])
def test_a_link_that_is_off_has_no_figures_however_fresh(state: LinkState) -> None:
    assert is_lost(state, 0, 0)


def test_a_killed_link_tells_when_and_others_how_long() -> None:
    assert since_text(LinkState.KILLED, 0, 12_000_000_000) == "killed 12 s ago"
    assert since_text(LinkState.SILENT, 0, 3_000_000_000) == "silent for 3.0 s"
    assert since_text(LinkState.DOWN, None, 0) == "down"
