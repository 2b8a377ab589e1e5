from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import ConfigError
from transfer_core.links.quota import NAMES_KEPT, PERIODS_KEPT, LinkQuota, Usage, period_end, period_start


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
    assert used.at("2026-12-01").used_bytes == 0
    assert used.at("2026-12-01").period == "2026-12-01"
    assert used.at("2026-10-01").used_bytes == 120  # a clock that was set back


def test_a_clock_that_was_far_ahead_and_is_put_right_leaves_the_count_in_the_right_period() -> None:
    used = Usage("2026-11-01", 100)
    used = used.at("2038-01-01").plus(7).at("2038-02-01").plus(3)
    assert used.used_bytes == 3
    used = used.at("2026-11-01").plus(20)
    assert (used.period, used.used_bytes) == ("2026-11-01", 130)
    december = used.at("2026-12-01").plus(5)
    assert (december.period, december.used_bytes) == ("2026-12-01", 5)
    again = december.at("2038-01-01").plus(1).at("2026-12-01").at("2038-01-01").at("2038-02-01").plus(1)
    assert (again.at("2026-12-01").period, again.at("2026-12-01").used_bytes) == ("2026-12-01", 7)


def test_a_count_of_the_future_whose_past_is_not_known_is_one_of_now_and_of_no_later_period() -> None:
    used = Usage("2038-01-01", 70).at("2026-11-01").plus(2)
    assert (used.period, used.used_bytes) == ("2026-11-01", 72)
    assert used.at("2026-12-01").used_bytes == 0


def test_a_clock_that_starts_in_1970_gives_no_allowance_twice() -> None:
    used = Usage("2026-11-01", 100).at("1970-01-01").plus(10)
    assert used.used_bytes == 110
    used = used.at("2026-11-01").plus(1)
    assert (used.period, used.used_bytes) == ("2026-11-01", 111)
    assert used.at("1970-01-01").at("2026-12-01").used_bytes == 0
    assert Usage("1970-01-01", 5).at("2026-11-01") == Usage("2026-11-01", 5)


ANY = st.sampled_from(["2026-09-01", "2026-10-01", "2026-11-01", "2026-12-01", "2038-01-01", "2038-02-01"])
WRONG = st.sampled_from(["1970-01-01", "1970-02-01", "2001-01-01", "2038-01-01", "2038-02-01"])
BYTES = st.integers(0, 9)


@given(st.lists(st.tuples(ANY, BYTES), min_size=1, max_size=40))
def test_whatever_the_clock_does_the_period_is_its_own_and_little_is_kept(story: list[tuple[str, int]]) -> None:
    used, total = Usage(story[0][0]), 0
    for period, count in story:
        used, total = used.at(period).plus(count), total + count
        assert (used.period, count <= used.used_bytes <= total) == (period, True)
        assert used.at(period) is used
        assert (len(used.before) <= PERIODS_KEPT, len(used.other_names) <= NAMES_KEPT) == (True, True)
        assert not any(each.before for each in used.before)


@given(st.lists(st.tuples(st.booleans(), WRONG, BYTES, BYTES), max_size=30))
def test_a_month_counts_what_was_carried_in_it_also_while_the_clock_was_wrong(
    story: list[tuple[bool, str, int, int]],
) -> None:
    month, used, carried = 0, Usage("2026-01-01"), 0
    for begins_anew, wrong, astray, count in story:
        if begins_anew and month < 11:
            month, carried = month + 1, 0
        right = f"2026-{month + 1:02}-01"
        used, carried = used.at(right).plus(count), carried + count
        used, carried = used.at(wrong).plus(astray), carried + astray
        used, carried = used.at("2038-03-01").plus(astray), carried + astray
        used = used.at(right)
        assert (used.period, used.used_bytes) == (right, carried)


@pytest.mark.parametrize("values", [{}, {"limit_bytes": 0}, {"limit_bytes": "1"}, {"limit_bytes": 5, "reset_day": 32}])
def test_a_quota_that_makes_no_sense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        LinkQuota.parse(values)
