from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.units import format_bytes, parse_bytes


@pytest.mark.parametrize(
    ("text", "count"),
    [("500MB", 500_000_000), ("1.5 GB", 1_500_000_000), ("20k", 20_000), ("7", 7), (" 2tb ", 2 * 10**12)],
)
def test_a_size_is_read_in_decimal_units(text: str, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "1 MiB", "nan", "1e9", "1GB2"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        parse_bytes(text)


@given(count=st.integers(0, 10**15))
def test_what_is_shown_can_be_read_again(count: int) -> None:
    assert parse_bytes(format_bytes(count)) == pytest.approx(count, rel=0.06)
