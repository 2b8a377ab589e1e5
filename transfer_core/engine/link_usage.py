"""What each link has carried in its present period, kept in the state, so that a data plan is not overdrawn.

Fed in the loop's thread, saved by the clerk's, looked at from any.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from transfer_core.clock import Clock
from transfer_core.jobs.store import JobStore
from transfer_core.links.quota import RESET_DAY_DEFAULT, LinkQuota, Usage, period_end, period_start

USAGE_KEY = "link_usage"


class LinkUsage:
    """Counts by link name; see the module."""

    def __init__(self, store: JobStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._quotas: Mapping[str, LinkQuota] = {}
        self._usage = _read(store.setting(USAGE_KEY))
        self._is_saved = True

    def set_quotas(self, quotas: Mapping[str, LinkQuota]) -> None:
        """The limits by link name; a link without one has none."""
        with self._lock:
            self._quotas = dict(quotas)

    def add(self, link: str, count_bytes: int) -> None:
        """A link has carried so much more."""
        if count_bytes > 0:
            with self._lock:
                self._usage[link] = self._now(link).plus(count_bytes)
                self._is_saved = False

    def of(self, link: str) -> Usage:
        """What a link has carried in its present period."""
        with self._lock:
            return self._now(link)

    def quota_of(self, link: str) -> LinkQuota | None:
        """A link's limit."""
        return self._quotas.get(link)

    def why_spent(self, link: str) -> str:
        """Why a link may carry no more file data; empty if it may."""
        quota = self._quotas.get(link)
        usage = self.of(link)
        if quota is None or usage.used_bytes < quota.limit_bytes:
            return ""
        return f"its quota is used up until {period_end(usage.period, quota.reset_day)}"

    def save(self) -> None:
        """Keep the counts in the state, if they changed."""
        with self._lock:
            if self._is_saved:
                return
            kept = {name: asdict(each) for name, each in self._usage.items()}
            self._is_saved = True
        self._store.set_setting(USAGE_KEY, kept)

    def _now(self, link: str) -> Usage:
        quota = self._quotas.get(link)
        period = period_start(self._clock.wall_ns(), RESET_DAY_DEFAULT if quota is None else quota.reset_day)
        return self._usage.get(link, Usage(period)).at(period)


def _read(kept: object) -> dict[str, Usage]:
    """What was kept; what makes no sense counts as nothing used."""
    found: dict[str, Usage] = {}
    for name, values in kept.items() if isinstance(kept, dict) else ():
        usage = _parse(values)
        if usage is not None and isinstance(values, dict):
            known = (_parse(each) for each in _list_of(values, "before"))
            found[str(name)] = replace(usage, before=tuple(each for each in known if each is not None))
    return found


def _parse(values: object) -> Usage | None:
    """One period's count; None if it makes no sense."""
    match values:
        case {"period": str(period), "used_bytes": int(used), **more} if used >= 0 and _is_date(period):
            return Usage(period, used, tuple(name for name in _list_of(more, "other_names") if _is_date(name)))
    return None


def _list_of(values: Mapping[Any, Any], key: str) -> list[Any]:
    value = values.get(key)
    return value if isinstance(value, list) else []


def _is_date(text: object) -> bool:
    try:
        return isinstance(text, str) and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
