"""The local API: REST and WebSocket over the service's verbs, for programs on this machine.

It listens on loopback only, and answers only requests that name a loopback host, so that a web page elsewhere can't
reach it through a name that it controls (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, File, Form, Request, Response, UploadFile, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from transfer_core.config import parse_priority, priority_name
from transfer_core.errors import DrsError, NoAnswer, NotFoundError, PortInUse, UsageError
from transfer_core.events import JobsChanged, JobView, LinksChanged, LinkState, LinkView
from transfer_core.server.invalid_request import explain_invalid
from transfer_core.server.link_routes import link_routes
from transfer_core.server.loopback import is_loopback, names_this_machine
from transfer_core.server.small_bodies import SmallBodies
from transfer_core.server.strict_body import StrictBody
from transfer_core.server.told_error import told_hint
from transfer_core.server.upload_routes import upload_routes
from transfer_core.server.watch_routes import watch_routes
from transfer_core.service import Subscription, TransferService
from transfer_core.service.pace import ANSWER_S
from transfer_core.storage.safe_path import free_name, safe_name

PUSH_S = 0.25
STOP_WAIT_S = 5.0
FILE_UPLOAD = "/api/files/upload"
TAKES_LONG = (FILE_UPLOAD, "/api/destinations", "/api/watches", "/api/webhooks")
"""What takes what it takes: a body of any size, another machine, a folder that is walked through."""
COPY_BYTES = 1 << 20
_USABLE = frozenset({LinkState.UP, LinkState.IDLE, LinkState.DEGRADED, LinkState.RETURNING})


class PriorityBody(StrictBody):
    """1 to 10, or a name."""

    priority: str | int


class LinkBody(StrictBody):
    """A link by its name."""

    link: str


class ConditionsBody(LinkBody):
    """What a link is to be like: the keys of a simulation file; none takes it off."""

    conditions: dict[str, float] | None = None


def link_object(link: LinkView) -> dict[str, Any]:
    """A link in the reference's words, with our own beside them."""
    score = link.score
    return {
        "name": link.name,
        "interface": link.device,
        "type": link.kind.value,
        "state": link.state.value,
        "why": link.why,
        "role": link.role,
        "throughput": None if link.throughput_bps is None else link.throughput_bps / 1e6,
        "rtt": link.rtt_ms,
        "packet_loss": link.loss,
        "jitter": link.jitter_ms,
        "stability": None if score is None else score.stability,
        "score": None if score is None else score.score,
        "score_terms": None if score is None else asdict(score),
        "rate_cap_mbps": None if link.rate_cap_bps is None else link.rate_cap_bps / 1e6,
        "used_bytes": link.used_bytes,
        "quota_bytes": link.quota_bytes,
        "quota_renews": link.quota_renews,
    }


def file_object(job: JobView) -> dict[str, Any]:
    """A job in the reference's words."""
    return {
        "file_id": job.file_id,
        "file_path": job.path,
        "file_size": job.size,
        "file_hash": job.file_hash,
        "priority": priority_name(job.priority),
        "status": job.status.value,
        "bytes_done": job.bytes_done,
        "progress": 1.0 if job.size == 0 else job.bytes_done / job.size,
        "rate_mbps": job.rate_bps / 1e6,
        "eta_s": job.eta_s,
        "attempts": job.attempts,
        "reason": job.reason,
        "error": job.error,
        "destination": job.destination,
        "created_at": job.created_at,
        "completed_at": job.completed_at,
        "links": dict(job.links),
    }


