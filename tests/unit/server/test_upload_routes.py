"""Destinations, limits and outcomes over the local API, on a real service and beside a real server of chunks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.chunk_server import ChunkServer
from transfer_core.engine.local_service import LocalService
from transfer_core.server.local_api import LocalApi


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChunkServer]:
    running = ChunkServer(tmp_path / "box")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[httpx.Client]:
    service = LocalService(tmp_path / "state", links=["lo"])
    served = LocalApi(service, ("127.0.0.1", 0), tmp_path / "spool")
    served.start()
    host, port = served.address
    with httpx.Client(base_url=f"http://{host}:{port}", timeout=60) as client:
        yield client
    served.stop()
    service.stop()


def test_a_destination_is_tried_kept_listed_without_its_token_and_forgotten(
    api: httpx.Client, server: ChunkServer
) -> None:
    asked = {"name": "box", "url": server.url, "token": "very-secret"}
    tried = api.post("/api/destinations/test", json=asked).json()
    assert (tried["is_good"], tried["kind"]) == (True, "chunked")
    assert api.get("/api/destinations").json() == []
    kept = api.post("/api/destinations", json=asked)
    assert (kept.json()["name"], kept.json()["kind"]) == ("box", "chunked")
    assert "very-secret" not in kept.text + api.get("/api/destinations").text
    assert api.post("/api/destinations", json=asked).status_code == 409
    assert api.post("/api/destinations/box/test").json()["is_good"]
    assert api.delete("/api/destinations/box").status_code == 200
    assert api.delete("/api/destinations/box").status_code == 404
    assert api.post("/api/destinations/box/test").status_code == 404


def test_one_that_is_not_there_is_told_with_what_to_do(api: httpx.Client) -> None:
    tried = api.post("/api/destinations/test", json={"url": "http://127.0.0.1:9", "kind": "tus"}).json()
    assert not tried["is_good"]
    assert tried["why"]
    assert tried["hint"] == "Check the network and the server's address."
    unasked = api.post("/api/destinations", json={"name": "box", "url": "http://127.0.0.1:9"}).json()
    assert unasked["code"] == "E_SERVER_SILENT"
    assert "goes on" not in unasked["hint"]
    assert api.post("/api/destinations", json={"name": "box", "url": "http://127.0.0.1:9", "kind": "tus"}).is_success


@pytest.mark.parametrize(
    ("body", "status"),
    [({"url": "ftp://x"}, 400), ({"name": "x"}, 422), ({"url": "http://u:p@x", "name": "x"}, 400), ([], 422)],
)
def test_what_makes_no_sense_is_refused(api: httpx.Client, body: object, status: int) -> None:
    assert api.post("/api/destinations", json=body).status_code == status


def test_limits_are_changed_one_by_one_and_wrong_ones_change_nothing(api: httpx.Client) -> None:
    assert api.get("/api/limits").json() == {
        "all_bps": None,
        "by_destination": {},
        "timetable": [],
        "concurrent": 2,
    }
    week = [0.0] * 24 + [None] * 144
    assert api.put("/api/limits", json={"all_bps": 20e6, "timetable": week}).json()["timetable"] == week
    after = api.put("/api/limits", json={"concurrent": 5}).json()
    assert (after["all_bps"], after["concurrent"], len(after["timetable"])) == (20e6, 5, 168)
    for wrong in ({"concurrent": 0}, {"timetable": [1.0]}, {"by_destination": {"box": -1}}, {"all_bps": 0}):
        assert api.put("/api/limits", json=wrong).status_code == 400
    assert api.get("/api/limits").json() == after
    assert api.put("/api/limits", json={"all_bps": None}).json()["all_bps"] is None


def test_history_pausing_and_retrying_can_be_asked_for(api: httpx.Client, server: ChunkServer, tmp_path: Path) -> None:
    api.post("/api/destinations", json={"name": "box", "url": server.url, "kind": "chunked"})
    sent = api.post("/api/files/upload", files={"file": ("lap.bin", b"0123")}, data={"destination": "box"}).json()
    assert api.get("/api/history").json() == []
    api.post(f"/api/files/{sent['file_id']}/cancel")
    (ended,) = api.get("/api/history", params={"find": "lap"}).json()
    assert (ended["status"], ended["destination"], ended["file_size"]) == ("cancelled", "box", 4)
    assert api.get("/api/history", params={"limit": 0}).status_code == 422
    assert api.post("/api/retry-failed", json={}).json() == {"queued": 0}
    assert api.post("/api/pause-all").json() == {"paused": True}
    assert api.post("/api/resume-all").json() == {"paused": False}
    assert api.get(f"/api/files/{sent['file_id']}/receipt").status_code == 404


def test_webhooks_are_told_of_with_their_secret_once(api: httpx.Client) -> None:
    made = api.post("/api/webhooks", json={"url": "http://127.0.0.1:9/told"}).json()
    assert made["secret"].startswith("whsec_")
    listed = api.get("/api/webhooks")
    assert [each["url"] for each in listed.json()] == ["http://127.0.0.1:9/told"]
    assert made["secret"] not in listed.text
    assert api.delete("/api/webhooks", params={"url": "http://127.0.0.1:9/told"}).status_code == 200
    assert api.get("/api/webhooks").json() == []


def test_a_page_of_another_site_can_not_add_a_destination(api: httpx.Client, server: ChunkServer) -> None:
    body = {"name": "box", "url": server.url, "kind": "chunked"}
    answer = api.post("/api/destinations", json=body, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403
    assert api.get("/api/destinations").json() == []
