"""The local API over a real service on a scratch state, asked over loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from transfer_core.engine.local_service import LocalService
from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.errors import UsageError
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.tokens import PairingToken, encode_token
from transfer_core.server.local_api import LocalApi


@pytest.fixture
def api(tmp_path: Path) -> Iterator[httpx.Client]:
    service = LocalService(tmp_path / "state")
    expires_s = SystemClock().wall_ns() // 10**9 + 600
    token = PairingToken(KeyPair.generate(SystemEntropy()).public, bytes(16), expires_s, ("127.0.0.1:9",))
    service.pair(encode_token(token), "pit")
    server = LocalApi(service, ("127.0.0.1", 0), tmp_path / "spool")
    server.start()
    host, port = server.address
    with httpx.Client(base_url=f"http://{host}:{port}", timeout=60) as client:
        yield client
    server.stop()
    service.stop()


def _upload(api: httpx.Client, name: str = "lap.bin", data: bytes = b"0123456789") -> dict[str, object]:
    answer = api.post("/api/files/upload", files={"file": (name, data)}, data={"priority": "high"})
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body


def test_an_uploaded_file_is_queued_with_its_priority(api: httpx.Client) -> None:
    uploaded = _upload(api)
    assert (uploaded["file_size"], uploaded["priority"], uploaded["status"]) == (10, "high", "pending")
    assert api.get("/api/files").json() == [uploaded]
    assert api.get(f"/api/files/{uploaded['file_id']}").json() == uploaded


def test_a_name_that_leads_elsewhere_stays_in_the_spool(api: httpx.Client, tmp_path: Path) -> None:
    uploaded = _upload(api, name="../../evil.sh")
    assert Path(str(uploaded["file_path"])).parent == tmp_path / "spool"


@pytest.mark.parametrize("value", ["1e400", "NaN", '"\\udcff"'])
def test_what_no_json_can_say_again_is_answered_as_any_wrong_field(api: httpx.Client, value: str) -> None:
    body, form = f'{{"policy": {value}}}', {"content-type": "application/json"}
    answer = api.put("/api/policy", content=body, headers=form)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "policy"]


def test_a_body_of_json_has_an_end_and_a_file_has_none(api: httpx.Client) -> None:
    form = {"content-type": "application/json"}
    for path in ("/api/policy", "/api/limits"):
        for content in (b" " * 2_000_000, iter([b" " * 1_000_000] * 2)):
            answer = api.put(path, content=content, headers=form)
            assert (answer.status_code, answer.json()["code"]) == (413, "E_TOO_LARGE")
    assert _upload(api, data=b"x" * 2_000_000)["file_size"] == 2_000_000


MISSPELT = [
    ("PUT", "/api/limits", {"all_bps": 1e7, "concurent": 7}),
    ("PUT", "/api/policy", {"policy": "best", "until": 5}),
    ("PUT", "/api/links/lte/limits", {"role": "backup", "cap_mpbs": 3}),
    ("PUT", "/api/files/any/priority", {"priority": 1, "prio": 2}),
    ("PUT", "/api/destinations/pit/fallback", {"url": "", "pinn": ""}),
    ("POST", "/api/destinations", {"url": "http://127.0.0.1:9", "kindd": "tus"}),
    ("POST", "/api/destinations/pair", {"token": "x", "nam": "pit"}),
    ("POST", "/api/retry-failed", {"destnation": "pit"}),
    ("POST", "/api/webhooks", {"url": "http://127.0.0.1:9", "secrt": "x"}),
    ("POST", "/api/simulator/config", {"link": "lte", "condition": {"loss": 0.5}}),
    ("POST", "/api/simulator/kill-link", {"link": "lte", "now": True}),
    ("POST", "/api/watches", {"name": "a", "directory": "/", "destination": "pit", "patern": "*.jpg"}),
    ("POST", "/api/watches/trigger", {"frame_id": "1", "bal_id": "2"}),
    ("POST", "/api/watches/import", {"config": "{}", "settings": {}, "setting": {}}),
]


@pytest.mark.parametrize(("method", "path", "body"), MISSPELT, ids=[path for _, path, _ in MISSPELT])
def test_a_field_that_is_not_known_is_refused_by_its_name(
    api: httpx.Client, method: str, path: str, body: dict[str, object]
) -> None:
    before = api.get("/api/limits").json(), api.get("/api/destinations").json()
    answer = api.request(method, path, json=body)
    assert answer.status_code == 422
    assert ["body", list(body)[-1]] in [fault["loc"] for fault in answer.json()["detail"]]
    assert (api.get("/api/limits").json(), api.get("/api/destinations").json()) == before


def test_no_answer_speaks_of_the_command_line_or_of_classes(api: httpx.Client, tmp_path: Path) -> None:
    watch = {"name": "a", "directory": str(tmp_path), "destination": "pit", "priority": 99}
    assert "--" not in api.post("/api/watches", json=watch).json()["hint"]
    (fault,) = api.post("/api/files/upload", data={"file": "text"}).json()["detail"]
    assert (fault["loc"], fault["msg"]) == (["body", "file"], "a file is expected")


def test_a_file_that_is_not_queued_leaves_nothing_in_the_spool(api: httpx.Client, tmp_path: Path) -> None:
    answer = api.post("/api/files/upload", files={"file": ("lap.bin", b"0123")}, data={"destination": "nowhere"})
    assert answer.status_code == 404
    assert list((tmp_path / "spool").iterdir()) == []


def test_pause_resume_cancel_and_transfer_change_the_state(api: httpx.Client) -> None:
    place = f"/api/files/{_upload(api)['file_id']}"
    assert api.post(f"{place}/pause").json()["status"] == "paused"
    assert api.post(f"{place}/resume").json()["status"] == "pending"
    assert api.post(f"{place}/cancel").json()["status"] == "cancelled"
    assert api.post(f"{place}/pause").status_code == 409
    assert api.post(f"{place}/transfer").json()["status"] == "pending"


def test_the_priority_can_be_changed_by_name_and_number(api: httpx.Client) -> None:
    place = f"/api/files/{_upload(api)['file_id']}/priority"
    assert api.put(place, json={"priority": "critical"}).json()["priority"] == "critical"
    assert api.put(place, json={"priority": 7}).json()["priority"] == "low"
    assert api.put(place, json={"priority": 11}).status_code == 400


def test_an_unknown_file_is_404_with_code_and_hint(api: httpx.Client) -> None:
    answer = api.get("/api/files/nothing")
    assert answer.status_code == 404
    assert answer.json()["code"] == "E_NOT_FOUND"
    assert answer.json()["hint"]


def test_without_a_link_there_is_no_best_one(api: httpx.Client) -> None:
    assert api.get("/api/links").json() == []
    assert api.get("/api/links/best").status_code == 404


def test_the_policy_is_read_and_changed(api: httpx.Client) -> None:
    assert api.get("/api/policy").json() == {"policy": "bonded"}
    for policy in ("best", "redundant"):
        assert api.put("/api/policy", json={"policy": policy}).json() == {"policy": policy}
        assert api.get("/api/policy").json() == {"policy": policy}
    assert api.put("/api/policy", json={"policy": "fastest"}).status_code == 422


def test_what_a_link_may_is_read_and_changed_in_parts(api: httpx.Client) -> None:
    free = {"name": "lte", "role": "primary", "cap_mbps": 0.0, "quota_bytes": 0, "reset_day": 1}
    assert api.get("/api/links/lte/limits").json() == free
    api.put("/api/links/lte/limits", json={"role": "backup", "quota_bytes": 10**9, "reset_day": 15})
    changed = api.put("/api/links/lte/limits", json={"cap_mbps": 2.5}).json()
    assert changed == {"name": "lte", "role": "backup", "cap_mbps": 2.5, "quota_bytes": 10**9, "reset_day": 15}
    assert api.get("/api/links/lte/limits").json() == changed
    assert api.get("/api/links/wifi/limits").json() == {**free, "name": "wifi"}
    for wrong in ({"role": "spare"}, {"cap_mbps": -1}, {"quota_bytes": -1}, {"quota_bytes": 1, "reset_day": 32}):
        assert api.put("/api/links/lte/limits", json=wrong).json()["code"] == "E_CONFIG"
    assert api.get("/api/links/lte/limits").json() == changed


def test_a_verb_that_hangs_is_an_error_in_time_and_holds_up_no_other_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transfer_core.server.local_api.ANSWER_S", 0.5)
    service, may_end = LocalService(tmp_path / "state"), threading.Event()
    monkeypatch.setattr(service, "jobs", lambda: may_end.wait(60.0) and [])
    server = LocalApi(service, ("127.0.0.1", 0), tmp_path / "spool")
    server.start()
    host, port = server.address
    try:
        with httpx.Client(base_url=f"http://{host}:{port}", timeout=60) as client:
            late = client.get("/api/files")
            assert (late.status_code, late.json()["code"]) == (504, "E_NO_ANSWER")
            monkeypatch.setattr("transfer_core.server.local_api.ANSWER_S", 60.0)  # what does not hang may be slow
            assert client.get("/api/policy").status_code == 200
    finally:
        may_end.set()
        server.stop()
        service.stop()


def test_a_foreign_host_or_origin_is_refused(api: httpx.Client) -> None:
    assert api.get("/api/files", headers={"host": "evil.example"}).status_code == 403
    assert api.get("/api/files", headers={"origin": "http://evil.example"}).status_code == 403
    assert api.get("/api/files", headers={"origin": "http://localhost:3000"}).status_code == 200


def test_the_document_names_every_endpoint(api: httpx.Client) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    assert {"/api/links/best", "/api/files/upload", "/api/simulator/kill-link"} <= set(paths)
    assert api.get("/docs").status_code == 200


def test_the_socket_sends_links_and_progress(api: httpx.Client) -> None:
    uploaded = _upload(api)
    with connect(f"ws://{api.base_url.host}:{api.base_url.port}/ws") as socket:
        messages = {(message := json.loads(socket.recv(timeout=60)))["type"]: message["data"] for _ in range(2)}
    assert messages["transfer_progress"] == [uploaded]
    assert messages["link_metrics"] == []


def test_it_refuses_to_listen_beyond_loopback(tmp_path: Path) -> None:
    service = LocalService(tmp_path / "state")
    with pytest.raises(UsageError):
        LocalApi(service, ("0.0.0.0", 0), tmp_path)
    service.stop()
