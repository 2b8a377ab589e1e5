"""What is in a folder and the folders inside it, in the order of names, a slice at a time.

Symbolic links are not followed and are told of instead, so that a walk neither leaves the folder nor runs in circles.
Only names are kept while a folder is read, since it may hold hundreds of thousands.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Refusals:
    """What a walk left out, and why; the first few by name."""

    links: int = 0
    unreadable: int = 0
    first: list[str] = field(default_factory=list)

    def add_link(self, relative: str) -> None:
        """A symbolic link is there."""
        self.links += 1
        self._name(f"{relative}: a symbolic link is not followed")

    def add_unreadable(self, relative: str, error: OSError) -> None:
        """A folder inside can't be read."""
        self.unreadable += 1
        self._name(f"{relative}: {error.strerror or error}")

    def _name(self, text: str) -> None:
        if len(self.first) < 5:
            self.first.append(text)


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
            enter(folder)
            files, folders = _list(os.path.join(root, folder) if folder else root, folder, refusals)  # noqa: PTH118
        except OSError as error:
            if not folder:
                raise
            if not isinstance(error, FileNotFoundError):
                refusals.add_unreadable(folder, error)
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
                refusals.add_link(relative)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(relative)
            else:
                files.append(relative)
    files.sort()
    folders.sort()
    return files, folders
