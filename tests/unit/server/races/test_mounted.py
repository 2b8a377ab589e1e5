"""Races on the relay's HTTP side."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher

from tests.support.http_relay import HttpRelay
from tests.support.telemetry_world import Pilot, desk_in
from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.server.races.accounts import Accounts
from transfer_core.server.races.app import build_app
from transfer_core.server.races.asking import Asking
from transfer_core.server.races.mounted import PREFIXES, MountedRaces

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed: viewers are NOT tested")


@pytest.fixture
def relay(tmp_path: Path):
    served = HttpRelay(tmp_path, side_options={"mounted": [MountedRaces("127.0.0.1")]}).start()
    yield served
    served.stop()


def test_races_and_viewers_are_served_beside_uploads(relay) -> None:
    with httpx.Client(base_url=relay.url, timeout=60) as client:
        body = {"username": "Ada", "password": "correct horse"}
        assert client.post("/create_user", json=body).json()["role"] == "admin"
        token = client.post("/login", json=body).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        race = client.post("/create_race", json={"name": "heat"}).json()
        assert race["ws_port"] == client.base_url.port  # which the system chose
        pilot = Pilot(race["udp_port"])
        pilot.fly(5)

        async def watch() -> bytes:
            address = f"{relay.url.replace('http', 'ws')}/race/{race['udp_port']}"
            headers = {"Authorization": f"Bearer {token}"}
            async with aiohttp.ClientSession() as session, session.ws_connect(address, headers=headers) as viewer:
                while True:
                    message = await asyncio.wait_for(viewer.receive(), 60)
                    if message.type is aiohttp.WSMsgType.BINARY:
                        return bytes(message.data)

        assert asyncio.run(watch())[:4] == b"DRSF"
        pilot.close()
        saved = client.post(f"/save_race/{race['race_id']}").json()
        assert (saved["status"], saved["error"]) == ("saved", "")
        assert client.get("/health").json()["status"] == "healthy"
        assert client.post("/upload/init", json={}).status_code == 401  # a session of races is no credential there


def test_every_route_has_its_prefix(tmp_path) -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    accounts = Accounts(tmp_path / "accounts", SystemClock(), SystemEntropy(), cheap)
    with desk_in(tmp_path / "desk") as desk:
        app = build_app(desk, Asking(accounts, SystemClock()), 1, "127.0.0.1", local_only=True)
    accounts.close()
    firsts = {f"/{path.split('/')[1]}" for path in app.openapi()["paths"]}
    assert firsts - {"/health"} == set(PREFIXES) - {"/race", "/replay"}
