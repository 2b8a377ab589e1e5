from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.fake_sync import demo_conflict, demo_folders
from tests.support.scripted_service import ScriptedService
from transfer_core.errors import ConflictError

Drs = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folders(service: ScriptedService) -> ScriptedService:
    service.sync.folders = list(demo_folders())
    service.sync.conflict_list = [demo_conflict()]
    return service


def test_share_and_accept_say_what_they_did(service: ScriptedService, drs: Drs, tmp_path: Path) -> None:
    code, out, _ = drs("sync", "share", tmp_path, "--name", "setups", "--to", "factory")
    assert (code, out.strip()) == (0, f"setups: shared, {tmp_path}")
    assert drs("sync", "accept", "logs", tmp_path, "--json")[0] == 0
    assert service.sync.calls == [
        ("share", str(tmp_path), "setups", "factory"),
        ("accept", "logs", str(tmp_path), ""),
    ]


def test_status_tells_states_peers_conflicts_and_what_is_not_synced(folders: ScriptedService, drs: Drs) -> None:
    code, out, _ = drs("sync", "status")
    assert code == 0
    assert "in sync" in out
    assert "factory: online, 3 changes to tell" in out
    assert "1 conflict: see `drs-sync sync conflicts setups`" in out
    assert "CAFÉ.json" in out
    assert "31 of 40" in out
    one = json.loads(drs("sync", "status", "logs", "--json")[1])
    assert [(each["name"], each["state"], each["waiting"]) for each in one] == [("logs", "syncing", 18)]


def test_without_folders_status_says_how_to_begin(service: ScriptedService, drs: Drs) -> None:
    assert "sync share" in drs("sync", "status")[1]
    assert drs("sync", "conflicts")[1].strip() == "No conflicts."


def test_pause_and_resume_take_one_folder_or_all(folders: ScriptedService, drs: Drs) -> None:
    assert drs("sync", "pause")[1].strip() == "all folders: paused"
    assert drs("sync", "resume", "strategy", "--deletes-are-meant")[1].strip() == "strategy: resumed"
    assert folders.sync.calls == [("pause",), ("resume", "strategy", True)]


def test_conflicts_show_both_sides_and_resolve_keeps_one(folders: ScriptedService, drs: Drs) -> None:
    out = drs("sync", "conflicts")[1]
    assert "in place: pit2, 2026-11-21T08:31:12.000Z, 4.2 kB, car17/wing.json" in out
    assert "beside it: this machine" in out
    code, out, _ = drs("sync", "resolve", "car17/wing.json", "--keep", "theirs")
    assert (code, out.strip()) == (0, "car17/wing.json: theirs")


def test_history_is_newest_first(folders: ScriptedService, drs: Drs) -> None:
    lines = json.loads(drs("sync", "history", "--json")[1])
    assert lines[0]["what"] == "deleted"


def test_an_error_is_one_line_with_its_code(service: ScriptedService, drs: Drs, tmp_path: Path) -> None:
    service.sync.fail["share"] = ConflictError("setups is shared already")
    code, _, err = drs("sync", "share", tmp_path, "--name", "setups", "--to", "factory")
    assert code != 0
    assert err.startswith("E_CONFLICT: setups is shared already.")
