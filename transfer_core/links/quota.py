"""How much data a link may carry in a month, and how much it has: a data plan's limit with its day of renewal.

A period begins on the reset day, or on the last day of a month that is shorter. A clock that goes back never begins an
earlier period, so that it gives no allowance twice.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from transfer_core.errors import ConfigError
from transfer_core.units import NS_PER_S

RESET_DAY_DEFAULT = 1


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
    """What a link has carried since `period`, the ISO date on which the present period began."""

    period: str
    used_bytes: int = 0

    def at(self, period: str) -> Usage:
        """The same in a period: nothing is used yet of one that is newer."""
        return Usage(period) if period > self.period else self

    def plus(self, count_bytes: int) -> Usage:
        """With so much more."""
        return Usage(self.period, self.used_bytes + count_bytes)


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
