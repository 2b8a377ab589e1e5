"""How much may still be stored: what the disk has, less what is kept free, less what is promised, within a quota.

A file that begins to arrive claims the room that it will need, so that two files that would each fit do not fill the
disk together. A claim shrinks as the file is written, since the disk then shows it itself.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Hashable
from pathlib import Path

from transfer_core.errors import DiskFull, QuotaExceeded, WriteFailed
from transfer_core.storage.room_ledger import Ledger, OwnLedger
from transfer_core.units import format_bytes


def usable_bytes(folder: Path, keep_free_bytes: int = 0) -> int:
    """What may still be written below a folder, or below the nearest one above it that exists. WriteFailed."""
    try:
        try:
            free_bytes = shutil.disk_usage(folder).free
        except FileNotFoundError:
            place = folder.absolute()
            while not place.exists() and place != place.parent:
                place = place.parent
            free_bytes = shutil.disk_usage(place).free
    except OSError as error:
        raise WriteFailed(f"the free space of {folder} can't be read: {error.strerror or error}") from error
    return max(0, free_bytes - keep_free_bytes)


def require_quota(used_bytes: int, wanted_bytes: int, quota_bytes: int | None, what: str) -> None:
    """QuotaExceeded if that much more would be over the limit; None is no limit."""
    if quota_bytes is not None and used_bytes + wanted_bytes > quota_bytes:
        left = format_bytes(max(0, quota_bytes - used_bytes))
        raise QuotaExceeded(f"{what} needs {format_bytes(wanted_bytes)}, the agent's quota has {left} left")


class Room:
    """The room of one disk, and who was promised how much of it. Safe from any thread.

    `ledger` is where other processes say what they have promised of the same disk.
    """

    def __init__(self, folder: Path, keep_free_bytes: int, ledger: Ledger | None = None) -> None:
        self._folder = folder
        self._keep_free_bytes = keep_free_bytes
        self._ledger = ledger or OwnLedger()
        self._lock = threading.Lock()
        self._claims: dict[Hashable, int] = {}
        self._claimed_bytes = 0  # their sum

    @property
    def claimed_bytes(self) -> int:
        """What is promised and not yet written, by other processes too."""
        with self._lock:
            return self._claimed_bytes + self._ledger.others_bytes()

    def free_bytes(self) -> int:
        """What is neither used, nor kept free, nor promised."""
        claimed_bytes = self.claimed_bytes  # first: what is written meanwhile is then counted twice, not left out
        return max(0, usable_bytes(self._folder, self._keep_free_bytes) - claimed_bytes)

    def usable_bytes(self) -> int:
        """What the disk has and is not kept free, be it promised or not."""
        return usable_bytes(self._folder, self._keep_free_bytes)

    def claim(
        self,
        owner: Hashable,
        needed_bytes: int,
        what: str,
        *,
        sparse_ok: bool = False,
        usable: int | None = None,
    ) -> None:
        """Promise room to an owner, in place of what it was promised before. DiskFull if it is not there.

        `sparse_ok` takes a file that is larger than the disk, as long as there is any room: it may be mostly holes.
        `usable` is what `usable_bytes` has just said, for many claims at once; say `written` of none of these then.
        """
        with self._lock, self._ledger.turn():
            before = self._claims.get(owner, 0)
            promised = self._ledger.others_bytes() + self._claimed_bytes - before
            usable = self.usable_bytes() if usable is None else usable
            free = max(0, usable - promised)
            if needed_bytes > free and not (sparse_ok and free > 0):
                raise DiskFull(f"{what} needs {format_bytes(needed_bytes)}, there are {format_bytes(free)} free")
            self._claims[owner] = min(needed_bytes, free)
            self._count(self._claims[owner] - before)

    def written(self, owner: Hashable, count_bytes: int) -> None:
        """That much of an owner's claim is on the disk."""
        with self._lock:
            if owner in self._claims:
                taken = min(count_bytes, self._claims[owner])
                self._claims[owner] -= taken
                self._count(-taken)

    def release(self, owner: Hashable) -> None:
        """The owner is done, or gone."""
        with self._lock:
            self._count(-self._claims.pop(owner, 0))

    def _count(self, more_bytes: int) -> None:
        """With the lock held."""
        self._claimed_bytes += more_bytes
        self._ledger.say(self._claimed_bytes)

    def require_any(self) -> None:
        """DiskFull when writing has reached what is to be kept free."""
        if usable_bytes(self._folder, self._keep_free_bytes) == 0:
            raise DiskFull(f"the disk of {self._folder} is full", hint=DiskFull.default_hint)
