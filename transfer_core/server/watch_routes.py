"""The local API's part about watched folders: what is watched and how it goes, triggers, and what a person may ask."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from transfer_core.errors import NotFoundError
from transfer_core.events.watch_words import watch_object
from transfer_core.events.watches import WatchSpec, WatchView
from transfer_core.server.strict_body import StrictBody
from transfer_core.service import TransferService

TEXT_MAX = 4096
CONFIG_MAX = 1 << 20


class WatchBody(StrictBody):
    """A folder to be watched; see `drs-sync watch add`."""

    name: str = Field(max_length=80)
    directory: str = Field(max_length=TEXT_MAX)
    destination: str = Field(max_length=80)
    pattern: str = Field(default="*", max_length=TEXT_MAX)
    start_after: str = Field(default="", max_length=TEXT_MAX)
    lookahead: int = 4
    stable_ms: float = Field(default=5.0, allow_inf_nan=False)
    file_wait_ms: float = Field(default=10.0, allow_inf_nan=False)
    max_files: int = 0
    dest_path: str = Field(default="", max_length=TEXT_MAX)
    preserve_structure: bool = False
    priority: int = 5
    once: bool = False
    delete_after: bool = Field(default=False, description="Delete a source once its arrival is verified")
    cleanup_part_files: bool = False
    on_trigger: bool = False

    def spec(self) -> WatchSpec:
        """In the service's words. UsageError."""
        return WatchSpec(**self.model_dump())


class CamerasBody(StrictBody):
    """The text of a camera_config.json, and what all its watches have in common."""

    config: str = Field(max_length=CONFIG_MAX)
    settings: WatchBody


class TriggerBody(StrictBody):
    """A frame, and what is to become of its place."""

    frame_id: str = Field(max_length=TEXT_MAX)
    ball_id: str = Field(default="", max_length=TEXT_MAX)


def watch_routes(service: TransferService) -> APIRouter:
    """The routes over a service."""
    router = APIRouter(tags=["watches"])

    @router.get("/api/watches")
    def watches() -> list[dict[str, Any]]:
        """All watched folders, as they are now."""
        return [_object(view) for view in service.watches.views()]

    @router.post("/api/watches")
    def add(new: WatchBody) -> dict[str, Any]:
        """Watch a folder from now on."""
        return _object(service.watches.add(new.spec()))

    @router.post("/api/watches/import")
    def import_cameras(cameras: CamerasBody) -> list[dict[str, Any]]:
        """Watch each camera of a configuration, all or none; of `settings` name and places do not count."""
        return [_object(view) for view in service.watches.import_cameras(cameras.config, cameras.settings.spec())]

    @router.post("/api/watches/trigger")
    def trigger(frames: TriggerBody) -> dict[str, Any]:
        """Send this frame and those after it, of all armed cameras; answers before it copies."""
        return asdict(service.watches.trigger(frames.frame_id, frames.ball_id))

    _add_verbs(router, service)
    return router


def _add_verbs(router: APIRouter, service: TransferService) -> None:
    @router.get("/api/watches/{name}")
    def watch(name: str) -> dict[str, Any]:
        """One of them."""
        return _one(service, name)

    @router.post("/api/watches/{name}/pause")
    def pause(name: str) -> dict[str, Any]:
        """Take no new frames; what is queued goes on."""
        service.watches.pause(name)
        return _one(service, name)

    @router.post("/api/watches/{name}/resume")
    def resume(name: str) -> dict[str, Any]:
        """Go on, or begin again after the end."""
        service.watches.resume(name)
        return _one(service, name)

    @router.post("/api/watches/{name}/rescan")
    def rescan(name: str) -> dict[str, Any]:
        """Look at everything in the folder again."""
        service.watches.rescan(name)
        return _one(service, name)

    @router.delete("/api/watches/{name}")
    def remove(name: str) -> dict[str, Any]:
        """Watch it no more; what is queued goes on, and no file is deleted."""
        service.watches.remove(name)
        return {"removed": name}


def _object(view: WatchView) -> dict[str, Any]:
    return watch_object(view, time.monotonic_ns())


def _one(service: TransferService, name: str) -> dict[str, Any]:
    view = next((view for view in service.watches.views() if view.spec.name == name), None)
    if view is None:
        raise NotFoundError(f"there is no watch {name!r}")
    return _object(view)
