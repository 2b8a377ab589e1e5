"""Viewers with aiohttp, a WebSocket client of another make than the server's."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable

import pytest

from tests.support.telemetry_world import Pilot, wait_until
from transfer_core.telemetry.frames import REPLAY, RESTART, Frame, decode_frame

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed: viewers are NOT tested")

PATIENCE_S = 60.0


class Viewer:
    """One connection; reads layouts and frames."""

    def __init__(self, socket) -> None:
        self.socket = socket
        self.layouts: dict[int, list[int]] = {}
        self.sources: list[dict] = []
        self.messages: list[dict] = []

    async def next_frame(self) -> Frame:
        while True:
            message = await asyncio.wait_for(self.socket.receive(), PATIENCE_S)
            if message.type is aiohttp.WSMsgType.BINARY:
                number = int.from_bytes(message.data[12:16], "little")
                frame = decode_frame(message.data, self.layouts[number])
                if frame.rows:
                    return frame
                continue
            assert message.type is aiohttp.WSMsgType.TEXT, message
            self.take(json.loads(message.data))

    def take(self, told: dict) -> None:
        if told["type"] == "layout":
            self.sources = told["sources"]
            self.layouts[told["layout"]] = [len(source["channels"]) for source in told["sources"]]
        else:
            self.messages.append(told)

    async def told(self, kind: str) -> dict:
        while not any(message["type"] == kind for message in self.messages):
            message = await asyncio.wait_for(self.socket.receive(), PATIENCE_S)
            if message.type is aiohttp.WSMsgType.TEXT:
                self.take(json.loads(message.data))
        return next(message for message in reversed(self.messages) if message["type"] == kind)

    def value(self, frame: Frame, source: str, channel: str) -> float:
        for row in frame.rows:
            told = self.sources[row.source]
            if told["source"] == source:
                return float(row.values[told["channels"].index(channel)])
        raise KeyError(source)


def watch(team, path: str, scene: Callable[..., Awaitable[None]], who: str = "Eve", **headers: str) -> None:
    async def run() -> None:
        sent = headers or {"Authorization": f"Bearer {team.tokens[who]}"}
        address = team.side.viewers_url + path
        async with aiohttp.ClientSession() as session, session.ws_connect(address, headers=sent) as ws:
            await scene(Viewer(ws))

    asyncio.run(run())


@pytest.fixture
def race(team):
    made = team.ask("POST", "/create_race", "Eve", json={"name": "heat"}).json()
    pilots = [Pilot(made["udp_port"], drone=drone) for drone in range(3)]
    yield made, pilots
    for pilot in pilots:
        pilot.close()


def test_a_frame_holds_the_newest_sample_of_every_drone(team, race) -> None:
    made, pilots = race
    for pilot in pilots:
        pilot.fly(100)
    wait_until(lambda: team.desk.race(made["race_id"]).datagrams == 300)

    async def scene(viewer: Viewer) -> None:
        def shown(frame: Frame) -> list[float]:
            return [viewer.value(frame, pilot.source_id, "Timestamp") for pilot in pilots]

        frame = await viewer.next_frame()
        while len(frame.rows) < 3 or min(shown(frame)) < 0.985:  # what has come is not shown in the same moment
            frame = await viewer.next_frame()
        assert sorted(source["source"] for source in viewer.sources) == sorted(pilot.source_id for pilot in pilots)
        assert shown(frame) == pytest.approx([0.99] * 3, abs=1e-4)
        for pilot in pilots:
            pilot.fly(1)
        while viewer.value(frame, pilots[2].source_id, "Timestamp") < 0.995:
            later = await viewer.next_frame()
            assert later.sequence > frame.sequence
            assert later.flags == 0
            frame = later

    watch(team, f"/race/{made['udp_port']}", scene)


def test_each_viewer_gets_its_own_rate(team, race) -> None:
    made, pilots = race
    address, token = (
        f"{team.side.viewers_url}/race/{made['udp_port']}",
        {"Authorization": f"Bearer {team.tokens['Eve']}"},
    )

    async def fly() -> None:
        while True:
            for pilot in pilots:
                pilot.fly(1)
            await asyncio.sleep(0.01)

    async def slow(ws, began: float, is_enough: asyncio.Event) -> None:
        viewer, count = Viewer(ws), 0
        while count < 5 or not is_enough.is_set():
            await viewer.next_frame()
            count += 1
            assert count <= 5 * (time.monotonic() - began) + 2

    async def fast(ws, is_enough: asyncio.Event) -> None:
        viewer, end = Viewer(ws), time.monotonic() + PATIENCE_S
        times: deque[float] = deque(maxlen=11)
        while len(times) < 11 or times[-1] - times[0] > 1:  # more than twice as many as the other may get
            await viewer.next_frame()
            times.append(time.monotonic())
            assert times[-1] < end
        is_enough.set()

    async def run() -> None:
        is_enough, flying, began = asyncio.Event(), asyncio.create_task(fly()), time.monotonic()
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{address}?rate=5", headers=token) as one,
            session.ws_connect(f"{address}?rate=40", headers=token) as other,
        ):
            await asyncio.gather(slow(one, began, is_enough), fast(other, is_enough))
        flying.cancel()

    asyncio.run(run())


def test_a_viewer_that_reads_nothing_slows_nobody_and_loses_frames_only_itself(team, race) -> None:
    made, pilots = race

    async def run() -> None:
        token = {"Authorization": f"Bearer {team.tokens['Eve']}"}
        async with aiohttp.ClientSession() as session:
            address = f"{team.side.viewers_url}/race/{made['udp_port']}?rate=50"
            async with session.ws_connect(address, headers=token) as ws:
                _, writer = await asyncio.open_connection("127.0.0.1", made["ws_port"], limit=1024)
                writer.write(
                    f"GET /race/{made['udp_port']}?rate=50 HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                    f"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer {team.tokens['Eve']}\r\n\r\n".encode()
                )
                await writer.drain()
                viewer, sequences = Viewer(ws), []
                for _ in range(60):
                    for pilot in pilots:
                        pilot.fly(2)
                    sequences.append((await viewer.next_frame()).sequence)
                assert sequences == sorted(set(sequences))
                writer.close()

    asyncio.run(run())
    wait_until(lambda: team.desk.race(made["race_id"]).datagrams == sum(len(pilot.sent) for pilot in pilots))


def test_a_race_that_ends_tells_its_viewers(team, race) -> None:
    made, pilots = race
    pilots[0].fly(5)

    async def scene(viewer: Viewer) -> None:
        await viewer.next_frame()
        await asyncio.to_thread(team.ask, "DELETE", f"/end_race/{made['race_id']}", "Eve")
        assert (await viewer.told("ended"))["type"] == "ended"
        assert (await viewer.socket.receive()).type is aiohttp.WSMsgType.CLOSE

    watch(team, f"/race/{made['udp_port']}", scene)


def test_a_token_may_be_the_first_message_and_never_in_the_address(team, race) -> None:
    made, pilots = race
    pilots[0].fly(5)
    token = team.tokens["Eve"]

    async def first(viewer: Viewer) -> None:
        await viewer.socket.send_json({"token": token})
        assert len((await viewer.next_frame()).rows) == 1

    watch(team, f"/race/{made['udp_port']}", first, Nothing="here")

    async def refused(viewer: Viewer) -> None:
        message = await viewer.socket.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4001)

    watch(team, f"/race/{made['udp_port']}?token={token}", refused, Nothing="here")
    watch(team, f"/race/{made['udp_port']}", refused, Authorization="Bearer nonsense")

    async def nonsense(viewer: Viewer) -> None:
        await viewer.socket.send_str("no json")
        await refused(viewer)

    watch(team, f"/race/{made['udp_port']}", nonsense, Nothing="here")


def test_a_race_that_is_not_theirs_or_not_there_looks_the_same(team, race) -> None:
    made, _ = race

    async def not_found(viewer: Viewer) -> None:
        message = await viewer.socket.receive()
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4004, "Race not found")

    watch(team, f"/race/{made['udp_port']}", not_found, "Vic")
    watch(team, "/race/1", not_found, "Vic")
    watch(team, f"/replay/{made['race_id']}", not_found, "Vic")
    team.ask("GET", f"/watch_race/{made['race_id']}/{team.ids['Vic']}", "Vic")
    race[1][0].fly(3)

    async def seen(viewer: Viewer) -> None:
        assert (await viewer.next_frame()).rows

    watch(team, f"/race/{made['udp_port']}", seen, "Vic")


def test_a_fault_of_the_program_is_no_viewer_that_has_gone(team, race, monkeypatch) -> None:
    made, _ = race

    def broken(*_: object) -> None:
        raise RuntimeError("the feed is broken")

    monkeypatch.setattr(team.desk, "newest", broken)

    async def scene(viewer: Viewer) -> None:
        message = await asyncio.wait_for(viewer.socket.receive(), PATIENCE_S)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)

    faults: list[logging.LogRecord] = []
    witness = logging.Handler()
    witness.emit = faults.append  # type: ignore[method-assign]
    served = logging.getLogger("uvicorn.error")
    served.addHandler(witness)
    try:
        watch(team, f"/race/{made['udp_port']}", scene)
        wait_until(lambda: faults, "the fault in the server's log")
    finally:
        served.removeHandler(witness)
    assert faults[0].exc_info is not None
    assert str(faults[0].exc_info[1]) == "the feed is broken"


def test_viewers_that_leave_at_any_moment_and_speak_in_bytes_leave_no_trace(team, race) -> None:
    made, pilots = race

    async def run() -> None:
        token = {"Authorization": f"Bearer {team.tokens['Eve']}"}
        address = f"{team.side.viewers_url}/race/{made['udp_port']}?rate=50"
        async with aiohttp.ClientSession() as session:
            for frames in (0, 0, 1, 2, 3):
                ws = await session.ws_connect(address, headers=token)
                viewer = Viewer(ws)
                await ws.send_bytes(b"\x00\x01")
                for _ in range(frames):
                    pilots[0].fly(3)
                    await viewer.next_frame()
                ws._response.connection.transport.abort() if frames % 2 else await ws.close()

    asyncio.run(run())


def test_a_replay_comes_in_the_same_frames_and_is_steered(team, race) -> None:
    made, pilots = race
    for pilot in pilots:
        pilot.fly(150)
    wait_until(lambda: team.desk.race(made["race_id"]).datagrams == 450)
    team.ask("POST", f"/save_race/{made['race_id']}", "Eve")

    async def scene(viewer: Viewer) -> None:
        opened = await viewer.told("replay")
        assert (opened["state"], opened["position_s"]) == ("paused", 0)
        await viewer.socket.send_json({"do": "seek", "position_s": 1e9})
        frame = await viewer.next_frame()
        assert frame.flags & REPLAY
        assert viewer.value(frame, pilots[0].source_id, "Timestamp") == pytest.approx(1.49, abs=1e-4)
        await viewer.socket.send_json({"do": "seek", "position_s": 0})
        await viewer.socket.send_json({"do": "speed", "speed": 50})
        await viewer.socket.send_json({"do": "play"})
        seen_restart = False
        while True:
            frame = await viewer.next_frame()
            seen_restart |= bool(frame.flags & RESTART)
            if viewer.value(frame, pilots[0].source_id, "Timestamp") > 1.4 and seen_restart:
                break
        viewer.messages.clear()
        for wrong in (
            {"do": "fly"},
            {"do": "seek"},
            {"do": "seek", "position_s": "x"},
            {"do": "speed", "speed": 900},
            {},
        ):
            await viewer.socket.send_json(wrong)
        await viewer.socket.send_str("[1, 2]")
        while len([each for each in viewer.messages if each["type"] == "error"]) < 6:
            message = await asyncio.wait_for(viewer.socket.receive(), PATIENCE_S)
            if message.type is aiohttp.WSMsgType.TEXT:
                viewer.take(json.loads(message.data))

    watch(team, f"/replay/{made['race_id']}", scene)
    wait_until(lambda: team.desk.replays() == [])
