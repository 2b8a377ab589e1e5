"""The local API's part about how links share the work: the policy, and what each link may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as InPath
from pydantic import Field

from transfer_core.config import Policy
from transfer_core.server.strict_body import StrictBody
from transfer_core.service import TransferService
from transfer_core.service.link_limits import LinkLimits, limits_of, with_limits

Name = Annotated[str, InPath(max_length=80)]


class PolicyBody(StrictBody):
    """How the links are to share the work."""

    policy: Policy


class LinkLimitsBody(StrictBody):
    """What may be changed of a link; what is left out stays."""

    role: str = Field(default="primary", max_length=20, description="primary, overflow or backup")
    cap_mbps: float = Field(default=0.0, description="At most so many Mbit/s; 0: no cap")
    quota_bytes: int = Field(default=0, description="Data in a month, both ways; 0: no quota")
    reset_day: int = Field(default=1, description="Day of the month on which the quota begins anew")


def link_routes(service: TransferService) -> APIRouter:
    """The routes over a service. All hold at once, also in the middle of a transfer, and are kept."""
    router = APIRouter(tags=["links"])

    @router.get("/api/policy")
    def policy() -> dict[str, Any]:
        """How the links share the work."""
        return {"policy": service.settings().policy.value}

    @router.put("/api/policy")
    def change_policy(wanted: PolicyBody) -> dict[str, Any]:
        """`bonded`: all links; `best`: one at a time; `redundant`: every byte on two."""
        service.change_settings(replace(service.settings(), policy=wanted.policy))
        return {"policy": service.settings().policy.value}

    @router.get("/api/links/{name}/limits")
    def limits(name: Name) -> dict[str, Any]:
        """What a link may."""
        return _object(name, limits_of(service.settings(), name))

    @router.put("/api/links/{name}/limits")
    def change_limits(name: Name, wanted: LinkLimitsBody) -> dict[str, Any]:
        """Change what is named."""
        named: Mapping[str, Any] = wanted.model_dump(include=wanted.model_fields_set)
        settings = service.settings()
        service.change_settings(with_limits(settings, name, replace(limits_of(settings, name), **named)))
        return _object(name, limits_of(service.settings(), name))

    return router


def _object(name: str, limits: LinkLimits) -> dict[str, Any]:
    return {"name": name, **asdict(limits)}
