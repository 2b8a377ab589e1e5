"""Keeps what uploads may use, and says what that is just now."""

from __future__ import annotations

import time
from dataclasses import asdict, fields

from transfer_core.errors import ConfigError
from transfer_core.jobs.store import JobStore
from transfer_core.service.uploads import CONCURRENT_MAX, UploadLimits
from transfer_core.units import NS_PER_S
from transfer_core.upload.timetable import cap_at, check_cells

LIMITS_KEY = "upload_limits"


def check_limits(limits: UploadLimits) -> None:
    """ConfigError names what can't be."""
    check_cells(limits.timetable)
    if not 1 <= limits.concurrent <= CONCURRENT_MAX:
        raise ConfigError(f"from 1 to {CONCURRENT_MAX} uploads can go at once, not {limits.concurrent}")
    for name, cap in [("all uploads", limits.all_bps), *limits.by_destination.items()]:
        if cap is not None and not 0 < cap < float("inf"):
            raise ConfigError(f"the cap of {name} must be more than 0", hint="Pause the queue to send nothing.")


def load_limits(store: JobStore) -> UploadLimits:
    """As they are kept; what can't be understood counts as not set."""
    kept = store.setting(LIMITS_KEY)
    if not isinstance(kept, dict):
        return UploadLimits()
    names = {field.name for field in fields(UploadLimits)}
    values = {key: value for key, value in kept.items() if key in names}
    try:
        limits = UploadLimits(**{**values, "timetable": tuple(values.get("timetable", ()))})
        check_limits(limits)
    except (ConfigError, TypeError, AttributeError):
        return UploadLimits()
    return limits


def keep_limits(store: JobStore, limits: UploadLimits) -> None:
    """Keep them. ConfigError."""
    check_limits(limits)
    store.set_setting(LIMITS_KEY, asdict(limits))


def hour_cap(limits: UploadLimits, wall_ns: int) -> float | None:
    """The timetable's cap at that moment, by the local time of this machine; 0 for nothing, None for no cap."""
    local = time.localtime(wall_ns // NS_PER_S)
    return cap_at(limits.timetable, local.tm_wday, local.tm_hour)
