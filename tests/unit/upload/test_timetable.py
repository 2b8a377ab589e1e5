"""Caps by weekday and hour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import ConfigError, UsageError
from transfer_core.upload.timetable import CELLS, cap_at, check_cells, lower, span, spans, with_span


def test_a_span_of_weekdays_covers_its_hours_and_no_other() -> None:
    cells = with_span((), span("mon-fri 8-18"), 5e6)
    assert cap_at(cells, 0, 8) == cap_at(cells, 4, 17) == 5e6
    assert cap_at(cells, 0, 7) is cap_at(cells, 0, 18) is cap_at(cells, 5, 12) is None


def test_a_span_over_midnight_and_one_over_the_week_end() -> None:
    assert span("sat 22-6") == [5 * 24 + hour for hour in (*range(6), 22, 23)]
    assert span("sun-mon") == [*range(24), *range(144, 168)]
    assert span("daily 0-24") == list(range(CELLS))


@pytest.mark.parametrize("text", ["", "8", "25-26", "8-8", "mon-", "noday", "mon 8-18 more", "mon tue wed"])
def test_what_names_no_hours_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        span(text)


def test_a_timetable_without_caps_is_none() -> None:
    cells = with_span((), span("mon 8-9"), 0.0)
    assert spans(cells) == [("mon 8-9", 0.0)]
    assert with_span(cells, span("mon"), None) == ()
    assert cap_at((), 0, 0) is None


@given(st.lists(st.sampled_from([None, 0.0, 1e6]), min_size=CELLS, max_size=CELLS))
def test_the_words_say_the_same_as_the_cells(cells: list[float | None]) -> None:
    said: tuple[float | None, ...] = ()
    for text, cap in spans(cells):
        said = with_span(said, span(text), cap)
    assert list(said) in (cells, [])
    assert said or all(cap is None for cap in cells)


def test_a_timetable_of_another_length_or_with_negative_caps_is_refused() -> None:
    check_cells(())
    for bad in ([None] * 24, [-1.0] * CELLS, [float("inf")] * CELLS):
        with pytest.raises(ConfigError):
            check_cells(bad)


def test_the_stricter_cap_counts() -> None:
    assert lower(None, None) is None
    assert lower(5.0, None) == lower(None, 5.0) == lower(5.0, 9.0) == 5.0
