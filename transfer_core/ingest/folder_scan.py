"""What is in a folder and the folders inside it, in the order of names, a slice at a time.

Symbolic links are not followed and are told of instead, so that a walk neither leaves the folder nor runs in circles.
Only names are kept while a folder is read, since it may hold hundreds of thousands.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterator


class Refusals:
    """What is left out below a root as each folder was last read, and why: of each folder, for the first name."""

    def __init__(self) -> None:
        self.count = 0
        self._by_folder: dict[str, tuple[int, str]] = {}

    def read_again(self, folder: str) -> None:
        """What was left out of this folder counts no more."""
        self.count -= self._by_folder.pop(folder, (0, ""))[0]

    def add(self, folder: str, relative: str, why: str) -> None:
        """That entry of the folder, or the folder itself, is left out."""
        text = f"{relative}: {why}"
        count, first = self._by_folder.get(folder, (0, text))
        self._by_folder[folder] = count + 1, min(first, text)
        self.count += 1

    @property
    def first(self) -> str:
        """One of them with its reason; empty if nothing is left out."""
        return next((first for _, first in self._by_folder.values()), "")


def walk(
    root: str,
    enter: Callable[[str], None],
    refusals: Refusals,
    start: str = "",
    *,
    leave_out: Container[str] = (),
) -> Iterator[str]:
    """Relative paths of all that is no folder and no link below `root`, from the folder `start` on.

    `enter` is called for each folder before it is read, so that what comes later is told by events. Folders in
    `leave_out` are not read, and one that can't be read is left out; OSError if that is the root itself.
    """
    todo = [start]
    while todo:
        folder = todo.pop()
        try:
            refusals.read_again(folder)
            enter(folder)
            files, folders = _list(os.path.join(root, folder) if folder else root, folder, refusals)  # noqa: PTH118
        except OSError as error:
            if not folder:
                raise
            if not isinstance(error, FileNotFoundError):
                refusals.add(folder, folder, error.strerror or str(error))
            continue
        yield from files
        todo.extend(inner for inner in reversed(folders) if inner not in leave_out)


def _list(path: str, folder: str, refusals: Refusals) -> tuple[list[str], list[str]]:
    files: list[str] = []
    folders: list[str] = []
    prefix = f"{folder}/" if folder else ""
    with os.scandir(path) as entries:
        for entry in entries:
            relative = prefix + entry.name
            if entry.is_symlink():
                refusals.add(folder, relative, "a symbolic link is not followed")
            elif entry.is_dir(follow_symlinks=False):
                folders.append(relative)
            else:
                files.append(relative)
    files.sort()
    folders.sort()
    return files, folders