def build_app(service: TransferService, spool: Path) -> FastAPI:
    """The application. Uploaded files are kept in `spool` until they are sent."""
    app = FastAPI(
        title="DRS-SYNC", description="The local API of one agent.", version="1", default_response_class=AnyNameResponse
    )
    app.add_middleware(SmallBodies, answer=_error_answer, streamed=frozenset({FILE_UPLOAD}))

    @app.middleware("http")
    async def only_this_machine(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if not names_this_machine(request.headers.get("host"), request.headers.get("origin")):
            return JSONResponse({"code": "E_SECURITY", "message": "only this machine may ask"}, 403)
        if request.url.path.startswith(TAKES_LONG):
            return await call_next(request)
        answer = asyncio.ensure_future(call_next(request))
        await asyncio.wait({answer}, timeout=ANSWER_S)
        if answer.done():
            return answer.result()
        answer.cancel()  # the verb's thread can't be: it is waited for no longer
        return _error_answer(NoAnswer(f"no answer within {ANSWER_S:.0f} s"))

    @app.exception_handler(DrsError)
    async def explain(_: Request, error: DrsError) -> JSONResponse:
        return _error_answer(error)

    app.add_exception_handler(RequestValidationError, explain_invalid)
    _add_links(app, service)
    app.include_router(link_routes(service))
    _add_files(app, service, spool)
    app.include_router(upload_routes(service))
    app.include_router(watch_routes(service))
    _add_simulator(app, service)
    _add_socket(app, service)
    return app


class AnyNameResponse(JSONResponse):
    """JSON in ASCII, so that names of files which are no valid Unicode can be told, as `\\udcff`."""

    def render(self, content: Any) -> bytes:
        """See `JSONResponse`."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def _error_answer(error: DrsError) -> JSONResponse:
    return AnyNameResponse({"code": error.code, "message": error.message, "hint": told_hint(error)}, error.http_status)


def _add_links(app: FastAPI, service: TransferService) -> None:
    @app.get("/api/links")
    def links() -> list[dict[str, Any]]:
        """All links with their figures."""
        return [link_object(link) for link in service.links()]

    @app.get("/api/links/best")
    def best() -> dict[str, Any]:
        """The usable link with the highest score."""
        live = [link for link in service.links() if link.state in _USABLE]
        if not live:
            raise NotFoundError("no link is usable")
        return link_object(max(live, key=lambda link: -1.0 if link.score is None else link.score.score))


def _add_files(app: FastAPI, service: TransferService, spool: Path) -> None:
    @app.post(FILE_UPLOAD)
    def upload(
        file: Annotated[UploadFile, File()],
        priority: Annotated[str, Form()] = "normal",
        destination: Annotated[str | None, Form()] = None,
    ) -> dict[str, Any]:
        """Queue an uploaded file."""
        rank = parse_priority(priority)
        spool.mkdir(parents=True, exist_ok=True)
        place = free_name(spool / safe_name(Path(file.filename or "upload").name))
        try:
            with place.open("xb") as out:
                while block := file.file.read(COPY_BYTES):
                    out.write(block)
            result = service.add_paths([str(place)], destination=destination, priority=rank, source="api")
            if not result.added:
                raise UsageError(result.skipped[0].why)
        except (DrsError, OSError):
            place.unlink(missing_ok=True)
            raise
        return file_object(result.added[0])

    @app.get("/api/files")
    def files() -> list[dict[str, Any]]:
        """The queue in its order."""
        return [file_object(job) for job in service.jobs()]

    @app.get("/api/files/{file_id}")
    def one(file_id: str) -> dict[str, Any]:
        """One file."""
        return file_object(service.job(file_id))

    @app.post("/api/files/{file_id}/transfer")
    def transfer(file_id: str) -> dict[str, Any]:
        """Start now: a paused, failed or waiting file is tried at once."""
        job = service.job(file_id)
        if job.status.value == "paused":
            service.resume([file_id])
        elif job.status.value != "uploading":
            service.retry([file_id])
        return file_object(service.job(file_id))

    verbs: Mapping[str, Callable[[list[str]], None]] = {
        "pause": service.pause,
        "resume": service.resume,
        "cancel": service.cancel,
    }
    for name, verb in verbs.items():
        app.post(f"/api/files/{{file_id}}/{name}", name=name)(_file_verb(service, verb))

    @app.put("/api/files/{file_id}/priority")
    def reprioritise(file_id: str, wanted: PriorityBody) -> dict[str, Any]:
        """Another priority: 1 to 10 or a name."""
        service.set_priority([file_id], parse_priority(wanted.priority))
        return file_object(service.job(file_id))


def _file_verb(service: TransferService, verb: Callable[[list[str]], None]) -> Callable[[str], dict[str, Any]]:
    def act(file_id: str) -> dict[str, Any]:
        verb([file_id])
        return file_object(service.job(file_id))

    return act


def _add_simulator(app: FastAPI, service: TransferService) -> None:
    @app.post("/api/simulator/config")
    def configure(wanted: ConditionsBody) -> dict[str, Any]:
        """Lay conditions (the keys of a simulation file) over a link; none takes them off."""
        service.simulate_link(wanted.link, wanted.conditions)
        return {"link": wanted.link, "conditions": wanted.conditions}

    @app.post("/api/simulator/kill-link")
    def kill(wanted: LinkBody) -> dict[str, Any]:
        """Drop everything on a link."""
        service.kill_link(wanted.link)
        return {"link": wanted.link, "killed": True}

    @app.post("/api/simulator/restore-link")
    def restore(wanted: LinkBody) -> dict[str, Any]:
        """Undo kill-link."""
        service.restore_link(wanted.link)
        return {"link": wanted.link, "killed": False}


def _add_socket(app: FastAPI, service: TransferService) -> None:
    @app.websocket("/ws")
    async def push(websocket: WebSocket) -> None:
        """`link_metrics` and `transfer_progress` messages, four times a second while there is news."""
        if not names_this_machine(websocket.headers.get("host"), websocket.headers.get("origin")):
            await websocket.close(1008)
            return
        await websocket.accept()
        async with _subscribed(service) as subscription:
            with contextlib.suppress(WebSocketDisconnect):
                while True:
                    for message in _messages(subscription):
                        await websocket.send_text(json.dumps(message))
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(websocket.receive_text(), PUSH_S)


@contextlib.asynccontextmanager
async def _subscribed(service: TransferService) -> AsyncIterator[Subscription]:
    subscription = await run_in_threadpool(service.subscribe)
    try:
        yield subscription
    finally:
        subscription.close()


def _messages(subscription: Subscription) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for event in subscription.drain():
        if isinstance(event, LinksChanged):
            messages.append({"type": "link_metrics", "data": [link_object(link) for link in event.links]})
        elif isinstance(event, JobsChanged):
            messages.append({"type": "transfer_progress", "data": [file_object(job) for job in event.jobs]})
    return messages


class LocalApi:
    """Serves the API from a thread of its own, from `start` to `stop`."""

    def __init__(self, service: TransferService, address: tuple[str, int], spool: Path | None = None) -> None:
        if not is_loopback(address[0]):
            raise UsageError(f"the API listens on loopback only, not on {address[0]}", hint="Use --api 127.0.0.1:PORT.")
        self._wanted = address
        self._app = build_app(service, spool or Path.home() / ".local" / "state" / "drs-sync" / "spool")
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        assert self._socket is not None
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Listen. PortInUse."""
        family = socket.AF_INET6 if ":" in self._wanted[0] else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(self._wanted)
            listener.listen(64)
        except OSError as error:
            listener.close()
            raise PortInUse(
                f"TCP {self._wanted[0]}:{self._wanted[1]} is in use", hint="Choose another --api."
            ) from error
        self._socket = listener
        config = uvicorn.Config(self._app, log_level="error", access_log=False, ws="websockets-sansio", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="local-api", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving. May be called twice."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(STOP_WAIT_S)
            self._server = None
        if self._socket is not None:
            self._socket.close()
