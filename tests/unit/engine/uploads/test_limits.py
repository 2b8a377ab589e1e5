"""What uploads may use: kept, checked, and told for each hour."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest

from transfer_core.engine.settings_verbs import link_rules
from transfer_core.engine.system import SystemClock
from transfer_core.engine.uploads.limits import LIMITS_KEY, hour_cap, keep_limits, load_limits
from transfer_core.errors import ConfigError
from transfer_core.jobs.database import DATABASE_NAME
from transfer_core.jobs.schema import MIGRATIONS
from transfer_core.jobs.store import JobStore
from transfer_core.service import Settings, UploadLimits
from transfer_core.upload.timetable import CELLS, span, with_span


def test_limits_are_kept_and_what_makes_no_sense_counts_as_none(tmp_path: Path) -> None:
    store = JobStore(tmp_path, SystemClock())
    limits = UploadLimits(20e6, {"box": 5e6}, with_span((), span("mon 8-18"), 0.0), 4)
    keep_limits(store, limits)
    assert load_limits(store) == limits
    for bad in ("words", {"concurrent": 99}, {"all_bps": "fast"}, {"timetable": [1.0]}, {"timetable": 3}):
        store.set_setting(LIMITS_KEY, bad)
        assert load_limits(store) == UploadLimits()
    store.close()


@pytest.mark.parametrize(
    "limits",
    [
        UploadLimits(all_bps=0.0),
        UploadLimits(by_destination={"box": -1.0}),
        UploadLimits(timetable=(None,) * 24),
        UploadLimits(concurrent=0),
        UploadLimits(concurrent=17),
    ],
)
def test_limits_that_can_not_be_are_refused(tmp_path: Path, limits: UploadLimits) -> None:
    store = JobStore(tmp_path, SystemClock())
    with pytest.raises(ConfigError):
        keep_limits(store, limits)
    store.close()


def test_the_hour_is_that_of_this_machines_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = UploadLimits(timetable=with_span((), span("wed 14-15"), 3e6))
    for zone, utc_hour in (("UTC", 14), ("Etc/GMT-2", 12)):  # POSIX signs: two hours ahead of UTC
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        wednesday_ns = (1_763_510_400 + utc_hour * 3600) * 10**9  # 2025-11-19
        assert hour_cap(limits, wednesday_ns) == 3e6
        assert hour_cap(limits, wednesday_ns - 1) is None
        assert hour_cap(limits, wednesday_ns + 3600 * 10**9) is None
    monkeypatch.undo()
    time.tzset()
    assert len(limits.timetable) == CELLS


def test_udp_keeps_to_the_cap_of_all() -> None:
    assert link_rules(Settings(), 8e6).total_cap_bytes_per_s == 1e6
    assert link_rules(Settings(), None).total_cap_bytes_per_s is None


@pytest.mark.parametrize(
    ("settings", "limits", "becomes"),
    [
        ({"rate_cap_mbps": 20}, None, UploadLimits(all_bps=20e6)),
        ({"rate_cap_mbps": 20.5}, {"all_bps": 80e6, "concurrent": 3}, UploadLimits(all_bps=20.5e6, concurrent=3)),
        ({"rate_cap_mbps": 80}, {"all_bps": 20e6}, UploadLimits(all_bps=20e6)),
        ({"rate_cap_mbps": 80}, {"all_bps": None}, UploadLimits(all_bps=80e6)),
        ({"rate_cap_mbps": None}, {"all_bps": 20e6}, UploadLimits(all_bps=20e6)),
        ({"rate_cap_mbps": None}, None, UploadLimits()),
        ({"rate_cap_mbps": 0}, None, UploadLimits()),
        ({"rate_cap_mbps": "fast"}, None, UploadLimits()),
        ("words", "words", UploadLimits()),
        ({}, {"all_bps": 20e6}, UploadLimits(all_bps=20e6)),
        (None, None, UploadLimits()),
    ],
)
def test_the_rate_limit_that_settings_had_goes_on_as_the_cap_of_all(
    tmp_path: Path, settings: object, limits: object, becomes: UploadLimits
) -> None:
    db = sqlite3.connect(tmp_path / DATABASE_NAME)
    for number, script in enumerate(MIGRATIONS[:7], 1):
        db.executescript(script)
        db.execute(f"PRAGMA user_version = {number}")
    for key, value in (("settings", settings), (LIMITS_KEY, limits)):
        if value is not None:
            db.execute("INSERT INTO setting VALUES (?, ?)", (key, json.dumps(value)))
    db.commit()
    db.close()
    store = JobStore(tmp_path, SystemClock())
    assert store.quarantined is None
    assert load_limits(store) == becomes
    store.close()
