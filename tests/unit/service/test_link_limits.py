from __future__ import annotations

from transfer_core.service import Settings
from transfer_core.service.link_limits import LinkLimits, limits_of, with_limits


def test_what_is_put_in_comes_out_and_other_links_stay() -> None:
    settings = Settings(link_roles={"wifi": "backup"}, link_caps_mbps={"wifi": 5.0})
    limits = LinkLimits("overflow", 20.0, 16_000_000_000, 12)
    changed = with_limits(settings, "lte", limits)
    assert limits_of(changed, "lte") == limits
    assert limits_of(changed, "wifi") == LinkLimits("backup", 5.0)
    assert with_limits(changed, "lte", limits_of(settings, "lte")) == settings


def test_a_link_that_nothing_is_said_of_is_primary_without_limits() -> None:
    assert limits_of(Settings(), "lte") == LinkLimits("primary", 0.0, 0, 1)


def test_nothing_is_kept_of_what_is_as_by_default() -> None:
    limited = with_limits(Settings(), "lte", LinkLimits("backup", 1.0, 2, 3))
    assert with_limits(limited, "lte", LinkLimits()) == Settings()
