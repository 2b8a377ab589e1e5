from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import ConfigError
from transfer_core.links.quota import LinkQuota, Usage, period_end, period_start


def _ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("now", "day", "begin", "end"),
    [
        ("2026-11-21T12:00:00", 1, "2026-11-01", "2026-12-01"),
        ("2026-11-21T12:00:00", 21, "2026-11-21", "2026-12-21"),
        ("2026-11-20T23:59:59", 21, "2026-10-21", "2026-11-21"),
        ("2026-01-03T00:00:00", 10, "2025-12-10", "2026-01-10"),
        ("2026-02-28T00:00:00", 31, "2026-02-28", "2026-03-31"),
        ("2026-02-27T00:00:00", 31, "2026-01-31", "2026-02-28"),
        ("2024-02-29T00:00:00", 30, "2024-02-29", "2024-03-30"),
    ],
)
def test_a_period_goes_from_reset_day_to_reset_day(now: str, day: int, begin: str, end: str) -> None:
    assert period_start(_ns(now), day) == begin
    assert period_end(begin, day) == end


@given(seconds=st.integers(0, 4_000_000_000), day=st.integers(1, 31))
def test_every_moment_lies_within_its_period(seconds: int, day: int) -> None:
    begin = period_start(seconds * 10**9, day)
    today = datetime.fromtimestamp(seconds, UTC).date()
    assert date.fromisoformat(begin) <= today < date.fromisoformat(period_end(begin, day))


def test_a_new_period_begins_at_nothing_and_an_older_one_never_begins_again() -> None:
    used = Usage("2026-11-01").plus(100).plus(20)
    assert used.at("2026-11-01").used_bytes == 120
    assert used.at("2026-12-01") == Usage("2026-12-01", 0)
    assert used.at("2026-10-01").used_bytes == 120  # a clock that was set back


@pytest.mark.parametrize("values", [{}, {"limit_bytes": 0}, {"limit_bytes": "1"}, {"limit_bytes": 5, "reset_day": 32}])
def test_a_quota_that_makes_no_sense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        LinkQuota.parse(values)
