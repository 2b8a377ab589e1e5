"""The reference's endpoints for races, from `/create_race` to `/end_race`, and a few beside them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask

from transfer_core.errors import NotFoundError
from transfer_core.events.telemetry import RaceState, RaceView, Role
from transfer_core.server.races.accounts import UserRole
from transfer_core.server.races.asking import (
    SessionUser,
    may_see,
    require_change,
    require_role,
    require_self,
    require_sight,
)
from transfer_core.telemetry.desk import TelemetryDesk

RUNNING = (RaceState.WAITING, RaceState.LIVE)
CHANNELS_MAX = 64
POINTS_MAX = 100_000
SourceId = Annotated[str, Query(max_length=200)]
ExportFormat = Annotated[str, Query(alias="format", max_length=20)]


class NewRace(BaseModel):
    """All may be left out: a race gets a name by itself, a free port, and takes all that LiftOff can send."""

    name: str = Field(default="race", max_length=200)
    udp_port: int = Field(default=0, ge=0, le=65_535)
    stream_format: list[str] | None = Field(default=None, max_length=64)
    decoder: str = Field(default="liftoff", max_length=20)
    destination: str | None = Field(default=None, max_length=200)


class RaceChange(BaseModel):
    """What is left out stays."""

    name: str | None = Field(default=None, max_length=200)
    owner: str | None = Field(default=None, max_length=64)


class NewMarker(BaseModel):
    """A named moment; without a time it is now."""

    text: str = Field(max_length=1000)
    time_ns: int | None = Field(default=None, ge=0, lt=1 << 63)


def viewers_port(request: Request) -> int:
    """Where viewers connect: a port of their own, or else the one that was asked at."""
    own: int | None = request.app.state.viewers_port
    return int(request.scope["server"][1]) if own is None else own


ViewersPort = Annotated[int, Depends(viewers_port)]


def race_routes(desk: TelemetryDesk, udp_host: str) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["races"])
    _add_running(router, desk, udp_host)
    _add_over(router, desk)
    _add_recordings(router, desk)
    return router


def _add_running(router: APIRouter, desk: TelemetryDesk, udp_host: str) -> None:
    """From the beginning of a race to its end."""

    @router.post("/create_race")
    def create_race(user: SessionUser, ws_port: ViewersPort, body: NewRace | None = None) -> dict[str, Any]:
        """Begin to record a UDP port."""
        require_role(user, UserRole.ENGINEER)
        new = body or NewRace()
        settings: dict[str, Any] | None = None if new.decoder == "liftoff" else {"decoder": new.decoder}
        if new.stream_format is not None:
            settings = {"decoder": new.decoder, "StreamFormat": new.stream_format}
        race = desk.create_race(
            new.name,
            new.udp_port,
            host=udp_host,
            settings=settings,
            owner=user.name,
            destination=new.destination,
        )
        return race_object(race, ws_port)

    @router.get("/list_races")
    def list_races(_user: SessionUser, ws_port: ViewersPort) -> dict[str, dict[str, Any]]:
        """Races that run, by id."""
        return {race.race_id: race_object(race, ws_port) for race in desk.races() if race.state in RUNNING}

    @router.get("/watch_race/{race_id}/{user_id}")
    def watch_race(race_id: str, user_id: int, user: SessionUser, ws_port: ViewersPort) -> dict[str, Any]:
        """Join as a viewer: any race that runs, or one that is over and was joined before."""
        require_self(user, user_id)
        race = desk.race(race_id)
        if race.state not in RUNNING:
            require_sight(user, race)
        return race_object(desk.watch_race(race_id, user.name), ws_port)

    @router.post("/join_race/{race_id}/{user_id}")
    def join_race(
        race_id: str, user_id: int, user: SessionUser, ws_port: ViewersPort, source: SourceId = ""
    ) -> dict[str, Any]:
        """Join as a pilot; `source` is the address and port that one's game sends from."""
        require_self(user, user_id)
        return race_object(desk.join_race(race_id, user.name, Role.PILOT, source), ws_port)

    @router.post("/mark_race/{race_id}")
    def mark_race(race_id: str, body: NewMarker, user: SessionUser) -> dict[str, Any]:
        """Name a moment."""
        require_sight(user, desk.race(race_id))
        marker = desk.mark(race_id, body.text, body.time_ns)
        return {"marker_id": marker.marker_id, "time_ns": marker.time_ns, "text": marker.text}

    @router.post("/save_race/{race_id}")
    def save_race(race_id: str, user: SessionUser, ws_port: ViewersPort) -> dict[str, Any]:
        """End it if it runs, and seal it as one MCAP file."""
        require_change(user, desk.race(race_id))
        return race_object(desk.save_race(race_id), ws_port)

    @router.delete("/end_race/{race_id}")
    def end_race(race_id: str, user: SessionUser, ws_port: ViewersPort) -> dict[str, Any]:
        """Stop recording."""
        require_change(user, desk.race(race_id))
        return race_object(desk.end_race(race_id), ws_port)


