"""What links have carried, over restarts, renewal days and clocks that jump."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from transfer_core.engine.link_usage import USAGE_KEY, LinkUsage
from transfer_core.jobs.store import JobStore
from transfer_core.links.quota import LinkQuota, Usage
from transfer_core.sim.manual_clock import ManualClock
from transfer_core.units import NS_PER_S

DAY_NS = 86_400 * NS_PER_S
GB = 10**9


def _at(text: str) -> ManualClock:
    return ManualClock(wall_ns=int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS_PER_S)


def _usage(folder: Path, clock: ManualClock) -> tuple[JobStore, LinkUsage]:
    store = JobStore(folder, clock)
    usage = LinkUsage(store, clock)
    usage.set_quotas({"lte": LinkQuota(2 * GB, 15)})
    return store, usage


def test_what_was_carried_outlives_the_agent_and_ends_on_the_renewal_day(tmp_path: Path) -> None:
    clock = _at("2026-11-14T23:00:00")
    store, usage = _usage(tmp_path, clock)
    usage.add("lte", 2 * GB)
    usage.add("wifi", 5 * GB)
    assert usage.why_spent("lte") == "its quota is used up until 2026-11-15"
    assert usage.why_spent("wifi") == ""
    usage.save()
    store.close()
    store, usage = _usage(tmp_path, clock)
    assert usage.of("lte").used_bytes == 2 * GB
    assert usage.why_spent("lte")
    clock.advance(2 * 3600 * NS_PER_S)
    assert usage.of("lte").used_bytes == 0
    assert usage.why_spent("lte") == ""
    assert usage.of("wifi").used_bytes == 5 * GB
    usage.add("lte", GB)
    usage.save()
    store.close()
    store, usage = _usage(tmp_path, clock)
    assert usage.of("lte").used_bytes == GB
    store.close()


def test_a_clock_that_goes_back_and_comes_again_gives_no_allowance_twice(tmp_path: Path) -> None:
    clock = _at("2026-11-20T12:00:00")
    store, usage = _usage(tmp_path, clock)
    usage.add("lte", 2 * GB)
    for by_days in (-20, -10_000, 10_000, 20):
        clock.jump_wall(by_days * DAY_NS)
        assert usage.why_spent("lte")
        usage.add("lte", 1)
        usage.save()
        usage = LinkUsage(store, clock)
        usage.set_quotas({"lte": LinkQuota(2 * GB, 15)})
    assert usage.of("lte").used_bytes == 2 * GB + 4
    store.close()


def test_a_clock_that_was_far_ahead_and_is_put_right_takes_no_allowance_and_gives_none(tmp_path: Path) -> None:
    clock = _at("2026-11-20T12:00:00")
    store, usage = _usage(tmp_path, clock)
    usage.add("lte", GB)
    clock.jump_wall(4_100 * DAY_NS)  # 2038
    assert usage.of("lte").period == "2038-01-15"
    for _ in range(2):
        usage.add("lte", GB // 4)
        usage.save()
        usage = LinkUsage(store, clock)
        usage.set_quotas({"lte": LinkQuota(2 * GB, 15)})
    clock.jump_wall(-4_100 * DAY_NS)
    assert (usage.of("lte").period, usage.of("lte").used_bytes) == ("2026-11-15", GB + GB // 2)
    usage.add("lte", GB // 2)
    assert usage.why_spent("lte") == "its quota is used up until 2026-12-15"
    usage.save()
    usage = LinkUsage(store, clock)
    usage.set_quotas({"lte": LinkQuota(2 * GB, 15)})
    assert usage.why_spent("lte")
    clock.advance(27 * DAY_NS)
    assert usage.of("lte").used_bytes == 0
    store.close()


def test_a_count_that_an_older_version_left_in_the_future_is_one_of_now(tmp_path: Path) -> None:
    store = JobStore(tmp_path, ManualClock())
    store.set_setting(USAGE_KEY, {"lte": {"period": "2038-01-15", "used_bytes": 3 * GB}})
    usage = LinkUsage(store, _at("2026-11-20T12:00:00"))
    usage.set_quotas({"lte": LinkQuota(2 * GB, 15)})
    assert usage.why_spent("lte") == "its quota is used up until 2026-12-15"
    store.close()


@pytest.mark.parametrize(
    "more",
    [
        {"other_names": 5, "before": 5},
        {"other_names": ["x", 5], "before": [5, {"period": "x", "used_bytes": 1}, {}]},
        {"other_names": None, "before": None},
    ],
)
def test_of_what_was_kept_only_what_makes_sense_counts(tmp_path: Path, more: dict[str, object]) -> None:
    store = JobStore(tmp_path, ManualClock())
    store.set_setting(USAGE_KEY, {"lte": {"period": "2026-11-15", "used_bytes": 7, **more}})
    usage = LinkUsage(store, _at("2026-11-20T12:00:00"))
    usage.set_quotas({"lte": LinkQuota(2 * GB, 15)})
    assert usage.of("lte") == Usage("2026-11-15", 7)
    store.close()


def test_what_was_kept_and_makes_no_sense_counts_as_nothing(tmp_path: Path) -> None:
    store = JobStore(tmp_path, ManualClock())
    store.set_setting(
        USAGE_KEY,
        {
            "lte": {"period": 5, "used_bytes": 1},
            "wifi": {"used_bytes": -1},
            "sat": "much",
            "5g": {"period": "soon", "used_bytes": 9},
        },
    )
    usage = LinkUsage(store, ManualClock())
    assert [usage.of(link).used_bytes for link in ("lte", "wifi", "sat", "5g")] == [0, 0, 0, 0]
    store.close()
