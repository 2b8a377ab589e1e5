"""The coordinator over HTTP: the reference's endpoints and more, live at `/ws`; the relay's /docs shows it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Query, Request, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from transfer_core.errors import CredentialRefused, DrsError
from transfer_core.events.sync import SyncVersionView
from transfer_core.server.api_document import ERROR_ANSWERS
from transfer_core.server.coordinator.desk import CoordinatorDesk
from transfer_core.server.coordinator.live import Listener, LiveFeed
from transfer_core.server.coordinator.model import (
    ConflictOut,
    ConflictSide,
    EventOut,
    FileOut,
    FolderOut,
    MetricsOut,
    NodeIn,
    NodeOut,
    Registered,
    SampleOut,
    SavingOut,
    TopologyOut,
    VectorOut,
)
from transfer_core.server.invalid_request import explain_invalid
from transfer_core.server.small_bodies import SmallBodies
from transfer_core.server.told_error import error_object

LIMIT_MAX = 1000


def build_app(desk: CoordinatorDesk, feed: LiveFeed) -> FastAPI:
    """The application. Routes run in worker threads, since the stores block."""
    app = FastAPI(
        title="DRS-SYNC coordinator",
        description="Machines that share folders through this relay. It shows what happens; it never decides content.",
        version="1",
        responses=ERROR_ANSWERS,
        docs_url=None,
        openapi_url=None,
        redoc_url=None,
    )
    app.add_middleware(SmallBodies, answer=_answer)
    _add_nodes(app, desk, feed)
    _add_folders(app, desk)
    _add_figures(app, desk)
    _add_live(app, desk, feed)

    @app.exception_handler(DrsError)
    async def refuse(_: Request, error: DrsError) -> JSONResponse:
        return _answer(error)

    app.add_exception_handler(RequestValidationError, explain_invalid)
    return app


def _answer(error: DrsError) -> JSONResponse:
    return JSONResponse(error_object(error), error.http_status)


def _add_nodes(app: FastAPI, desk: CoordinatorDesk, feed: LiveFeed) -> None:
    @app.post("/api/register", tags=["nodes"])
    def register(node: NodeIn, request: Request) -> Registered:
        """Register a paired machine, or renew what is known of it. 403 for a key that is not paired."""
        asker: bytes | None = request.state.agent
        if asker is not None and desk.agent(node.node_id).public_key != asker:
            raise CredentialRefused("a machine registers itself alone")
        is_new, record = desk.register(node)
        feed.say("topology", **desk.topology().model_dump())
        said = "registered" if is_new else "renewed"
        return Registered(status=said, node_id=record.node_id, message=f"{record.name} is {said}")

    @app.get("/api/nodes", tags=["nodes"])
    def nodes() -> list[NodeOut]:
        """All registered machines, and which of them are connected."""
        return desk.nodes()

    @app.delete("/api/nodes/{node_id}", tags=["nodes"], status_code=204)
    def forget(node_id: str, request: Request) -> None:
        """Drop a registration. Its pairing, and the folders that it shares, stay."""
        if request.state.agent is not None and request.state.agent.hex() != node_id.lower():
            raise CredentialRefused("a machine drops itself alone")
        desk.forget(node_id)

    @app.get("/api/topology", tags=["nodes"])
    def topology() -> TopologyOut:
        """Who is connected to this relay, over which ways, with their rates."""
        return desk.topology()


def _add_folders(app: FastAPI, desk: CoordinatorDesk) -> None:
    limits = Query(default=200, ge=1, le=LIMIT_MAX)

    @app.get("/api/sync/folders", tags=["folders"])
    def folders() -> list[FolderOut]:
        """The folders that are shared through this relay."""
        return desk.folders()

    @app.get("/api/sync/folders/{name}/files", tags=["folders"])
    def files(name: str, find: str = "", limit: int = limits) -> list[FileOut]:
        """Paths of a folder, deleted ones too, newest edit first."""
        found = desk.verbs.files(name, find=find, limit=limit)
        return [FileOut(path=f.path, what=f.what, size_bytes=f.size_bytes, by=f.by, at=f.at) for f in found]

    @app.get("/api/sync/folders/{name}/vectors/{path:path}", tags=["folders"])
    def vectors(name: str, path: str) -> list[VectorOut]:
        """What each machine has of a path, with its version vector; this relay first."""
        return [
            VectorOut(
                holder=each.holder,
                what=each.what,
                size_bytes=each.size_bytes,
                by=each.by,
                at=each.at,
                vector_clock=dict(each.counters),
                standing=each.standing,
            )
            for each in desk.verbs.vectors(name, path)
        ]

    @app.get("/api/sync/conflicts", tags=["folders"])
    def conflicts(folder: str | None = None) -> list[ConflictOut]:
        """Files that were edited on two sides at once; both versions are kept."""
        return [
            ConflictOut(
                folder=each.folder,
                path=each.path,
                in_place=None if each.in_place is None else _side(each.in_place),
                beside=_side(each.beside),
            )
            for each in desk.verbs.conflicts(folder)
        ]

    @app.get("/api/sync/delta", tags=["folders"])
    def delta(folder: str | None = None, limit: int = limits) -> list[SavingOut]:
        """What each file has cost on the wire, beside a full copy and beside compression alone."""
        return [
            SavingOut(
                folder=each.folder,
                path=each.path,
                at=each.at,
                times=each.times,
                full_bytes=each.full_bytes,
                wire_bytes=each.wire_bytes,
                compressed_bytes=each.packed_bytes,
            )
            for each in desk.verbs.savings(folder, limit=limit)
        ]


def _side(version: SyncVersionView) -> ConflictSide:
    return ConflictSide(path=version.path, by=version.by, at=version.at, size_bytes=version.size_bytes)


def _add_figures(app: FastAPI, desk: CoordinatorDesk) -> None:
    @app.get("/api/metrics", tags=["figures"])
    def metrics() -> MetricsOut:
        """Success rate, latency, bandwidth saved, machines: measured, null where nothing is."""
        return desk.metrics()

    @app.get("/api/sync/samples", tags=["figures"])
    def samples(
        since_s: float = Query(default=3600.0, ge=0, le=31_536_000), limit: int = Query(default=600, ge=1, le=10_000)
    ) -> list[SampleOut]:
        """The same over time, oldest first."""
        return desk.samples(since_s, limit)

    @app.get("/api/sync/events", tags=["figures"])
    def events(
        after: int | None = Query(default=None, ge=0, le=(1 << 63) - 1),
        limit: int = Query(default=200, ge=1, le=LIMIT_MAX),
    ) -> list[EventOut]:
        """What happened: the newest lines, or those after a number."""
        found = desk.store.newest(limit) if after is None else desk.store.happenings(after, limit)
        return [
            EventOut(number=number, at=line.at, folder=line.folder, what=line.what, path=line.path, text=line.text)
            for number, line in found
        ]


def _add_live(app: FastAPI, desk: CoordinatorDesk, feed: LiveFeed) -> None:
    @app.websocket("/ws")
    async def live(socket: WebSocket) -> None:
        """`snapshot` first, then `progress`, `event` and `topology` as they come."""
        await socket.accept()
        listener = Listener()
        feed.add(listener)
        try:
            await socket.send_json(await run_in_threadpool(_snapshot, desk))
            while (message := await listener.next()) is not None:
                await socket.send_json(message)
            await socket.close(1001)
        except (WebSocketDisconnect, RuntimeError):
            return
        finally:
            feed.remove(listener)


def _snapshot(desk: CoordinatorDesk) -> dict[str, Any]:
    return {
        "type": "snapshot",
        "folders": [each.model_dump() for each in desk.folders()],
        "topology": desk.topology().model_dump(),
        "metrics": desk.metrics().model_dump(),
    }