def _add_over(router: APIRouter, desk: TelemetryDesk) -> None:
    """Races that are over, and what may be changed of any."""

    @router.get("/saved_races")
    def saved_races(
        user: SessionUser, ws_port: ViewersPort, find: str = Query("", max_length=200)
    ) -> list[dict[str, Any]]:
        """Races that are over, of those that one may see."""
        races = desk.races(find=find, limit=10_000)
        return [race_object(race, ws_port) for race in races if race.state not in RUNNING and may_see(user, race)]

    @router.get("/user_races/{user_id}")
    def user_races(user_id: int, user: SessionUser, ws_port: ViewersPort) -> list[dict[str, Any]]:
        """Races that somebody owns or is in."""
        require_self(user, user_id)
        return [race_object(race, ws_port) for race in desk.races(limit=10_000) if may_see(user, race)]

    @router.put("/update_race/{race_id}")
    def update_race(race_id: str, body: RaceChange, user: SessionUser, ws_port: ViewersPort) -> dict[str, Any]:
        """Another name or owner."""
        require_change(user, desk.race(race_id))
        return race_object(desk.update_race(race_id, name=body.name, owner=body.owner), ws_port)

    @router.delete("/delete_race/{race_id}/{user_id}")
    def delete_race(race_id: str, user_id: int, user: SessionUser) -> dict[str, Any]:
        """Delete it with all that was recorded."""
        require_self(user, user_id)
        require_change(user, desk.race(race_id))
        desk.delete_race(race_id)
        return {"status": "success", "race_id": race_id}


def _add_recordings(router: APIRouter, desk: TelemetryDesk) -> None:
    """What was recorded."""

    @router.get("/replay_race/{race_id}")
    def replay_race(
        race_id: str,
        user: SessionUser,
        ws_port: ViewersPort,
        source: SourceId = "",
        channel: Annotated[list[str], Query(max_length=CHANNELS_MAX)] = [],  # noqa: B006 - FastAPI copies it
        points: Annotated[int, Query(ge=2, le=POINTS_MAX)] = 2000,
    ) -> dict[str, Any]:
        """What was recorded: sources, markers, and the asked channels (by default where they were) as series.

        Watch it again at ws://HOST:WS_PORT/replay/{race_id}.
        """
        race = desk.race(race_id)
        require_sight(user, race)
        sources = [each for each in desk.recorded_sources(race_id) if source in ("", each.source_id)]
        if source and not sources:
            raise NotFoundError(f"the race has no source {source!r}", hint="Leave it out to get all.")
        channels = channel or ["Timestamp", "PositionX", "PositionY", "PositionZ"]
        told = []
        for each in sources:
            sent = {known.name for known in each.channels}
            series = {name: _series(desk, race_id, each.source_id, name, points) for name in channels if name in sent}
            facts = {"source": each.source_id, "pilot": each.name, "samples": each.samples, "runs": each.runs}
            told.append({**facts, "channels": [known.name for known in each.channels], "series": series})
        markers = [{"time_ns": each.time_ns, "text": each.text} for each in desk.markers(race_id)]
        return {**race_object(race, ws_port), "sources": told, "markers": markers}

    @router.get("/export_race/{race_id}")
    def export_race(race_id: str, user: SessionUser, form: ExportFormat = "mcap") -> FileResponse:
        """The recording as `csv`, `parquet` or `mcap`."""
        require_sight(user, desk.race(race_id))
        folder = tempfile.TemporaryDirectory(prefix="drs-export-")
        try:
            done = desk.export(race_id, str(Path(folder.name) / f"{race_id}.{form}"), form)
        except BaseException:
            folder.cleanup()
            raise
        return FileResponse(done.path, filename=f"{race_id}.{form}", background=BackgroundTask(folder.cleanup))


def _series(desk: TelemetryDesk, race_id: str, source: str, channel: str, points: int) -> dict[str, Any]:
    series = desk.series(race_id, source, channel, points=points)
    return {
        "step_ns": series.step_ns,
        "time_ns": series.time_ns.tolist(),
        "low": series.low.tolist(),
        "high": series.high.tolist(),
    }


def race_object(race: RaceView, ws_port: int) -> dict[str, Any]:
    """A race in the reference's words, with our own beside them."""
    return {
        "race_id": race.race_id,
        "udp_port": race.udp_port,
        "ws_port": ws_port,
        "status": "started" if race.state in RUNNING else race.state.value,
        "name": race.name,
        "owner": race.owner,
        "created_at": race.created_at,
        "ended_at": race.ended_at,
        "start_ns": race.start_ns,
        "end_ns": race.end_ns,
        "datagrams": race.datagrams,
        "samples": race.samples,
        "size_bytes": race.size_bytes,
        "sources": list(race.sources),
        "members": [{"name": each.name, "role": each.role.value, "source": each.source_id} for each in race.members],
        "error": race.error,
    }
