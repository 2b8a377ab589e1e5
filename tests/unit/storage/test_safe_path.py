from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_core.errors import NameRefused
from transfer_core.storage.safe_path import (
    DEPTH_MAX,
    fit_name,
    free_name,
    free_names,
    part_name,
    part_path,
    resolve_beside,
    resolve_under,
    safe_name,
    safe_parts,
    wire_name,
)

SURROGATE_ESCAPED = st.binary(min_size=1, max_size=60).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
NAMES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80),
    SURROGATE_ESCAPED,
    st.text("%2eE5Cc.: /\\aux", min_size=1, max_size=20),
).filter(lambda name: "/" not in name and "\0" not in name and name not in (".", ".."))


@pytest.mark.parametrize(
    "name", ["lap 12.csv", "Größe.txt", "ラップ🏁.bin", "👩🏽\u200d🔧.mp4", ".hidden", "100%.txt", "a.b.c", "~x"]
)
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("a:b?.txt", "a%3Ab%3F.txt"),
        ("back\\slash", "back%5Cslash"),
        ('"<>|*', "%22%3C%3E%7C%2A"),
        ("line\nbreak\x7f", "line%0Abreak%7F"),
        ("dots...", "dots%2E%2E%2E"),
        ("blank ", "blank%20"),
        ("...", "%2E%2E%2E"),
        ("CON", "%43ON"),
        ("con.txt", "%63on.txt"),
        ("aux .csv", "%61ux .csv"),
        ("COM1.tar.gz", "%43OM1.tar.gz"),
        ("lpt³", "%6Cpt³"),
        ("nul\n.x", "nul%0A.x"),
        ("console.txt", "console.txt"),
        ("%41", "%2541"),
        ("x.part", "x%2Epart"),
        ("x.PART", "x%2EPART"),
        ("x.party", "x.party"),
        ("\udcff.bin", "%FF.bin"),
        ("txt.\u202eexe", "txt.%E2%80%AEexe"),
    ],
)
def test_what_some_system_can_not_hold_is_escaped(name: str, stored: str) -> None:
    assert safe_name(name) == stored
    assert wire_name(stored) == name


@given(NAMES)
def test_a_stored_name_leads_back_to_the_name(name: str) -> None:
    stored = safe_name(name)
    if len(stored.encode()) < 255:
        assert wire_name(stored).encode("utf-8", "surrogateescape") == name.encode("utf-8", "surrogateescape")


@given(NAMES)
def test_every_stored_name_can_be_held_by_every_system(name: str) -> None:
    stored = safe_name(name)
    assert 0 < len(stored.encode()) <= 255
    assert not re.search(r'[\x00-\x1f\x7f-\x9f<>:"|?*\\/]', stored)
    assert stored[-1] not in ". "
    assert not stored.lower().endswith(".part")
    assert stored.split(".")[0].rstrip().lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    assert safe_name(wire_name(stored)) == stored or len(stored.encode()) > 240


@given(NAMES, NAMES)
def test_two_names_stay_two(first: str, second: str) -> None:
    if first.encode("utf-8", "surrogateescape") != second.encode("utf-8", "surrogateescape"):
        assert safe_name(first) != safe_name(second)


def test_a_name_that_just_fits_is_not_cut() -> None:
    assert safe_name("x" * 251 + ".csv") == "x" * 251 + ".csv"


def test_longer_names_are_cut_keep_their_type_and_stay_different() -> None:
    stored = [safe_name("🏁" * 100 + mark + ".csv") for mark in "ab"]
    assert stored[0] != stored[1]
    for each in stored:
        assert len(each.encode()) <= 255
        assert re.fullmatch(r"🏁+~[0-9a-f]{12}\.csv", each)


def test_a_cut_never_leaves_half_an_escape() -> None:
    for length in range(60, 100):
        head = safe_name("?" * length + "x" * 100).split("~")[0]
        assert re.fullmatch(r"(%3F)+x*", head)


def test_a_name_that_is_no_text_at_all_is_refused() -> None:
    with pytest.raises(NameRefused, match="written down"):
        safe_name("\ud83d")


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", "./a", "a/.", "a/..", "a\0b", "/", "a/" * 64 + "b"]
)
def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(NameRefused):
        safe_parts(path)


