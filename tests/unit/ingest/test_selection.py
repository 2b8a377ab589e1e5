from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import ConfigError, UsageError
from transfer_core.events.watches import WatchSpec
from transfer_core.ingest.camera_config import Camera, parse_camera_config
from transfer_core.ingest.selection import (
    NamePattern,
    Selection,
    Successors,
    ball_folder,
    dest_path_of,
    own_selection,
)

REFERENCE = """{
    "camera04": {"src": "/data/ring_buffer_jpg/data_transfer_test/camera04",
                 "dest_path": "/mnt/bt3-disk-01/data_transfer_test/"},
    "camera05": {"src": "/data/ring_buffer_jpg/data_transfer_test/camera05", "dest_path": "runs/camera05"}
}"""


@pytest.mark.parametrize(
    ("pattern", "name", "wanted"),
    [
        ("*.jpg", "a.jpg", True),
        ("*.jpg", "deep/in/a.jpg", True),
        ("*.jpg", "a.jpg.part", False),
        ("*", "a.part", False),
        ("*", ".hidden", False),
        (".h*", ".hidden", True),
        ("run/*.jpg", "run/a.jpg", True),
        ("run/*.jpg", "a.jpg", False),
        ("*.jpg", "a.JPG", False),
        ("*.jpg", "bad-\udcff.jpg", True),
    ],
)
def test_a_pattern_says_which_names_are_looked_at(pattern: str, name: str, wanted: bool) -> None:
    assert NamePattern(pattern).wants(name) is wanted


def test_a_selection_starts_after_a_name_or_at_it() -> None:
    after, at = Selection("", "", "b.jpg"), Selection("", "", "b.jpg", includes_start=True)
    assert [after.begins_before(name) for name in ("a.jpg", "b.jpg", "c.jpg")] == [False, False, True]
    assert [at.begins_before(name) for name in ("a.jpg", "b.jpg", "c.jpg")] == [False, True, True]


def test_a_frame_is_followed_once_the_frame_four_places_later_is_there() -> None:
    successors = Successors(4)
    for number in range(8):
        successors.note(f"frame_camera01_{number:09d}.jpg")
    assert successors.follow("frame_camera01_000000003.jpg")
    assert not successors.follow("frame_camera01_000000004.jpg")
    assert not successors.follow("frame_camera02_000000003.jpg")
    assert not successors.follow("notes.txt")


@given(st.text(max_size=40), st.integers(0, 50))
def test_any_name_can_be_asked_for_its_successors(name: str, lookahead: int) -> None:
    successors = Successors(lookahead)
    successors.note(name)
    assert not successors.follow(name) or lookahead == 0


def test_where_a_frame_goes() -> None:
    assert dest_path_of("runs/one/", "deep/a.jpg", preserve_structure=True) == "runs/one/deep/a.jpg"
    assert dest_path_of("runs/one/", "deep/a.jpg", preserve_structure=False) == "runs/one/a.jpg"
    assert dest_path_of("", "a.jpg", preserve_structure=False) == "a.jpg"


def test_the_ball_comes_before_the_camera() -> None:
    spec = WatchSpec("camera01", "/data/camera01", "pit", dest_path="/mnt/disk-01/race/camera01")
    assert own_selection(spec).folder == "mnt/disk-01/race/camera01"
    assert ball_folder(spec, "ball_001") == "mnt/disk-01/race/ball_001/camera01"
    assert ball_folder(spec, "") == "mnt/disk-01/race/camera01"
    assert ball_folder(WatchSpec("camera01", "/d", "pit"), "ball_001") == "ball_001/camera01"
    assert ball_folder(WatchSpec("camera01", "/d", "pit", dest_path="x"), "b") == "x/b/camera01"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a/b"},
        {"pattern": ""},
        {"dest_path": "../x"},
        {"priority": 11},
        {"lookahead": -1},
        {"stable_ms": float("nan")},
        {"max_files": -1},
    ],
)
def test_a_watch_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        WatchSpec(**{"name": "a", "directory": "/d", "destination": "pit", **wrong})  # type: ignore[arg-type]


def test_the_references_camera_configuration_is_read() -> None:
    assert parse_camera_config(REFERENCE) == [
        Camera(
            "camera04",
            "/data/ring_buffer_jpg/data_transfer_test/camera04",
            "mnt/bt3-disk-01/data_transfer_test/camera04",
        ),
        Camera("camera05", "/data/ring_buffer_jpg/data_transfer_test/camera05", "runs/camera05"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"a": 1}',
        '{"a": {}}',
        '{"a": {"src": 1}}',
        '{"a": {"src": "/x", "port": 1}}',
        '{"a": {"src": "/x", "dest_path": 2}}',
        "[" * 100_000,
    ],
)
def test_a_camera_configuration_with_a_fault_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_camera_config(text)
