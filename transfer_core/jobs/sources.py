"""Turns what a person dropped or named into files to send: folders are walked, what can't be sent says why.

A named path may be a symbolic link; one inside a folder is not followed, so that a walk neither leaves the folder nor
runs in circles. Names are kept as the system gives them, valid Unicode or not.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from transfer_core.events import Skipped


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """One file to send; `dest_path` is '/'-separated and relative."""

    path: str
    size: int
    dest_path: str


def expand(paths: Sequence[str], dest_path: str = "") -> tuple[list[SourceEntry], list[Skipped]]:
    """The files of these paths in a fixed order, and what is left out. A folder keeps its structure under its own name.

    `dest_path` is a folder to put them in; for one single file it is its new name, unless it ends with a slash. Of two
    files that would arrive under one name the second gets a number.
    """
    entries: list[SourceEntry] = []
    skipped: list[Skipped] = []
    prefix = "/".join(part for part in dest_path.split("/") if part)
    for text in paths:
        path = Path(os.path.abspath(text))  # noqa: PTH100 - a named symbolic link keeps its own name
        target = f"{prefix}/{path.name}".strip("/")
        if prefix and len(paths) == 1 and not path.is_dir() and not dest_path.endswith("/"):
            target = prefix
        _expand_one(path, target, entries, skipped)
    return _without_doubles(entries, skipped), skipped


def _expand_one(named: Path, target: str, entries: list[SourceEntry], skipped: list[Skipped]) -> None:
    """Depth first and in the order of names; a list of what is still to do, since folders may nest deeply."""
    todo = [(named, target)]
    while todo:
        path, dest_path = todo.pop()
        try:
            facts = path.stat() if path is named else path.lstat()
            if stat.S_ISDIR(facts.st_mode):
                children = sorted(path.iterdir(), reverse=True)
                todo.extend((child, f"{dest_path}/{child.name}".lstrip("/")) for child in children)
                if not children:
                    skipped.append(Skipped(str(path), "the folder is empty"))
            elif stat.S_ISREG(facts.st_mode) and os.access(path, os.R_OK):
                entries.append(SourceEntry(str(path), facts.st_size, dest_path))
            else:
                skipped.append(Skipped(str(path), _why_not(facts.st_mode)))
        except FileNotFoundError:
            skipped.append(Skipped(str(path), "there is no such file"))
        except (OSError, ValueError) as error:
            skipped.append(Skipped(str(path), f"can't be read: {getattr(error, 'strerror', None) or error}"))


def _why_not(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "can't be read: permission denied"
    if stat.S_ISLNK(mode):
        return "a link inside a folder is not followed"
    return "neither a file nor a folder"


def _without_doubles(entries: Sequence[SourceEntry], skipped: list[Skipped]) -> list[SourceEntry]:
    sources: set[str] = set()
    targets: set[str] = set()
    kept: list[SourceEntry] = []
    for entry in entries:
        if entry.path in sources:
            skipped.append(Skipped(entry.path, "it was named twice"))
            continue
        number, target = 1, PurePosixPath(entry.dest_path)
        while str(target) in targets:
            number += 1
            original = PurePosixPath(entry.dest_path)
            target = original.with_name(f"{original.stem} ({number}){original.suffix}")
        sources.add(entry.path)
        targets.add(str(target))
        kept.append(entry if number == 1 else replace(entry, dest_path=str(target)))
    return kept
