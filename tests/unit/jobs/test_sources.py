from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from transfer_core.jobs.sources import expand


def make(path: Path, data: bytes = b"x") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def test_a_file_arrives_under_its_own_name(tmp_path: Path) -> None:
    entries, skipped = expand([make(tmp_path / "run.bin", b"12345")])
    assert [(e.path, e.size, e.dest_path) for e in entries] == [(str(tmp_path / "run.bin"), 5, "run.bin")]
    assert skipped == []


def test_a_folder_keeps_its_structure_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b/2.bin", "b/1.bin", "a/z/deep.bin", "c.bin"):
        make(tmp_path / "day" / name)
    entries, _ = expand([str(tmp_path / "day")])
    assert [e.dest_path for e in entries] == ["day/a/z/deep.bin", "day/b/1.bin", "day/b/2.bin", "day/c.bin"]


def test_a_destination_path_is_a_folder_or_the_new_name_of_a_single_file(tmp_path: Path) -> None:
    one, two = make(tmp_path / "1.bin"), make(tmp_path / "2.bin")
    assert [e.dest_path for e in expand([one], "fp1/lap7.bin")[0]] == ["fp1/lap7.bin"]
    assert [e.dest_path for e in expand([one], "fp1/")[0]] == ["fp1/1.bin"]
    assert [e.dest_path for e in expand([one, two], "fp1")[0]] == ["fp1/1.bin", "fp1/2.bin"]
    assert [e.dest_path for e in expand([str(tmp_path)], "fp1")[0]] == [
        f"fp1/{tmp_path.name}/1.bin",
        f"fp1/{tmp_path.name}/2.bin",
    ]


def test_links_inside_a_folder_are_not_followed_but_a_named_one_is(tmp_path: Path) -> None:
    outside = make(tmp_path / "outside.bin", b"123")
    folder = tmp_path / "day"
    make(folder / "in.bin")
    (folder / "out.bin").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    entries, skipped = expand([str(folder)])
    assert [e.dest_path for e in entries] == ["day/in.bin"]
    assert {Path(s.path).name: s.why for s in skipped} == {
        "out.bin": "a link inside a folder is not followed",
        "loop": "a link inside a folder is not followed",
    }
    (tmp_path / "named.bin").symlink_to(outside)
    assert [(e.size, e.dest_path) for e in expand([str(tmp_path / "named.bin")])[0]] == [(3, "named.bin")]


def test_what_can_not_be_sent_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "day"
    (folder / "empty").mkdir(parents=True)
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "sock"))
        entries, skipped = expand([str(folder), str(tmp_path / "gone.bin"), "a\0b"])
    assert entries == []
    assert [(Path(s.path).name, s.why.split(":")[0]) for s in skipped] == [
        ("empty", "the folder is empty"),
        ("pipe", "neither a file nor a folder"),
        ("sock", "neither a file nor a folder"),
        ("gone.bin", "there is no such file"),
        ("a\0b", "can't be read"),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_unreadable_files_and_folders_are_left_out_with_the_reason(tmp_path: Path) -> None:
    folder = tmp_path / "day"
    Path(make(folder / "secret.bin")).chmod(0)
    make(folder / "closed" / "in.bin")
    (folder / "closed").chmod(0)
    entries, skipped = expand([str(folder)])
    (folder / "closed").chmod(0o700)
    assert entries == []
    assert all(s.why.lower().endswith("permission denied") for s in skipped)
    assert len(skipped) == 2


@pytest.mark.parametrize("name", ["🏁 lap.bin", "two\nlines", "ends.", "CON", "x" * 255, " leading", "tab\t"])
def test_odd_names_are_kept_as_they_are(tmp_path: Path, name: str) -> None:
    entries, skipped = expand([make(tmp_path / "day" / name), str(tmp_path / "day")])
    assert entries[0].dest_path == name
    assert [s.why for s in skipped] == ["it was named twice"]


def test_a_name_that_is_no_utf8_is_found_again_on_the_disk(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/lap-\xff.bin"
    Path(os.fsdecode(raw)).write_bytes(b"123")
    entries, _ = expand([str(tmp_path)])
    assert os.fsencode(entries[0].path) == raw
    assert Path(entries[0].path).read_bytes() == b"123"


def test_empty_and_one_byte_files_are_files(tmp_path: Path) -> None:
    make(tmp_path / "day" / "0", b"")
    make(tmp_path / "day" / "1", b"1")
    assert [e.size for e in expand([str(tmp_path / "day")])[0]] == [0, 1]


def test_two_files_with_one_name_do_not_arrive_as_one(tmp_path: Path) -> None:
    paths = [make(tmp_path / camera / "clip.mp4") for camera in ("a", "b", "c")]
    assert [e.dest_path for e in expand(paths)[0]] == ["clip.mp4", "clip (2).mp4", "clip (3).mp4"]


def test_folders_may_nest_deeply(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    inner, levels = folder, 0
    while len(str(inner)) < 3500:
        inner, levels = inner / "d", levels + 1
        inner.mkdir()
    make(inner / "f")
    entries, _ = expand([str(folder)])
    (inner / "f").unlink()
    while inner != tmp_path:  # pytest can't clear away what nests so deeply
        inner.rmdir()
        inner = inner.parent
    assert [e.dest_path for e in entries] == ["d/" * (levels + 1) + "f"]
    assert levels > 1000
