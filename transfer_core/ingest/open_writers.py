"""Asks the system whether somebody has a file open for writing, and whether a folder's file system can tell.

On Linux a read lease (fcntl(2), F_SETLEASE) is granted only while nobody has the file open for writing or mapped so;
it is given back at once, by closing the file. That is exact, needs no walk through /proc and costs ten microseconds,
but only the file's owner may ask, and on a network share only this machine's writers are seen, so that nothing is known
there.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from transfer_core.ingest.completion import Writer
from transfer_core.storage.plain_open import PLAIN

if sys.platform == "linux":
    import fcntl

_MOUNTS = Path("/proc/self/mountinfo")
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs", "glusterfs", "lustre", "virtiofs"})


def writer_of(path: str) -> Writer:
    """Whether anybody has this local file open for writing. UNKNOWN where the system does not say, or it is gone."""
    if sys.platform != "linux":
        return Writer.UNKNOWN
    try:
        fd = os.open(path, os.O_RDONLY | PLAIN)
    except OSError:
        return Writer.UNKNOWN
    try:
        # whoever opens it in this very moment breaks the lease, which is told by a signal that is ignored by default
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return Writer.HELD if error.errno == errno.EAGAIN else Writer.UNKNOWN
    else:
        return Writer.FREE
    finally:
        os.close(fd)


@dataclass(frozen=True, slots=True)
class Mount:
    """Where the file system begins that a folder lies on, and what kind it is; empty where that is not known."""

    place: str
    kind: str

    @property
    def is_remote(self) -> bool:
        """Whether other machines may write there, so that neither events nor leases tell of all writers."""
        return self.kind in _REMOTE or self.kind.startswith("fuse") or (not self.kind and sys.platform != "linux")


def mount_of(folder: str) -> Mount:
    """The file system that a folder lies on."""
    try:
        real = os.path.realpath(folder)
        text = _MOUNTS.read_bytes()
    except OSError:
        return Mount("", "")
    found = Mount("", "")
    for line in text.splitlines():
        fields = line.split(b" ")
        if b"-" not in fields[6:]:
            continue
        place = os.fsdecode(fields[4].replace(b"\\040", b" ").replace(b"\\011", b"\t").replace(b"\\134", b"\\"))
        if is_inside(real, place) and len(place) >= len(found.place):
            found = Mount(place, fields[fields.index(b"-", 6) + 1].decode(errors="replace"))
    return found


def is_inside(path: str, folder: str) -> bool:
    """Whether a path is this folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
