"""Tells which paths below a folder changed, as the system reports it; what it does not report, a rescan finds.

A thread reads the events, waits until it is quiet for a moment, and hands over what changed. Lost events, and trees
with more folders than may be watched, are said with None: look at everything.
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transfer_core.sync.tree import PRIVATE

QUIET_S = 0.05
AT_MOST_S = 0.5
_HEAD = struct.Struct("iIII")
_READ_BYTES = 256 * 1024
_ATTRIB, _CLOSE_WRITE, _MOVED, _CREATE, _DELETE = 0x4, 0x8, 0x40 | 0x80, 0x100, 0x200
_OVERFLOW, _IGNORED, _IS_FOLDER = 0x4000, 0x8000, 0x4000_0000
_MASK = _ATTRIB | _CLOSE_WRITE | _MOVED | _CREATE | _DELETE | 0x0100_0000 | 0x0200_0000  # only folders, no links


class FolderWatcher:
    """See the module. `on_changes` is called from the watcher's thread, with paths below the root or None."""

    def __init__(self, root: Path, on_changes: Callable[[set[str] | None], None]) -> None:
        self._root, self._on_changes = root, on_changes
        self._folders: dict[int, str] = {}  # watch -> path with '/' at its end, or ''
        self._inotify: Any = None
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="sync-watch", daemon=True)

    def start(self) -> bool:
        """Begin; False if this system tells nothing, so that rescans have to do."""
        if sys.platform != "linux":
            return False
        from asyncinotify import Inotify  # noqa: PLC0415 - Linux alone has it

        try:
            self._inotify = Inotify()
        except OSError:
            return False
        os.set_blocking(self._inotify.fd, False)
        self._thread.start()
        return True

    def stop(self) -> None:
        """End."""
        if self._thread.is_alive():
            os.write(self._wake_write, b"x")
            self._thread.join(5)
        if self._inotify is not None:
            self._inotify.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _run(self) -> None:
        is_whole = self._watch("")
        self._on_changes(None)  # what changed before the watches were there
        poll = select.poll()
        poll.register(self._inotify.fd, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        changed: set[str] = set()
        since_s: float | None = None
        while True:
            ready = poll.poll(None if since_s is None else QUIET_S * 1000)
            if any(fd == self._wake_read for fd, _ in ready):
                return
            is_whole = self._read(changed) and is_whole
            if (changed or not is_whole) and since_s is None:
                since_s = time.monotonic()
            if since_s is not None and (not ready or time.monotonic() - since_s > AT_MOST_S):
                self._on_changes(changed if is_whole else None)
                changed, since_s, is_whole = set(), None, True

    def _read(self, changed: set[str]) -> bool:
        """Take events in; False if some were lost."""
        try:
            data = os.read(self._inotify.fd, _READ_BYTES)
        except BlockingIOError:
            return True
        offset, is_whole = 0, True
        while offset < len(data):
            watch, mask, _, length = _HEAD.unpack_from(data, offset)
            offset += _HEAD.size + length
            if mask & _OVERFLOW:
                is_whole = False
            if mask & _IGNORED:
                self._folders.pop(watch, None)
            folder = self._folders.get(watch)
            if folder is None or not length or mask & _OVERFLOW:
                continue
            name = os.fsdecode(data[offset - length : offset].rstrip(b"\0"))
            if folder == "" and name == PRIVATE:
                continue
            changed.add(folder + name)
            if mask & _IS_FOLDER and mask & (_CREATE | _MOVED):
                is_whole = self._watch(folder + name) and is_whole
        return is_whole

    def _watch(self, top: str) -> bool:
        """Watch a folder and all below it; False if not all could be."""
        from asyncinotify import Mask  # noqa: PLC0415 - Linux alone has it

        waiting = [top]
        while waiting:
            path = waiting.pop()
            place = self._root / path if path else self._root
            try:
                watch = self._inotify.add_watch(os.fsencode(place), Mask(_MASK))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                return False
            self._folders[watch.wd] = path + "/" if path else ""
            with contextlib.suppress(OSError), os.scandir(place) as entries:
                waiting += [
                    f"{path}/{entry.name}" if path else entry.name
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and (path or entry.name != PRIVATE)
                ]
        return True
