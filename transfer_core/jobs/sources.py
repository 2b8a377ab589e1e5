"""Turns what a person dropped or named into files to send: folders are walked, what can't be sent says why."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transfer_core.events import Skipped


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """One file to send; `dest_path` is '/'-separated and relative."""

    path: str
    size: int
    dest_path: str


def expand(paths: Sequence[str], dest_path: str = "") -> tuple[list[SourceEntry], list[Skipped]]:
    """Files of these paths in a fixed order. A folder keeps its structure under its own name."""
    entries: list[SourceEntry] = []
    skipped: list[Skipped] = []
    prefix = dest_path.strip("/")
    for text in paths:
        path = Path(os.path.abspath(text))
        rename = path.name
        if prefix and len(paths) == 1 and not path.is_dir() and not dest_path.endswith("/"):
            rename = prefix
        elif prefix:
            rename = f"{prefix}/{path.name}"
        _expand_one(path, rename, entries, skipped, named=True)
    return entries, skipped


def _expand_one(
    path: Path, dest_path: str, entries: list[SourceEntry], skipped: list[Skipped], *, named: bool = False
) -> None:
    try:
        facts = path.stat() if named else path.lstat()
        if stat.S_ISREG(facts.st_mode):
            if os.access(path, os.R_OK):
                entries.append(SourceEntry(str(path), facts.st_size, dest_path))
            else:
                skipped.append(Skipped(str(path), "can't be read: permission denied"))
        elif stat.S_ISDIR(facts.st_mode):
            names = sorted(os.listdir(path))
            if not names:
                skipped.append(Skipped(str(path), "the folder is empty"))
            for name in names:
                _expand_one(path / name, f"{dest_path}/{name}", entries, skipped)
        elif stat.S_ISLNK(facts.st_mode):
            skipped.append(Skipped(str(path), "a link inside a folder is not followed"))
        else:
            skipped.append(Skipped(str(path), "neither a file nor a folder"))
    except FileNotFoundError:
        skipped.append(Skipped(str(path), "there is no such file"))
    except (OSError, ValueError) as error:
        skipped.append(Skipped(str(path), f"can't be read: {getattr(error, 'strerror', None) or error}"))
