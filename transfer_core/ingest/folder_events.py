"""What inotify tells of folders: a file was made, closed after writing, renamed into place; and that events were lost.

Names are kept as the system gives them, valid Unicode or not. Where there is no inotify, `open_folder_events` gives
None and folders are polled.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncinotify import Inotify

_HEAD = struct.Struct("iIII")
_READ_BYTES = 256 * 1024
_CLOSE_WRITE, _MOVED_TO, _CREATE, _DELETE_SELF, _MOVE_SELF = 0x8, 0x80, 0x100, 0x400, 0x800
_UNMOUNT, _OVERFLOW, _IGNORED, _IS_FOLDER = 0x2000, 0x4000, 0x8000, 0x4000_0000
_ONLY_FOLDER, _NO_FOLLOW, _EXCL_UNLINK = 0x0100_0000, 0x0200_0000, 0x0400_0000
_MASK = _CLOSE_WRITE | _MOVED_TO | _CREATE | _DELETE_SELF | _MOVE_SELF | _ONLY_FOLDER | _EXCL_UNLINK
_OUT_OF_WATCHES = (errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class Happened(Enum):
    """What an event says."""

    MADE = "made"
    CLOSED = "closed"
    RENAMED = "renamed"
    FOLDER_CAME = "folder came"
    FOLDER_LOST = "folder lost"  # deleted, moved away or unmounted
    EVENTS_LOST = "events lost"  # of any folder


@dataclass(frozen=True, slots=True)
class FolderEvent:
    """One event. `key` is what `FolderEvents.add` gave; -1 concerns all of them."""

    key: int
    happened: Happened
    name: str


class FolderEvents:
    """One inotify instance. Used by one thread."""

    def __init__(self, inotify: Inotify) -> None:
        self._inotify = inotify
        os.set_blocking(inotify.fd, False)

    @property
    def fd(self) -> int:
        """Readable when there are events."""
        return self._inotify.fd

    def add(self, folder: str, *, follow: bool = False) -> int | None:
        """Begin to watch a folder; None if the system has no watch left. OSError for a folder that can't be watched."""
        from asyncinotify import Mask  # noqa: PLC0415 - Linux alone has it

        try:
            watch = self._inotify.add_watch(os.fsencode(folder), Mask(_MASK | (0 if follow else _NO_FOLLOW)))
        except OSError as error:
            if error.errno in _OUT_OF_WATCHES:
                return None
            raise
        return watch.wd

    def read(self) -> list[FolderEvent]:
        """What has happened since the last call, in order. Never waits."""
        try:
            data = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return []
        events: list[FolderEvent] = []
        offset = 0
        while offset < len(data):
            key, mask, _, length = _HEAD.unpack_from(data, offset)
            offset += _HEAD.size + length
            happened = _happened(mask)
            if happened is not None:
                name = data[offset - length : offset].rstrip(b"\0")
                events.append(FolderEvent(key, happened, os.fsdecode(name)))
        return events

    def close(self) -> None:
        """Stop watching everything."""
        self._inotify.close()


def open_folder_events() -> FolderEvents | None:
    """Events of this system, None if it has none (left)."""
    if sys.platform != "linux":
        return None
    from asyncinotify import Inotify  # noqa: PLC0415 - Linux alone has it

    try:
        return FolderEvents(Inotify())
    except OSError as error:
        if error.errno in _OUT_OF_WATCHES:
            return None
        raise


def _happened(mask: int) -> Happened | None:
    if mask & _OVERFLOW:
        return Happened.EVENTS_LOST
    if mask & (_DELETE_SELF | _MOVE_SELF | _UNMOUNT | _IGNORED):
        return Happened.FOLDER_LOST
    if mask & _IS_FOLDER:
        return Happened.FOLDER_CAME if mask & (_CREATE | _MOVED_TO) else None
    if mask & _MOVED_TO:
        return Happened.RENAMED
    return Happened.CLOSED if mask & _CLOSE_WRITE else Happened.MADE
