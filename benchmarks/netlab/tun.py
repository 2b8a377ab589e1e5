"""A TUN device in a namespace: what is routed to it is read from its file, what is written to that comes out of it."""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from pathlib import Path

_TUNSETIFF = 0x400454CA  # linux/if_tun.h
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def enter_namespace(name: str) -> None:
    """Move this thread into a named namespace. OSError."""
    with Path("/run/netns", name).open("rb") as file:
        if _libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), name)


def open_tun(device: str) -> int:
    """A new TUN device of the namespace that this thread is in, not waiting; it goes when the file is closed."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", device.encode(), _IFF_TUN | _IFF_NO_PI))
    except OSError:
        os.close(fd)
        raise
    return fd
