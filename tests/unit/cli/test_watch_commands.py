from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.fake_watches import demo_watches
from tests.support.scripted_service import ScriptedService
from transfer_core.events.watches import WatchSpec, WatchState


@pytest.fixture
def watched(service: ScriptedService) -> ScriptedService:
    service.watches.by_name = {view.spec.name: view for view in demo_watches()}
    return service


def test_add_hands_every_option_on(drs, service, tmp_path: Path) -> None:
    code, out, err = drs(
        "watch", "add", tmp_path, "--to", "pit", "--name", "front", "--pattern", "*.jpg", "--start-after", "a.jpg",
        "--lookahead", 7, "--stable-ms", 9, "--file-wait-ms", 20, "--max-files", 799, "--dest-path", "race/front",
        "--preserve-structure", "--priority", "high", "--once", "--delete-after", "verified", "--cleanup-part-files",
        "--on-trigger",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out == f"front: {tmp_path} is watched\n"
    assert service.watches.calls == [
        (
            "add",
            WatchSpec(
                "front", str(tmp_path), "pit", "*.jpg", "a.jpg", 7, 9.0, 20.0, 799, "race/front", True, 2, True, True,
                True, True,
            ),
        )
    ]  # fmt: skip


def test_the_defaults_are_those_of_the_system_that_it_replaces(drs, service, tmp_path: Path) -> None:
    assert drs("watch", "add", tmp_path / "camera01", "--to", "pit")[0] == 0
    ((_, spec),) = service.watches.calls
    assert spec == WatchSpec("camera01", str(tmp_path / "camera01"), "pit")
    assert (spec.lookahead, spec.stable_ms, spec.file_wait_ms, spec.max_files) == (4, 5.0, 10.0, 0)


def test_a_second_folder_of_the_same_name_gets_a_number(drs, watched, tmp_path: Path) -> None:
    assert drs("watch", "add", tmp_path / "camera01", "--to", "pit")[0] == 0
    assert watched.watches.calls[0][1].name == "camera01-2"


@pytest.mark.parametrize(
    "words",
    [
        ("--delete-after", "sent"),
        ("--priority", "11"),
        ("--lookahead", "-1"),
        ("--stable-ms", "nan"),
        ("--dest-path", "../x"),
        ("--pattern", ""),
    ],
)
def test_options_that_make_no_sense_are_wrong_usage(drs, service, tmp_path: Path, words: tuple[str, ...]) -> None:
    code, _, err = drs("watch", "add", tmp_path, "--to", "pit", *words)
    assert code == 2
    assert err.startswith("E_USAGE: ")
    assert service.watches.calls == []


def test_list_shows_how_each_is_doing(drs, watched) -> None:
    code, out, _ = drs("watch", "list")
    assert code == 0
    for words in ("camera01", "watching", "/data/ring/camera03 can't be watched", "has been open for 61 s", "armed"):
        assert words in out
    (first, *_) = json.loads(drs("watch", "list", "--json")[1])
    assert (first["name"], first["state"], first["backlog"], first["newest_there_age_s"]) == (
        "camera01",
        "watching",
        6,
        None,
    )


def test_an_empty_list_says_what_to_do(drs, service) -> None:
    assert "watch add DIR" in drs("watch", "list")[1]


def test_pause_resume_rescan_and_remove_name_their_watches(drs, watched) -> None:
    for verb in ("pause", "resume", "rescan", "remove"):
        assert drs("watch", verb, "camera01", "camera02")[0] == 0
    assert [call[:2] for call in watched.watches.calls] == [
        (verb, name) for verb in ("pause", "resume", "rescan", "remove") for name in ("camera01", "camera02")
    ]
    assert watched.watches.by_name["camera04"].state is WatchState.PAUSED


def test_an_unknown_watch_changes_nothing(drs, watched) -> None:
    code, _, err = drs("watch", "pause", "camera01", "nobody")
    assert code == 1
    assert "E_NOT_FOUND" in err
    assert watched.watches.calls == []


def test_import_takes_a_file_and_says_which_folders_are_not_there(drs, service, tmp_path: Path) -> None:
    code, out, err = drs("watch", "import", tmp_path / "camera_config.json", "--to", "pit", "--pattern", "*.jpg")
    assert code == 0
    assert service.watches.calls[0][1] == str(tmp_path / "camera_config.json")
    assert "camera08: /data/camera08 is watched" in out
    assert "camera08 waits for its folder" in err


def test_a_trigger_by_hand(drs, service) -> None:
    code, out, _ = drs("watch", "trigger", "frame_camera01_000046836.jpg", "--ball", "ball_001")
    assert code == 0
    assert service.watches.calls == [("trigger", "frame_camera01_000046836.jpg", "ball_001")]
    assert "camera01, camera02 from frame_camera01_000046836.jpg on, to ball_001/camera01" in out


def test_sample_frames_writes_what_it_says(drs, tmp_path: Path) -> None:
    code, out, _ = drs("sample-frames", "--cameras", 2, "--count", 2, "--min-mb", 0.01, "--max-mb", 0.02, "--fps", 0,
                       "--width", 64, "--height", 64, "--seed", 7, "--json", tmp_path)  # fmt: skip
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["event"] for line in lines] == ["frame"] * 4 + ["stopped"]
    assert {Path(line["path"]).stat().st_size == line["size"] for line in lines[:4]} == {True}
    assert drs("sample-frames", "--style", "odd", tmp_path)[0] == 2
    assert drs("sample-frames", "--cameras", 0, tmp_path)[0] == 2
