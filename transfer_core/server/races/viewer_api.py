"""Viewers: `/race/{udp_port}` shows a race as it runs, `/replay/{race_id}` one that is over, in the same frames.

A viewer says who it is with `Authorization: Bearer TOKEN`, or with its first message, `{"token": "..."}`; a token in
the address is refused, since addresses are logged. `?rate=10` asks for at most so many frames a second. A replay is
steered by messages such as `{"do": "seek", "position_s": 12.5}`; each is answered with where the replay stands.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool

from transfer_core.errors import CredentialRefused, DrsError, UsageError
from transfer_core.events.telemetry import RaceView, ReplayView
from transfer_core.server.loopback import names_this_machine
from transfer_core.server.races.accounts import User
from transfer_core.server.races.asking import Asking, may_see
from transfer_core.server.races.fan_out import RATE_DEFAULT_HZ, RATE_MAX_HZ, Channel, Tick
from transfer_core.server.races.race_api import RUNNING
from transfer_core.server.told_error import told_hint
from transfer_core.telemetry.desk import TelemetryDesk
from transfer_core.units import NS_PER_S

HELLO_S = 5.0  # to say who it is
SEND_S = 20.0  # a viewer that takes nothing for so long has gone
LOOK_S = 1.0  # how often a silent race is looked at, whether it is over
VIEWERS_MAX = 200
MESSAGE_MAX = 4096
REFUSED, NOT_FOUND, TOO_MANY = 4001, 4004, 4029  # close codes; 4004 is the reference's


class ViewerApi:
    """The routes, and a channel for each race and replay that is watched."""

    def __init__(self, desk: TelemetryDesk, asking: Asking, *, local_only: bool) -> None:
        self._desk, self._asking, self._local_only = desk, asking, local_only
        self._channels: dict[str, Channel] = {}
        self._viewers = 0
        self.router = APIRouter()
        self.router.add_api_websocket_route("/race/{udp_port}", self.race)
        self.router.add_api_websocket_route("/replay/{race_id}", self.replay)

    async def race(self, websocket: WebSocket, udp_port: int) -> None:
        """A race as it runs."""
        user = await self._greet(websocket)
        if user is None:
            return
        race = await run_in_threadpool(self._race_at, udp_port, user)
        if race is None:
            await _close(websocket, NOT_FOUND, "Race not found")
            return
        desk, race_id = self._desk, race.race_id
        channel = self._channels.get(race_id)
        if channel is None:
            channel = Channel("live", lambda: desk.newest(udp_port), desk.pilot_names)
            self._channels[race_id] = channel

        def runs() -> bool:
            return desk.race(race_id).state in RUNNING

        try:
            await self._serve(websocket, channel, runs, _ignore)
        finally:
            if not channel.viewers:
                self._channels.pop(race_id, None)

    def _race_at(self, udp_port: int, user: User) -> RaceView | None:
        for race in self._desk.races():
            if race.state in RUNNING and race.udp_port == udp_port and may_see(user, race):
                return race
        return None

    async def replay(self, websocket: WebSocket, race_id: str) -> None:
        """A race that is over; this viewer's own replay, which ends with it."""
        user = await self._greet(websocket)
        if user is None:
            return
        desk = self._desk
        try:
            race = await run_in_threadpool(desk.race, race_id)
            if not may_see(user, race):
                raise UsageError("it is not to be seen")
            view = await run_in_threadpool(desk.open_replay, race_id)
        except DrsError:
            await _close(websocket, NOT_FOUND, "Race not found")
            return
        replay_id = view.replay_id
        channel = Channel("replay", lambda: desk.newest(None, replay_id), desk.pilot_names)

        async def steer(message: dict[str, Any]) -> None:
            try:
                now = await run_in_threadpool(steer_replay, desk, replay_id, message)
            except DrsError as error:
                answer = {"type": "error", "code": error.code, "message": error.message, "hint": told_hint(error)}
            else:
                answer = replay_object(now)
            await websocket.send_text(json.dumps(answer))

        try:
            await websocket.send_text(json.dumps(replay_object(view)))
            await self._serve(websocket, channel, lambda: True, steer)
        finally:
            await run_in_threadpool(desk.close_replay, replay_id)

    # --- who is there
    async def _greet(self, websocket: WebSocket) -> User | None:
        """Accept whoever may come in; others are told why not, and None is given."""
        if self._local_only and not names_this_machine(websocket.headers.get("host"), websocket.headers.get("origin")):
            await _close(websocket, REFUSED, "only this machine may ask")
            return None
        await websocket.accept()
        if self._viewers >= VIEWERS_MAX:
            await _close(websocket, TOO_MANY, "there are too many viewers")
            return None
        try:
            return await self._who(websocket)
        except (DrsError, TimeoutError, ValueError, KeyError) as error:
            why = error.message if isinstance(error, DrsError) else "say who you are first"
            await _close(websocket, REFUSED, why)
        except WebSocketDisconnect:
            pass
        return None

    async def _who(self, websocket: WebSocket) -> User:
        if "token" in websocket.query_params:
            raise CredentialRefused("a token does not belong into an address; send it in the first message")
        if "authorization" in websocket.headers:
            return await run_in_threadpool(self._asking.user_of, websocket.headers)
        hello = _message(await asyncio.wait_for(websocket.receive_text(), HELLO_S))
        return await run_in_threadpool(self._asking.accounts.whose, str(hello["token"]))

    # --- serving one viewer
    async def _serve(
        self,
        websocket: WebSocket,
        channel: Channel,
        runs: Callable[[], bool],
        steer: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        self._viewers += 1
        channel.enter()
        rate_hz = _rate(websocket)
        tasks = [
            asyncio.create_task(_send_frames(websocket, channel, rate_hz, runs)),
            asyncio.create_task(_listen(websocket, steer)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            channel.leave()
            self._viewers -= 1
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception) and not _tells_that_it_has_gone(result):
                    raise result
        await _close(websocket, 1000, "")


async def _send_frames(websocket: WebSocket, channel: Channel, rate_hz: float, runs: Callable[[], bool]) -> None:
    """The newest frame whenever this viewer is ready for one; what it was too slow for is left out."""
    clock = asyncio.get_running_loop().time
    before: Tick | None = None
    due = clock()
    while True:
        try:
            tick = await asyncio.wait_for(channel.newer_than(0 if before is None else before.sequence), LOOK_S)
        except TimeoutError:
            if await run_in_threadpool(runs):
                continue
            tick = None
        if tick is None:
            await websocket.send_text(json.dumps({"type": "ended"}))
            return
        await asyncio.wait_for(_send(websocket, tick, before), SEND_S)
        before = tick
        due = max(due + 1 / rate_hz, clock())
        await asyncio.sleep(due - clock())


async def _close(websocket: WebSocket, code: int, why: str) -> None:
    """Close it, unless the viewer has gone meanwhile."""
    try:
        await websocket.close(code, why)
    except (WebSocketDisconnect, RuntimeError) as error:
        if not _tells_that_it_has_gone(error):
            raise


def _tells_that_it_has_gone(error: Exception) -> bool:
    """Whether all that is wrong is that the viewer, or the server for it, has closed the connection.

    Starlette and uvicorn have no class for a message after a close that is stable over their versions, but these words.
    """
    if isinstance(error, (WebSocketDisconnect, TimeoutError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _AFTER_CLOSE)


async def _send(websocket: WebSocket, tick: Tick, before: Tick | None) -> None:
    if before is None or tick.layout != before.layout:
        await websocket.send_text(tick.layout_text)
    await websocket.send_bytes(tick.frame_after(before))


async def _listen(websocket: WebSocket, steer: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Hear what the viewer says, and that it has gone."""
    while True:
        try:
            message = _message(await websocket.receive_text())
        except (ValueError, KeyError):
            await websocket.send_text(
                json.dumps({"type": "error", "code": "E_USAGE", "message": "this is no JSON object"})
            )
            continue
        await steer(message)


async def _ignore(_: dict[str, Any]) -> None:
    """A race that runs is not steered by those who watch it."""


def _message(text: str) -> dict[str, Any]:
    if len(text) > MESSAGE_MAX:
        raise ValueError("the message is too long")
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("the message is no object")  # noqa: TRY004 - one kind of error for all bad messages
    return found


def _rate(websocket: WebSocket) -> float:
    try:
        rate_hz = float(websocket.query_params.get("rate", RATE_DEFAULT_HZ))
    except ValueError:
        return RATE_DEFAULT_HZ
    return min(RATE_MAX_HZ, max(0.1, rate_hz)) if rate_hz == rate_hz else RATE_DEFAULT_HZ  # noqa: PLR0124


def steer_replay(desk: TelemetryDesk, replay_id: str, message: dict[str, Any]) -> ReplayView:
    """Do what a viewer's message says. UsageError for what can't be done."""
    try:
        match message.get("do"):
            case "play":
                return desk.play(replay_id)
            case "pause":
                return desk.pause(replay_id)
            case "seek":
                return desk.seek(replay_id, round(float(message["position_s"]) * NS_PER_S))
            case "step":
                return desk.step(replay_id, int(message.get("count", 1)))
            case "speed":
                return desk.set_speed(replay_id, float(message["speed"]))
            case "loop":
                ends = [message.get(name) for name in ("from_s", "to_s")]
                first, last = (None if end is None else round(float(end) * NS_PER_S) for end in ends)
                return desk.set_loop(replay_id, first, last)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"the message can't be read: {error}", hint=_DO) from error
    raise UsageError(f"{message.get('do')!r} can't be done", hint=_DO)


_AFTER_CLOSE = (
    "after sending 'websocket.close'",
    "once a close message has been sent",
    "once a disconnect message has been received",
    "WebSocket is not connected",
)
_DO = "Send play, pause, seek with position_s, step with count, speed with speed, loop with from_s and to_s."


def replay_object(view: ReplayView) -> dict[str, Any]:
    """Where a replay stands."""
    return {
        "type": "replay",
        "state": view.state.value,
        "speed": view.speed,
        "position_s": view.position_ns / NS_PER_S,
        "duration_s": view.duration_ns / NS_PER_S,
        "start_ns": view.start_ns,
        "error": view.error,
    }
