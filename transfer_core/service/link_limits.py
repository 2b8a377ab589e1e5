"""What a link may, as one value beside the settings that keep it: its role, its cap and its data plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from transfer_core.service.values import Settings

ROLES = ("primary", "overflow", "backup")


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """0 Mbit/s is no cap, 0 bytes is no quota; a quota begins anew on that day of the month."""

    role: str = ROLES[0]
    cap_mbps: float = 0.0
    quota_bytes: int = 0
    reset_day: int = 1


def limits_of(settings: Settings, link: str) -> LinkLimits:
    """What that link may by these settings."""
    quota = settings.link_quotas.get(link, {})
    return LinkLimits(
        settings.link_roles.get(link, ROLES[0]),
        settings.link_caps_mbps.get(link, 0.0),
        quota.get("limit_bytes", 0),
        quota.get("reset_day", 1),
    )


def with_limits(settings: Settings, link: str, limits: LinkLimits) -> Settings:
    """The same settings but for that link; what is as by default is not kept."""
    quota = {"limit_bytes": limits.quota_bytes, "reset_day": limits.reset_day}
    return replace(
        settings,
        link_roles=_put(settings.link_roles, link, "" if limits.role == ROLES[0] else limits.role),
        link_caps_mbps=_put(settings.link_caps_mbps, link, limits.cap_mbps),
        link_quotas=_put(settings.link_quotas, link, quota if limits.quota_bytes else None),
    )


def _put(values: Mapping[str, Any], key: str, value: object) -> dict[str, Any]:
    others = {each: kept for each, kept in values.items() if each != key}
    return {**others, key: value} if value else others
