"""Asks for large socket buffers: the default of 208 KB is full after three bursts, and the rest is dropped."""

from __future__ import annotations

import socket
import sys

_FORCE = {socket.SO_SNDBUF: 32, socket.SO_RCVBUF: 33}  # SO_SNDBUFFORCE, SO_RCVBUFFORCE: beyond the limit, for root


def enlarge_buffers(sock: socket.socket, wanted_bytes: int) -> tuple[str, ...]:
    """Ask for that much both ways; gives a note for people when the system grants less."""
    granted = [_enlarge(sock, option, wanted_bytes) for option in _FORCE]
    if min(granted) >= wanted_bytes:
        return ()
    return (f"socket buffers of {min(granted)} bytes instead of {wanted_bytes}",)


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
