from __future__ import annotations

import json
from pathlib import Path

import pytest

from transfer_core.cli.__main__ import run

CONFIG = {"camera01": {"src": "/a", "dest_path": "race"}, "camera02": {"src": "/b", "dest_path": "race/camera02"}}


@pytest.fixture
def received(tmp_path: Path) -> Path:
    for agent in ("pit", "van"):
        for camera in ("camera01", "camera02"):
            place = tmp_path / "in" / agent / "race" / camera
            place.mkdir(parents=True)
            (place / "a.jpg").write_bytes(b"x")
    (tmp_path / "cameras.json").write_text(json.dumps(CONFIG))
    return tmp_path / "in"


def left(received: Path) -> list[str]:
    return sorted(path.relative_to(received).as_posix() for path in received.rglob("*.jpg"))


def clear(tmp_path: Path, *words: str) -> int:
    return run(["relay", "clear", "--state", str(tmp_path / "state"), "--dir", str(tmp_path / "in"), *words])


def test_one_folder_is_cleared(tmp_path: Path, received: Path) -> None:
    assert clear(tmp_path, str(received / "pit" / "race" / "camera01"), "--yes") == 0
    assert left(received) == ["pit/race/camera02/a.jpg", "van/race/camera01/a.jpg", "van/race/camera02/a.jpg"]
    assert (received / "pit" / "race" / "camera01").is_dir()


@pytest.mark.parametrize("config", [True, False])
def test_one_camera_is_cleared_of_all_agents(tmp_path: Path, received: Path, config: bool) -> None:
    words = ["--config", str(tmp_path / "cameras.json")] if config else []
    assert clear(tmp_path, "--camera", "camera01", "--yes", *words) == 0
    assert left(received) == ["pit/race/camera02/a.jpg", "van/race/camera02/a.jpg"]


def test_all_cameras_are_cleared(tmp_path: Path, received: Path) -> None:
    assert clear(tmp_path, "--all", "--yes", "--config", str(tmp_path / "cameras.json")) == 0
    assert left(received) == []


def test_the_cameras_are_those_of_the_file_in_this_folder_unless_another_is_named(
    tmp_path: Path, received: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cameras.json").rename(tmp_path / "camera_config.json")
    monkeypatch.chdir(tmp_path)
    assert clear(tmp_path, "--all", "--yes") == 0
    assert left(received) == []


def test_without_yes_and_without_anybody_to_ask_nothing_is_deleted(
    tmp_path: Path, received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert clear(tmp_path, "--camera", "camera01") == 2
    assert "--yes" in capsys.readouterr().err
    assert len(left(received)) == 4


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], 2, "name a folder"),
        (["/", "--yes"], 2, "never cleared"),
        (["--all", "--yes"], 2, "--config"),
        (["--camera", "camera07", "--yes"], 1, "nothing has arrived"),
        (["--camera", "x", "--all"], 2, "name a folder"),
    ],
)
def test_what_is_not_to_be_cleared_is_refused(
    tmp_path: Path, received: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, says: str
) -> None:
    assert clear(tmp_path, *words) == code
    assert says in capsys.readouterr().err
    assert len(left(received)) == 4


def test_an_unknown_camera_of_a_configuration_is_named_with_the_known_ones(
    tmp_path: Path, received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert clear(tmp_path, "--camera", "camera9", "--yes", "--config", str(tmp_path / "cameras.json")) == 1
    assert "camera01, camera02" in capsys.readouterr().err