@pytest.mark.parametrize("path", ["C:\\Windows\\x", "..\\..\\x", "\\\\server\\share", "a\\..\\b", "c:x"])
def test_a_backslash_or_a_drive_never_leads_anywhere(tmp_path: Path, path: str) -> None:
    assert resolve_under(tmp_path, path).parent == tmp_path


def test_folders_are_made_as_deep_as_it_goes(tmp_path: Path) -> None:
    target = resolve_under(tmp_path, "/".join(["d"] * (DEPTH_MAX - 1) + ["f"]))
    assert target.parent.is_dir()
    assert not target.exists()
    assert target == resolve_under(tmp_path, "/".join(["d"] * (DEPTH_MAX - 1) + ["f"]))


def test_a_path_that_the_system_could_not_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NameRefused, match="too long"):
        resolve_under(tmp_path, "/".join(["x" * 200] * 30))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_a_link_among_the_folders_is_refused_wherever_it_leads(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "inside").mkdir()
    (root / "out").symlink_to(outside)
    (root / "dangling").symlink_to(tmp_path / "nowhere")
    (root / "in").symlink_to(root / "inside")
    for path in ("out/x", "dangling/x", "in/x", "out/deep/x"):
        with pytest.raises(NameRefused, match="in the way"):
            resolve_under(root, path)
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


def test_a_file_in_the_way_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "car").write_bytes(b"")
    with pytest.raises(NameRefused, match="in the way"):
        resolve_under(tmp_path, "car/lap.csv")


def test_a_part_lies_beside_its_target_and_its_name_always_fits(tmp_path: Path) -> None:
    assert part_path(tmp_path / "a.csv") == tmp_path / "a.csv.part"
    long = [part_path(tmp_path / ("x" * 250 + each + ".bin")) for each in "ab"]
    assert long[0] != long[1]
    for each in long:
        assert len(os.fsencode(each.name)) <= 255
        assert each.name.endswith(".bin.part")


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    target = tmp_path / "lap.csv"
    assert free_name(target) == target
    target.touch()
    assert free_name(target) == tmp_path / "lap (2).csv"
    (tmp_path / "lap (2).csv").symlink_to("nowhere")  # a dangling link is something, too
    assert free_name(target) == tmp_path / "lap (3).csv"


def test_numbered_names_always_fit_and_stay_different(tmp_path: Path) -> None:
    names = list(islice(free_names(tmp_path / ("é" * 125 + ".csv")), 20))
    assert len(set(names)) == 20
    assert max(len(os.fsencode(each.name)) for each in names) <= 255
    assert all(each.suffix == ".csv" for each in names)


def test_what_looks_like_a_very_long_file_type_is_cut_like_the_rest() -> None:
    assert re.fullmatch(r"a\.x+~[0-9a-f]{12}", fit_name("a." + "x" * 300))


WIRE_PATHS = st.lists(st.sampled_from(["", ".", "..", "a", "b", "c.jpg", "con", "a\0", "x\\y", " "]), max_size=4).map(
    "/".join
)


@settings(max_examples=40)  # folders are synced, which takes what the disk takes
@given(st.lists(WIRE_PATHS, max_size=8))
def test_what_was_found_good_before_lets_nothing_in_that_is_refused_by_itself(paths: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        known: dict[str, str] = {}
        for path in paths:
            found = [_place_or_none(lambda: resolve_under(Path(folder), path))]  # noqa: B023 - called at once
            found.append(_place_or_none(lambda: Path(resolve_beside(Path(folder), path, known))))  # noqa: B023
            assert found[0] == found[1]


def _place_or_none(place: Callable[[], Path]) -> Path | None:
    try:
        return place()
    except NameRefused:
        return None


def test_a_part_has_the_same_name_as_text(tmp_path: Path) -> None:
    for name in ("a.csv", "x" * 254, "日本" * 60 + ".bin"):
        assert part_name(str(tmp_path / name)) == str(part_path(tmp_path / name))
