"""The folder on a real disk: see `tree.Tree`.

Theory of operation. A new content is staged in the folder's own private place, on the same file system, with its times
and rights, and synced. Where a file stands already, the two change places in one step, and what came out is looked at:
if it is not what the index knew, they change back at once, so that an edit made in that very moment is not lost. What
came out lies in the trash from then on. No symbolic link is followed: one in the way of a path refuses it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from transfer_core.errors import NameRefused, WriteFailed
from transfer_core.storage.durable import start_sync, sync_file, sync_folder
from transfer_core.storage.incoming import storage_error
from transfer_core.storage.rename import rename_new, swap
from transfer_core.sync.disk_reading import MARKER, DiskReading, stat_of
from transfer_core.sync.entry import Kind, parent_of
from transfer_core.sync.naming import why_not_synced
from transfer_core.sync.tree import PRIVATE, NameClash, Stat, TargetChanged

TRASH_DAYS = 30
SYNC_THREADS = 16
FEW = 3  # so many files are synced without threads
_EXECUTABLE = 0o111
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class DiskTree(DiskReading):
    """See the module. One folder below `root`; `folder` is what its marker says. Used by one thread."""

    def __init__(self, root: Path, folder: str) -> None:
        super().__init__(root, folder)
        self._umask = _umask()
        self._unsettled: set[str] = set()
        self._staging = f"{self._base}/{PRIVATE}/staged/{secrets.token_hex(6)}-"
        self._staged = 0

    def adopt(self) -> None:
        """Make this folder the shared one: put the marker there. WriteFailed, DiskFull."""
        try:
            for part in (self.root, self._private, self._private / "staged", self._private / "trash"):
                part.mkdir(exist_ok=True)
            marker = self._private / MARKER
            marker.write_text(self._folder, encoding="utf-8")
            fd = os.open(marker, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            sync_folder(self._private)
            sync_folder(self.root)
        except OSError as error:
            raise storage_error(error, self.root) from error

    def release(self) -> None:
        """It is not shared any more: the marker goes, the trash stays."""
        (self._private / MARKER).unlink(missing_ok=True)

    def tidy(self, wall_ns: int) -> None:
        """Drop what a crash left under way, and trash that is older than 30 days."""
        for left in self._listed(self._private / "staged"):
            left.unlink(missing_ok=True)
        oldest = _day(wall_ns - TRASH_DAYS * 86_400 * 10**9)
        for day in self._listed(self._private / "trash"):
            if day.name < oldest:
                shutil.rmtree(day, ignore_errors=True)

    def _listed(self, folder: Path) -> list[Path]:
        try:
            return list(folder.iterdir())
        except OSError:
            return []

    # --- changing

    def stage(self, pieces: Iterable[bytes], mtime_ns: int, executable: bool) -> str:
        """See `Tree`."""
        self._staged += 1
        token = f"{self._staging}{self._staged}"
        try:
            fd = os.open(token, _NEW, 0o777 if executable else 0o666)
            try:
                for piece in pieces:
                    _write(fd, piece)
                start_sync(fd)
            finally:
                os.close(fd)
            os.utime(token, ns=(mtime_ns, mtime_ns))
        except OSError as error:
            self.discard(token)
            raise storage_error(error, Path(token)) from error
        except BaseException:
            self.discard(token)
            raise
        return token

    def sync_staged(self, tokens: Sequence[str]) -> None:
        """See `Tree`. Threads, since the disk syncs many files that ask at the same time at once."""
        if len(tokens) < FEW:
            _sync(tokens)
            return
        with ThreadPoolExecutor(SYNC_THREADS, thread_name_prefix="sync-disk") as pool:
            for _ in pool.map(_sync, [tokens[at::SYNC_THREADS] for at in range(SYNC_THREADS)]):
                pass

    def publish(self, token: str, path: str, expected: Stat | None) -> Stat:
        """See `Tree`."""
        target = self._target(path)
        try:
            if expected is None:
                rename_new(token, target)
            else:
                trashed = self._trash_place(path)
                os.rename(token, trashed)  # noqa: PTH104
                if not self._exchange(trashed, Path(target), expected):
                    trashed.rename(token)
                    raise TargetChanged(f"{path} is another by now")
                self._unsettled.add(os.fspath(trashed.parent))
            self._unsettled.add(os.path.dirname(target))  # noqa: PTH120
            found = stat_of(os.lstat(target))
        except (FileExistsError, FileNotFoundError) as error:
            raise TargetChanged(f"{path} is another by now") from error
        except OSError as error:
            raise storage_error(error, Path(target)) from error
        if found is None:
            raise TargetChanged(f"{path} is another by now")
        return found

    def _exchange(self, new: Path, target: Path, expected: Stat) -> bool:
        """Let the two change places, if the target is what it should be; it lies where the new one was then."""
        if not expected.is_same_file(stat_of(target.lstat())):
            return False
        if not swap(new, target):  # no such call here: the old one is linked aside, then replaced
            aside = new.with_name(new.name + "-old")
            _link_or_copy(target, aside)
            if not expected.is_same_file(stat_of(aside.lstat())) and not expected.is_same_file(stat_of(target.lstat())):
                aside.unlink()
                return False
            new.replace(target)
            return True
        if expected.is_same_file(stat_of(new.lstat())):
            return True
        swap(new, target)
        return False

    def _trash_place(self, path: str) -> Path:
        folder = self._private / "trash" / _day(time.time_ns())
        parent = parent_of(path)
        folder = folder / parent if parent else folder
        folder.mkdir(parents=True, exist_ok=True)
        name = path.rpartition("/")[2]
        mark = f"~{secrets.token_hex(4)}"
        raw = name.encode("utf-8", "surrogateescape")[: 255 - len(mark)]
        return folder / (raw.decode("utf-8", "ignore") + mark)

    def _target(self, path: str) -> str:
        """Where a path lies, its folders made. NameClash if the disk takes another name there for this one.

        NameRefused if this system can't hold the name, or takes it for something else.
        """
        if sys.platform == "win32" and any(why_not_synced(part)[0] for part in path.split("/")):
            raise NameRefused(f"this system can't hold the name {path}")
        parent = parent_of(path)
        if parent and self.stat(parent) is None:
            self.make_folder(parent)
        try:
            target = self._place(path)
        except OSError as error:
            raise TargetChanged(f"{path} has just been changed") from error
        self._refuse_clash(target, path)
        return target

    def _refuse_clash(self, target: str, path: str) -> None:
        if self._is_folding() and os.path.lexists(target) and not self._is_named_so(target):
            raise NameClash(f"{path} can't be beside a name that this disk takes for the same")

    def discard(self, token: str) -> None:
        """See `Tree`."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(token)  # noqa: PTH108

    def make_folder(self, path: str) -> Stat:
        """See `Tree`."""
        target = Path(self._target(path))
        try:
            target.mkdir(0o777)
            self._unsettled |= {os.fspath(target), os.fspath(target.parent)}
        except FileExistsError as error:
            if not stat.S_ISDIR(target.lstat().st_mode):
                raise TargetChanged(f"{path} is no folder") from error
        except OSError as error:
            raise storage_error(error, target) from error
        return Stat(Kind.FOLDER)

    def trash(self, path: str, expected: Stat) -> None:
        """See `Tree`."""
        try:
            target = Path(self._place(path))
            if expected.kind is Kind.FOLDER:
                target.rmdir()
            else:
                self._trash_file(path, target, expected)
            self._unsettled.add(os.fspath(target.parent))
        except (FileNotFoundError, FileExistsError) as error:
            raise TargetChanged(f"{path} is another by now") from error
        except OSError as error:
            if expected.kind is Kind.FOLDER:
                raise WriteFailed(f"{path} can't be removed: {error.strerror or error}") from error
            raise storage_error(error, self.root / path) from error

    def _trash_file(self, path: str, target: Path, expected: Stat) -> None:
        trashed = self._trash_place(path)
        rename_new(target, trashed)
        if not expected.is_same_file(stat_of(trashed.lstat())):
            rename_new(trashed, target)
            raise TargetChanged(f"{path} is another by now")
        self._unsettled.add(os.fspath(trashed.parent))

    def keep_as(self, path: str, to: str, expected: Stat) -> None:
        """See `Tree`."""
        source, target = Path(self._target(path)), Path(self._target(to))
        try:
            _link_or_copy(source, target)
            if not expected.is_same_file(stat_of(target.lstat())) and not expected.is_same_file(
                stat_of(source.lstat())
            ):
                target.unlink()
                raise TargetChanged(f"{path} is another by now")
            sync_folder(target.parent)
        except (FileExistsError, FileNotFoundError) as error:
            raise TargetChanged(f"{to} is another by now") from error
        except OSError as error:
            raise storage_error(error, target) from error

    def settle(self) -> None:
        """See `Tree`."""
        folders, self._unsettled = self._unsettled, set()
        for folder in folders:
            try:
                sync_folder(folder)
            except FileNotFoundError:
                continue  # removed since, which its own parent tells
            except OSError as error:
                raise storage_error(error, Path(folder)) from error

    def move(self, path: str, to: str, expected: Stat) -> None:
        """Give a file another name, where there must be nothing. TargetChanged, NameClash, WriteFailed."""
        source, target = Path(self._target(path)), Path(self._target(to))
        try:
            if not expected.is_same_file(stat_of(source.lstat())):
                raise TargetChanged(f"{path} is another by now")
            rename_new(source, target)
            sync_folder(target.parent)
            sync_folder(source.parent)
        except (FileExistsError, FileNotFoundError) as error:
            raise TargetChanged(f"{to} is another by now") from error
        except OSError as error:
            raise storage_error(error, target) from error

    def set_executable(self, path: str, executable: bool) -> Stat:
        """See `Tree`."""
        target = Path(self._target(path))
        try:
            mode = target.lstat().st_mode
            target.chmod(mode | (_EXECUTABLE & ~self._umask) if executable else mode & ~_EXECUTABLE)
            found = stat_of(target.lstat())
        except OSError as error:
            raise storage_error(error, target) from error
        if found is None:
            raise TargetChanged(f"{path} is no file")
        return found


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _sync(places: Iterable[str]) -> None:
    """Make the data of these files durable. DiskFull, WriteFailed."""
    for place in places:
        try:
            fd = os.open(place, os.O_RDWR | getattr(os, "O_BINARY", 0))
            try:
                sync_file(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise storage_error(error, Path(place)) from error


def _link_or_copy(source: Path, target: Path) -> None:
    """Another name for a file, or where there are no links a synced copy, with its times. FileExistsError."""
    try:
        os.link(source, target, follow_symlinks=False)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:
        with contextlib.ExitStack() as stack:
            reading = stack.enter_context(open(source, "rb"))  # noqa: PTH123
            writing = stack.enter_context(open(target, "xb"))  # noqa: PTH123
            shutil.copyfileobj(reading, writing)
            writing.flush()
            found = os.fstat(reading.fileno())
            os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
            sync_file(writing.fileno())


def _day(wall_ns: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(max(0, wall_ns) // 10**9))


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
