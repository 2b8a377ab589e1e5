"""The cap of each hour of the week.

168 cells from Monday 0:00, local time: bits per second, 0 for nothing at all, None for no cap of its own.

A span is written as people say it: `mon-fri 8-18`, `sat,sun`, `22-6`, `daily 0-24`. Hours after midnight belong to the
day on which they come.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from transfer_core.errors import ConfigError, UsageError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS_A_DAY = 24
CELLS = len(DAYS) * HOURS_A_DAY
Cells = tuple[float | None, ...]

_HOURS = re.compile(r"(\d{1,2})(?::00)?\s*-\s*(\d{1,2})(?::00)?")


def check_cells(cells: Sequence[float | None]) -> None:
    """ConfigError unless there are none, or one for each hour of the week."""
    if len(cells) not in (0, CELLS):
        raise ConfigError(f"a timetable has {CELLS} hours, this one has {len(cells)}")
    if any(cap is not None and not 0 <= cap < float("inf") for cap in cells):
        raise ConfigError("a cap of the timetable is less than nothing")


def cap_at(cells: Sequence[float | None], weekday: int, hour: int) -> float | None:
    """The cap of that hour; `weekday` 0 is Monday. None: no cap of its own."""
    return cells[weekday * HOURS_A_DAY + hour] if cells else None


def lower(first: float | None, second: float | None) -> float | None:
    """The stricter of two caps, None being none."""
    known = [cap for cap in (first, second) if cap is not None]
    return min(known, default=None)


def span(text: str) -> list[int]:
    """The cells that a span names. UsageError if it is none."""
    days, hours = set(range(len(DAYS))), list(range(HOURS_A_DAY))
    words = text.lower().replace("–", "-").split()
    if not words or len(words) > 2:
        raise _no_span(text)
    for word in words:
        if match := _HOURS.fullmatch(word):
            hours = _hours(int(match[1]), int(match[2]), text)
        elif word not in ("daily", "all", "always"):
            days = _days(word, text)
    return sorted(day * HOURS_A_DAY + hour for day in days for hour in hours)


def _hours(first: int, end: int, text: str) -> list[int]:
    if first >= HOURS_A_DAY or end > HOURS_A_DAY or first == end:
        raise _no_span(text)
    if first < end:
        return list(range(first, end))
    return [*range(end), *range(first, HOURS_A_DAY)]


def _days(word: str, text: str) -> set[int]:
    found: set[int] = set()
    for part in word.split(","):
        first, dash, last = part.partition("-")
        if first[:3] not in DAYS or (dash and last[:3] not in DAYS):
            raise _no_span(text)
        start = DAYS.index(first[:3])
        end = DAYS.index(last[:3]) if dash else start
        found.update((start + step) % len(DAYS) for step in range((end - start) % len(DAYS) + 1))
    return found


def _no_span(text: str) -> UsageError:
    hint = "Write it as 'mon-fri 8-18', 'sat,sun', '22-6' or 'daily'."
    return UsageError(f"{text!r} names no hours of a week", hint=hint)


def with_span(cells: Sequence[float | None], indices: Sequence[int], cap_bps: float | None) -> Cells:
    """The timetable with another cap in these cells; empty when no hour has one."""
    changed = list(cells) or [None] * CELLS
    for index in indices:
        changed[index] = cap_bps
    return () if all(cap is None for cap in changed) else tuple(changed)


def spans(cells: Sequence[float | None]) -> list[tuple[str, float]]:
    """The timetable in words, as few as the days allow: (`mon-fri 8-18`, cap); hours without a cap are left out."""
    by_day: dict[tuple[tuple[int, int, float], ...], list[int]] = {}
    for day in range(len(DAYS)) if cells else ():
        by_day.setdefault(_runs(cells[day * HOURS_A_DAY : (day + 1) * HOURS_A_DAY]), []).append(day)
    found = []
    for runs, days in by_day.items():
        found += [(f"{_day_words(days)} {first}-{end}", cap) for first, end, cap in runs]
    return found


def _runs(hours: Sequence[float | None]) -> tuple[tuple[int, int, float], ...]:
    runs: list[tuple[int, int, float]] = []
    for hour, cap in enumerate(hours):
        if cap is None:
            continue
        if runs and runs[-1][1] == hour and runs[-1][2] == cap:
            runs[-1] = runs[-1][0], hour + 1, cap
        else:
            runs.append((hour, hour + 1, cap))
    return tuple(runs)


def _day_words(days: Sequence[int]) -> str:
    if len(days) == len(DAYS):
        return "daily"
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{DAYS[days[0]]}-{DAYS[days[-1]]}"
    return ",".join(DAYS[day] for day in days)
