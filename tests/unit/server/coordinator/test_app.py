"""The coordinator over HTTP, on a relay's scratch state with one shared folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp
from websockets.sync.client import connect

from tests.support.http_relay import HttpRelay
from transfer_core.config import RelayConfig
from transfer_core.engine.identity import load_identity
from transfer_core.engine.system import SystemClock
from transfer_core.events.sync import SyncFigures, SyncFolderView, SyncHappening, SyncState
from transfer_core.protocol.security.http_bearer import bearer_of_agent
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.server.companion import RelayGround
from transfer_core.server.coordinator.coordinator import Coordinator
from transfer_core.server.relay import Relay
from transfer_core.storage.free_space import Room
from transfer_core.storage.relay_store import RelayStore

NODE = {"name": "Pit 1", "address": "10.0.0.5", "port": 8500, "watch_directories": ["/data"], "capabilities": ["sync"]}


class Client:
    """Asks the application from a place of the network."""

    def __init__(self, app: ASGIApp, base_url: str, address: str) -> None:
        self._app, self._base_url, self._address = app, base_url, address

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app, client=(self._address, 5))
            async with httpx.AsyncClient(transport=transport, base_url=self._base_url) as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self._ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self._ask("POST", path, **more)

    def delete(self, path: str, **more: Any) -> httpx.Response:
        return self._ask("DELETE", path, **more)


@dataclass
class Site:
    coordinator: Coordinator
    here: Client
    elsewhere: Client
    ground: RelayGround
    agent: KeyPair


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    clock = SystemClock()
    state = tmp_path / "state"
    state.mkdir()
    store = RelayStore(state, clock)
    agent = load_identity(tmp_path / "agent")
    store.keep_token(b"s" * 16, 1 << 40)
    store.judge(agent.public, 1, "pit", b"s" * 16)
    config = RelayConfig(keep_free_bytes=0)
    ground = RelayGround(
        state_dir=state,
        directory=tmp_path,
        store=store,
        identity=load_identity(state),
        config=config,
        clock=clock,
        room=Room(tmp_path, 0),
        tell=lambda event, /, **facts: None,
    )
    coordinator = Coordinator()
    coordinator.serve(Relay(state, tmp_path, ("127.0.0.1", 0), config))
    app = coordinator.open(ground)
    here = Client(app, "http://127.0.0.1:8000", "127.0.0.1")
    elsewhere = Client(app, "http://relay.example", "10.1.1.1")
    yield Site(coordinator, here, elsewhere, ground, agent)
    coordinator.close()
    store.close()


def folder_view(**changes: object) -> SyncFolderView:
    figures = SyncFigures(received_files=9, failed_files=1, full_bytes=1000, wire_bytes=100, packed_bytes=400)
    fields: dict[str, object] = {"conflicts": 1, "figures": figures} | changes
    return SyncFolderView("setups", "/x", "", SyncState.SYNCED, "", 4, 1000, 0, **fields)  # type: ignore[arg-type]


def test_a_field_that_no_json_can_say_again_is_answered_as_any_wrong_one(site: Site) -> None:
    form = {"content-type": "application/json"}
    answer = site.here.post("/api/register", content='{"node_id": 1e400}', headers=form)
    assert answer.status_code == 422
    assert ["body", "node_id"] in [fault["loc"] for fault in answer.json()["detail"]]


def test_a_registration_has_an_end(site: Site) -> None:
    answer = site.here.post("/api/register", content=b" " * 2_000_000, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "E_TOO_LARGE")


def test_a_paired_key_registers_and_a_name_alone_does_not(site: Site) -> None:
    key = site.agent.public.hex()
    answer = site.here.post("/api/register", json=NODE | {"node_id": key})
    assert answer.json() == {"status": "registered", "node_id": key, "message": "Pit 1 is registered"}
    assert site.here.post("/api/register", json=NODE | {"node_id": key}).json()["status"] == "renewed"
    stranger = site.here.post("/api/register", json=NODE | {"node_id": "ab" * 32})
    assert stranger.status_code == 403
    assert stranger.json()["code"] == "E_UNKNOWN_PEER"
    assert site.here.post("/api/register", json=NODE | {"node_id": "my_custom_node_001"}).status_code == 422
    (node,) = site.here.get("/api/nodes").json()
    assert (node["name"], node["status"], node["watch_directories"]) == ("Pit 1", "offline", ["/data"])
    assert site.here.delete(f"/api/nodes/{key}").status_code == 204
    assert site.here.delete(f"/api/nodes/{key}").status_code == 404


def test_from_elsewhere_only_paired_agents_may_ask_each_for_itself(site: Site) -> None:
    assert site.elsewhere.get("/api/metrics").status_code == 401
    assert site.here.get("/api/metrics", headers={"x-forwarded-for": "10.0.0.9"}).status_code == 401
    assert site.here.get("/api/metrics", headers={"origin": "http://evil.example"}).status_code == 401
    bearer = {"authorization": f"Bearer {bearer_of_agent(site.agent, site.ground.identity.public)}"}
    assert site.elsewhere.get("/api/metrics", headers=bearer).status_code == 200
    own = site.elsewhere.post("/api/register", json=NODE | {"node_id": site.agent.public.hex()}, headers=bearer)
    assert own.status_code == 200
    site.ground.store.revoke("pit")
    assert site.elsewhere.get("/api/metrics", headers=bearer).status_code == 401


def test_metrics_are_measured_and_null_before_anything_is(site: Site) -> None:
    before = site.here.get("/api/metrics").json()
    assert before["sync_success_rate"] is None
    assert before["average_sync_latency_ms"] is None
    assert before["bandwidth_saved"] is None
    site.coordinator.take_views((folder_view(),))
    after = site.here.get("/api/metrics").json()
    assert after["sync_success_rate"] == 0.9
    assert after["bandwidth_saved"] == 0.9
    assert after["bandwidth_saved_over_compression"] == 0.75
    (folder,) = site.here.get("/api/sync/folders").json()
    assert (folder["name"], folder["state"], folder["files"]) == ("setups", "in sync", 4)


def test_whoever_listens_gets_the_whole_first_and_then_what_happens(tmp_path: Path) -> None:
    coordinator = Coordinator()
    coordinator.serve(Relay(tmp_path / "state", tmp_path, ("127.0.0.1", 0)))
    with (
        HttpRelay(tmp_path, side_options={"mounted": [coordinator]}) as relay,
        connect(relay.url.replace("http", "ws") + "/ws", open_timeout=60) as socket,
    ):

        def next_of(kind: str) -> dict[str, Any]:
            while (message := json.loads(socket.recv(60)))["type"] != kind:
                pass
            return dict(message)

        assert set(next_of("snapshot")) == {"type", "folders", "topology", "metrics"}
        line = SyncHappening("2026-11-21T08:00:00Z", "setups", "conflict", "a.json", "two edits")
        coordinator.take_happenings((line,))
        message = next_of("event")
        assert (message["number"], message["what"], message["path"]) == (1, "conflict", "a.json")
        coordinator.take_views((folder_view(),))
        assert next_of("progress")["folders"][0]["name"] == "setups"
        (event,) = httpx.get(relay.url + "/api/sync/events", timeout=60).json()
        assert event["text"] == "two edits"
        assert httpx.get(relay.url + "/api/sync/events", params={"after": 1}, timeout=60).json() == []


def test_what_is_not_there_is_said_with_a_code(site: Site) -> None:
    for path in ("/api/sync/folders/nope/files", "/api/sync/folders/nope/vectors/a", "/api/sync/conflicts?folder=nope"):
        answer = site.here.get(path)
        assert answer.status_code == 404
        assert answer.json()["code"] == "E_NOT_FOUND"
    assert site.here.get("/api/sync/events", params={"limit": 0}).status_code == 422


def test_openapi_names_every_route(site: Site) -> None:
    paths = site.coordinator.document()["paths"]
    assert {"/api/register", "/api/nodes", "/api/topology", "/api/metrics", "/api/sync/delta"} <= set(paths)
