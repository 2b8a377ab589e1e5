"""The folder of a race that is deleted, so that a crash in between leaves neither half a race nor a forgotten one.

It is marked by its name first; then the race is forgotten, and what is marked is deleted. What a crash left marked is
finished with the next start. An unmarked folder is never deleted, whatever the list of races says: that list may be the
one that is damaged.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transfer_core.errors import WriteFailed
from transfer_core.storage.durable import sync_folder

_MARK = ".deleted"  # no race has it in its id
_LATER = "The next start tries again."


def mark_deleted(races: Path, race_id: str) -> None:
    """Durable when it returns; nothing if the race has no folder. WriteFailed, with everything as it was."""
    with _deletion():
        (races / race_id).rename(races / (race_id + _MARK))
        try:
            sync_folder(races)
        except OSError:
            unmark(races, race_id)
            raise


def unmark(races: Path, race_id: str) -> None:
    """It is not deleted after all. WriteFailed."""
    try:
        (races / (race_id + _MARK)).rename(races / race_id)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise WriteFailed(f"a recording can't be kept: {error.strerror or error}") from error


def marked(races: Path) -> list[str]:
    """The races whose deletion was begun."""
    return [each.name.removesuffix(_MARK) for each in races.glob(f"*{_MARK}")]


def empty_marked(races: Path, race_id: str) -> None:
    """Make the room that forgetting it may take, and keep the mark. WriteFailed; what is left stays marked."""
    with _deletion(hint=_LATER):
        for each in (races / (race_id + _MARK)).iterdir():
            each.unlink()


def delete_marked(races: Path, race_id: str) -> None:
    """WriteFailed; what is left stays marked."""
    with _deletion(hint=_LATER):
        shutil.rmtree(races / (race_id + _MARK))


@contextmanager
def _deletion(hint: str | None = None) -> Iterator[None]:
    """What is not there need not be deleted."""
    try:
        yield
    except FileNotFoundError:
        pass
    except OSError as error:
        raise WriteFailed(f"a recording can't be deleted: {error.strerror or error}", hint=hint) from error
