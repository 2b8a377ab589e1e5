"""How much data a link may carry in a month, and how much it has: a data plan's limit with its day of renewal.

A period begins on the reset day, or on the last day of a month that is shorter.

A clock may be wrong, far ahead or far behind, and be put right later; neither gives an allowance twice, or takes one
away. One that goes forward begins a period, and the counts of those before are kept for a while. One that goes back to
one of these takes along what was counted since: no period begins in the future. One that goes back to none of these
gives the present period another name, by which it is known from then on. A clock that was never set begins none.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from transfer_core.errors import ConfigError
from transfer_core.units import NS_PER_S

RESET_DAY_DEFAULT = 1
PERIODS_KEPT, NAMES_KEPT = 6, 8
NOT_SET = "2025"  # dates before it are of a clock that began anew when its machine did


@dataclass(frozen=True, slots=True)
class LinkQuota:
    """A limit in bytes, both ways together, from reset day to reset day."""

    limit_bytes: int
    reset_day: int = RESET_DAY_DEFAULT

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> LinkQuota:
        """From `{"limit_bytes": ..., "reset_day": ...}`. ConfigError says what is wrong."""
        limit, day = values.get("limit_bytes"), values.get("reset_day", RESET_DAY_DEFAULT)
        if isinstance(limit, bool) or not isinstance(limit, int) or limit <= 0:
            raise ConfigError(f"a link's quota is {limit!r}; it must be a number of bytes above 0")
        if isinstance(day, bool) or not isinstance(day, int) or not 1 <= day <= 31:
            raise ConfigError(f"a quota's reset day is {day!r}; it must be a day of the month, 1 to 31")
        return cls(limit, day)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a link has carried since `period`, the ISO date on which the present period began. See the module."""

    period: str
    used_bytes: int = 0
    other_names: tuple[str, ...] = ()  # ISO dates that a clock that was wrong gave to the same period
    before: tuple[Usage, ...] = ()  # newest first, without what was before them

    def at(self, period: str) -> Usage:
        """The same in a period: nothing is used yet of a new one."""
        if period == self.period or period < NOT_SET:
            return self
        if self.period < NOT_SET:
            return replace(self, period=period)
        known = (replace(self, before=()), *self.before)
        is_later = period > self.period and period not in self.other_names
        fits = (period == each.period or (not is_later and period in each.names) for each in known)
        place = next((number for number, is_it in enumerate(fits) if is_it), None)
        if place is None and is_later:
            return Usage(period, before=known[:PERIODS_KEPT])
        merged = known[: (place or 0) + 1]
        names = dict.fromkeys(name for each in merged for name in each.names if name != period)
        used_bytes = sum(each.used_bytes for each in merged)
        return Usage(period, used_bytes, tuple(names)[:NAMES_KEPT], known[len(merged) :])

    @property
    def names(self) -> tuple[str, ...]:
        """All dates on which this period began, by one clock or another."""
        return self.period, *self.other_names

    def plus(self, count_bytes: int) -> Usage:
        """With so much more."""
        return replace(self, used_bytes=self.used_bytes + count_bytes)


def period_start(wall_ns: int, reset_day: int) -> str:
    """The ISO date (UTC) on which the period of that moment began."""
    today = datetime.fromtimestamp(wall_ns // NS_PER_S, UTC).date()
    begin = _day_in(today.year, today.month, reset_day)
    if begin > today:
        begin = _day_in(today.year - (today.month == 1), (today.month - 2) % 12 + 1, reset_day)
    return begin.isoformat()


def period_end(start: str, reset_day: int) -> str:
    """The ISO date on which the period after that one begins."""
    begin = date.fromisoformat(start)
    return _day_in(begin.year + (begin.month == 12), begin.month % 12 + 1, reset_day).isoformat()


def _day_in(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))
