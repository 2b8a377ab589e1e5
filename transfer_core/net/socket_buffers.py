"""Asks for large socket buffers: the default of 208 KB is full after three bursts, and the rest is dropped."""

from __future__ import annotations

import socket
import sys

RECEIVE_BYTES = 16 * 1024 * 1024
"""What comes in 60 ms at 2 Gbit/s: for so long a busy machine may leave a program without its turn."""
SEND_BYTES = 4 * 1024 * 1024
ENOUGH_BYTES = 4 * 1024 * 1024
"""Less than this is worth a note."""
_FORCE = {socket.SO_SNDBUF: 32, socket.SO_RCVBUF: 33}  # SO_SNDBUFFORCE, SO_RCVBUFFORCE: beyond the limit, for root


def enlarge_buffers(
    sock: socket.socket, receive_bytes: int = RECEIVE_BYTES, send_bytes: int = SEND_BYTES
) -> tuple[str, ...]:
    """Ask for that much each way; gives a note for people when the system grants less than enough."""
    wanted = {socket.SO_RCVBUF: receive_bytes, socket.SO_SNDBUF: send_bytes}
    granted = [_enlarge(sock, option, wanted_bytes) for option, wanted_bytes in wanted.items()]
    needed = min(ENOUGH_BYTES, *wanted.values())
    if min(granted) >= needed:
        return ()
    return (f"socket buffers of {min(granted)} bytes instead of {needed}",)


def granted_bytes(sock: socket.socket, option: int) -> int:
    """What the system granted, without the room for bookkeeping that Linux adds to it."""
    granted = sock.getsockopt(socket.SOL_SOCKET, option)
    return granted // 2 if sys.platform == "linux" else granted


def _enlarge(sock: socket.socket, option: int, wanted_bytes: int) -> int:
    asked_bytes = wanted_bytes
    while asked_bytes > granted_bytes(sock, option):
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, asked_bytes)
            break
        except OSError:
            asked_bytes //= 2  # BSD systems refuse what Linux would cut down
    if sys.platform == "linux" and granted_bytes(sock, option) < wanted_bytes:
        try:
            sock.setsockopt(socket.SOL_SOCKET, _FORCE[option], wanted_bytes)
        except PermissionError:
            return granted_bytes(sock, option)
    return granted_bytes(sock, option)
