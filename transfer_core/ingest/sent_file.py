"""Deletes a source that has verifiably arrived, and nothing else: not another file under its name, nor a later state.

Theory of operation. Between a look at a name and its deletion another file may come to bear it. So the file is first
renamed to a name of its own, which nobody writes to, and looked at there: only if it is what was sent, and nobody has
it open for writing, is it deleted; otherwise it gets its name back. What a crash in between leaves is dealt with by the
next call for that file.
"""

from __future__ import annotations

import os
import stat
from enum import Enum
from pathlib import Path

from transfer_core.ingest.completion import Facts, Writer
from transfer_core.ingest.open_writers import writer_of
from transfer_core.ingest.selection import PART_SUFFIX
from transfer_core.storage.rename import rename_new

ASIDE = ".sent" + PART_SUFFIX


class Removal(Enum):
    """What became of a source."""

    DELETED = "deleted"
    GONE = "gone"  # somebody else deleted it
    CHANGED = "changed"  # it is not what was sent; it stays
    HELD = "held"  # somebody writes it; it stays for now


def facts_of(path: str) -> Facts | None:
    """The file as it is, None for one that is not there or is no plain file."""
    try:
        facts = os.lstat(path)
    except OSError:
        return None
    return Facts(facts.st_size, facts.st_mtime_ns, facts.st_ino) if stat.S_ISREG(facts.st_mode) else None


def remove_sent(path: str, sent: Facts) -> Removal:
    """Delete the file if it is as it was sent. OSError if the system refuses; then it is still there."""
    folder, name = os.path.split(path)
    aside = os.path.join(folder, f".{name}{ASIDE}")  # noqa: PTH118 - names need not be valid Unicode
    if os.path.lexists(aside):
        _end_what_crashed(aside, path, sent)
    found = facts_of(path)
    if found is None:
        return Removal.CHANGED if os.path.lexists(path) else Removal.GONE
    if found != sent:
        return Removal.CHANGED
    if writer_of(path) is Writer.HELD:
        return Removal.HELD
    try:
        rename_new(Path(path), Path(aside))
    except FileNotFoundError:
        return Removal.GONE
    found = facts_of(aside)
    held = writer_of(aside) is Writer.HELD
    if found != sent or held:
        _give_back(aside, path)
        return Removal.CHANGED if found != sent else Removal.HELD
    os.unlink(aside)  # noqa: PTH108 - as above
    return Removal.DELETED


def _end_what_crashed(aside: str, path: str, sent: Facts) -> None:
    if facts_of(aside) == sent and writer_of(aside) is not Writer.HELD:
        os.unlink(aside)  # noqa: PTH108 - as above
    else:
        _give_back(aside, path)


def _give_back(aside: str, path: str) -> None:
    """Give it its name back; if that is taken already, a name beside it, so that neither is lost."""
    stem, suffix = os.path.splitext(path)  # noqa: PTH122 - as above
    for number in range(1, 1000):
        try:
            rename_new(Path(aside), Path(path if number == 1 else f"{stem} ({number}){suffix}"))
        except FileExistsError:
            continue
        return
