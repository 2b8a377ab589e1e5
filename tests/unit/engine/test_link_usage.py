"""What links have carried, over restarts, renewal days and clocks that jump."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from transfer_core.engine.link_usage import USAGE_KEY, LinkUsage
from transfer_core.jobs.store import JobStore
from transfer_core.links.quota import LinkQuota
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


def test_what_was_kept_and_makes_no_sense_counts_as_nothing(tmp_path: Path) -> None:
    store = JobStore(tmp_path, ManualClock())
    store.set_setting(USAGE_KEY, {"lte": {"period": 5, "used_bytes": 1}, "wifi": {"used_bytes": -1}, "sat": "much"})
    usage = LinkUsage(store, ManualClock())
    assert [usage.of(link).used_bytes for link in ("lte", "wifi", "sat")] == [0, 0, 0]
    store.close()
