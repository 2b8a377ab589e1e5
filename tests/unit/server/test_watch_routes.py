"""Watched folders over the local API, on a real service that is not started: what is kept, not what is sent."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from transfer_core.engine.local_service import LocalService
from transfer_core.engine.system import SystemClock
from transfer_core.events.watches import WatchSpec
from transfer_core.jobs.store import Destination, JobStore
from transfer_core.server.local_api import LocalApi


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    state = tmp_path / "state"
    state.mkdir()
    store = JobStore(state, SystemClock())
    store.keep_destination(Destination("pit", "relay", ("127.0.0.1:1",), b"k" * 32))
    store.close()
    service = LocalService(state, links=["lo"])
    yield service
    service.stop()


@pytest.fixture
def api(tmp_path: Path, service: LocalService) -> Iterator[httpx.Client]:
    served = LocalApi(service, ("127.0.0.1", 0), tmp_path / "spool")
    served.start()
    host, port = served.address
    with httpx.Client(base_url=f"http://{host}:{port}", timeout=60) as client:
        yield client
    served.stop()


@pytest.fixture
def camera(tmp_path: Path) -> dict[str, object]:
    folder = tmp_path / "camera01"
    folder.mkdir()
    return {"name": "camera01", "directory": str(folder), "destination": "pit", "pattern": "*.jpg"}


def test_a_watch_is_added_listed_paused_resumed_and_removed(api: httpx.Client, camera: dict[str, object]) -> None:
    added = api.post("/api/watches", json=camera)
    assert added.status_code == 200
    assert (added.json()["name"], added.json()["pattern"], added.json()["lookahead"]) == ("camera01", "*.jpg", 4)
    assert added.json()["newest_there_age_s"] is None
    assert [watch["directory"] for watch in api.get("/api/watches").json()] == [camera["directory"]]
    assert api.post("/api/watches", json=camera).status_code == 409
    assert api.post("/api/watches/camera01/pause").json()["state"] == "paused"
    assert api.post("/api/watches/camera01/resume").json()["state"] != "paused"
    assert api.delete("/api/watches/camera01").json() == {"removed": "camera01"}
    assert api.get("/api/watches").json() == []


def test_cameras_of_a_configuration_are_watched_all_or_none(api: httpx.Client, camera: dict[str, object]) -> None:
    config = '{"cam1": {"src": "/data/ring/cam1", "dest_path": "/mnt/race/"}}'
    found = api.post("/api/watches/import", json={"config": config, "settings": camera})
    assert [(watch["name"], watch["dest_path"]) for watch in found.json()] == [("cam1", "mnt/race/cam1")]
    assert api.post("/api/watches/import", json={"config": "{", "settings": camera}).status_code >= 400
    assert len(api.get("/api/watches").json()) == 1


@pytest.mark.parametrize("verb", ["pause", "resume", "rescan"])
def test_a_watch_that_is_not_there_is_not_found(api: httpx.Client, verb: str) -> None:
    assert api.post(f"/api/watches/nobody/{verb}").status_code == 404
    assert api.get("/api/watches/nobody").status_code == 404
    assert api.delete("/api/watches/nobody").status_code == 404


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"directory": "/nowhere/at/all"}, 409),
        ({"destination": "nobody"}, 404),
        ({"priority": 11}, 400),
        ({"name": "a/b"}, 400),
        ({"lookahead": "many"}, 422),
        ({"stable_ms": -1}, 400),
    ],
)
def test_a_watch_that_can_t_be_is_refused_and_not_kept(
    api: httpx.Client, camera: dict[str, object], wrong: dict[str, object], status: int
) -> None:
    assert api.post("/api/watches", json={**camera, **wrong}).status_code == status
    assert api.get("/api/watches").json() == []


def test_a_trigger_for_no_camera_is_refused(api: httpx.Client) -> None:
    assert api.post("/api/watches/trigger", json={"frame_id": "frame_camera01_000000001.jpg"}).status_code == 404
    assert api.post("/api/watches/trigger", json={"frame_id": "../x"}).status_code == 400


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux")
def test_a_folder_whose_name_is_no_unicode_is_listed_and_told_in_errors(
    tmp_path: Path, api: httpx.Client, service: LocalService
) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/camera\xff")
    Path(folder).mkdir()
    service.watches.add(WatchSpec("camera01", folder, "pit"))
    assert [watch["directory"] for watch in api.get("/api/watches").json()] == [folder]
    refused = api.post("/api/watches/trigger", json={"frame_id": "frame_camera01_000000001.jpg"})
    assert (refused.status_code, refused.json()["code"]) == (409, "E_SOURCE_MISSING")
