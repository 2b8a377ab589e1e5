"""Deletes what is in a folder, and not the folder; refuses folders whose content nobody wants to lose.

Symbolic links inside are deleted themselves, not what they lead to. Another file system that is mounted inside, and
part files that a running relay writes, are left as they are.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from transfer_core.errors import NotFoundError, UsageError
from transfer_core.storage.plain_open import PLAIN
from transfer_core.storage.safe_path import PART_SUFFIX

if sys.platform != "win32":
    import fcntl

_SYSTEM = frozenset(
    {"bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "media", "mnt", "opt", "proc", "root", "run"}
    | {"sbin", "srv", "sys", "usr", "var", "windows", "program files", "program files (x86)", "programdata", "users"}
    | {"applications", "library", "system", "volumes", "private"}
)
_SYSTEM_WHOLE = frozenset(
    {"bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "proc", "sbin", "sys", "usr", "windows"}
)


@dataclass(slots=True)
class Cleared:
    """What was deleted, or would be, and what was left with the reason."""

    files: int = 0
    size_bytes: int = 0
    left: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)  # of the files, by their names below the folder


def check_clearable(folder: Path, *, keep: tuple[Path, ...] = ()) -> Path:
    """The folder, resolved. NotFoundError, or UsageError if it is one that is never cleared.

    Those are: the root, everything right below it, what belongs to the system, a home and what holds it, the folder
    this program was started in and what holds it, and those that hold one of `keep`.
    """
    if folder.is_symlink():
        raise UsageError(f"{folder} is a symbolic link", hint="Name the folder itself.")
    try:
        whole = folder.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise NotFoundError(f"{folder} is not there", hint="Name a folder that has been received into.") from error
    if not whole.is_dir():
        raise UsageError(f"{folder} is no folder", hint="Name a folder that has been received into.")
    parts = [part.lower() for part in whole.parts[1:]]
    held = [place.resolve() for place in (Path.home(), Path.cwd(), *keep)]
    if len(parts) < 2 or parts[0] in _SYSTEM_WHOLE or (len(parts) == 1 and parts[0] in _SYSTEM):
        raise UsageError(f"{whole} is never cleared: it belongs to the system", hint="Name a folder further inside.")
    if parts[0] in ("home", "users") and len(parts) == 2:
        raise UsageError(f"{whole} is never cleared: it is somebody's home", hint="Name a folder further inside.")
    for place in held:
        if place == whole or whole in place.parents:
            raise UsageError(f"{whole} is never cleared: it holds {place}", hint="Name a folder further inside.")
    return whole


def clear(folder: Path, *, only_look: bool = False) -> Cleared:
    """Delete what is in a folder that was checked; with `only_look` say what would be. What can't be is `left`."""
    done = Cleared()
    device = folder.stat().st_dev
    _clear_level(folder, folder, device, done, only_look=only_look)
    return done


def _clear_level(root: Path, folder: Path, device: int, done: Cleared, *, only_look: bool) -> bool:
    """Whether it is empty now."""
    is_empty = True
    for path, facts in _entries(folder, root, done):
        relative = path.relative_to(root).as_posix()
        if stat.S_ISDIR(facts.st_mode):
            if facts.st_dev != device:
                done.left.append(f"{relative}: another file system is mounted there")
                is_empty = False
            elif _clear_level(root, path, device, done, only_look=only_look) and not only_look:
                is_empty &= _remove(path, relative, done)
            else:
                is_empty = False
        elif path.name.endswith(PART_SUFFIX) and stat.S_ISREG(facts.st_mode) and _is_written(path):
            done.left.append(f"{relative}: it is being received")
            is_empty = False
        elif only_look or _remove(path, relative, done):
            done.files += 1
            done.size_bytes += facts.st_size
            done.sizes[relative] = facts.st_size
        else:
            is_empty = False
    return is_empty


def _entries(folder: Path, root: Path, done: Cleared) -> Iterator[tuple[Path, os.stat_result]]:
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - a copy: entries are deleted meanwhile
    except OSError as error:
        done.left.append(f"{folder.relative_to(root).as_posix()}: {error.strerror or error}")
        return
    for name in names:
        path = folder / name
        try:
            yield path, path.lstat()
        except FileNotFoundError:
            continue


def _remove(path: Path, relative: str, done: Cleared) -> bool:
    try:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # filled anew meanwhile
            done.left.append(f"{relative}: {error.strerror or error}")
        return False
    return True


def _is_written(path: Path) -> bool:
    """Whether a relay has this part file under way: it holds a lock on it."""
    if sys.platform == "win32":
        return False  # an open file can't be deleted there
    try:
        fd = os.open(path, os.O_RDONLY | PLAIN)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
