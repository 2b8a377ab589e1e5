"""Files of odd sizes and odd names: each arrives whole, under a name that any system takes and that tells the first."""

from __future__ import annotations

import os
import sys

import pytest

from tests.support.field import Field, data_of
from transfer_core.storage.safe_path import wire_name

SIZES = {"empty": 0, "one": 1, "under": 65_535, "chunk": 65_536, "over": 65_537}
NAMES = (
    "lap 🏎️ №7.bin",
    "e" * 251 + ".csv",
    "é" * 127 + "x",
    "two\nlines",
    "trailing.",
    "trailing ",
    "CON",
    "nul.txt",
    "LPT1.csv",
    'a:b?c*d"e<f>g|h\\i',
    ".hidden",
    "...",
    "%41",
    "x.part",
    "-rf",
    "tab\tbell\x07",
    "\u202egpj.exe",
)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not take such names to begin with")
def test_files_of_any_size_and_name_arrive(field: Field) -> None:
    folder = field.folder / "odd ⚑"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "hollow").mkdir()
    sent: dict[str, bytes] = {}
    for i, name in enumerate(NAMES):
        sent[name] = data_of(i)
        (folder / name).write_bytes(sent[name])
    raw = b"not utf-8 \xff\xfe"
    (folder / os.fsdecode(raw)).write_bytes(b"raw")
    sent[os.fsdecode(raw)] = b"raw"
    for name, size in SIZES.items():
        sent[f"deep/er/{name}"] = data_of(size)
        (folder / "deep" / "er" / name).write_bytes(sent[f"deep/er/{name}"])
    (folder / "link").symlink_to(folder / "CON")
    field.start_relay()
    field.pair()
    mistyped = field.say("upload", folder, folder / "none", "--to", "pit")
    assert mistyped.err.startswith("E_SOURCE_MISSING: ")
    assert field.jobs() == []  # nothing was queued
    answer = field.run("upload", folder, "--to", "pit", "--json")
    assert answer.code == 1, answer.err  # what was left out is said, the rest is queued
    skipped = {os.path.basename(each["path"]): each["why"] for each in answer.json["skipped"]}  # noqa: PTH119
    assert skipped == {
        "hollow": "the folder is empty",
        "link": "a link inside a folder is not followed",
    }
    agent = field.start_agent("--once")
    assert agent.wait() == 0, agent.err
    assert field.run("status").code == 0
    arrived = {"/".join(map(wire_name, name.split("/")[1:])): data for name, data in field.arrived().items()}
    assert arrived == sent
    stored = [part for name in field.arrived() for part in name.split("/")]
    assert all(len(os.fsencode(part)) <= 255 and part.isprintable() for part in stored)
    assert not {part.split(".")[0].upper() for part in stored} & {"CON", "NUL", "LPT1"}
