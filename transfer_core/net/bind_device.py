"""Makes a socket's datagrams leave by one interface, whatever the routing table says.

Binding to an address alone does not choose the way out, since the route is looked up by destination.
"""

from __future__ import annotations

import socket
import sys

from transfer_core.errors import BindRefused, LinkDown

_SO_BINDTODEVICE = 25  # linux/asm-generic/socket.h
_IP_UNICAST_IF_LINUX = 50
_IP_UNICAST_IF_WINDOWS = 31
_IPV6_UNICAST_IF_WINDOWS = 31
_IPV6_UNICAST_IF_LINUX = 76
_IP_BOUND_IF = 25  # netinet/in.h on macOS
_IPV6_BOUND_IF = 125


def bind_to_device(sock: socket.socket, device: str) -> None:
    """Bind to the interface of that name. LinkDown if there is none, BindRefused if the system does not let us."""
    try:
        index = socket.if_nametoindex(device)
    except OSError as error:
        raise LinkDown(f"there is no interface {device}") from error
    six = sock.family == socket.AF_INET6
    try:
        if sys.platform == "darwin":
            level, option = (socket.IPPROTO_IPV6, _IPV6_BOUND_IF) if six else (socket.IPPROTO_IP, _IP_BOUND_IF)
            sock.setsockopt(level, option, index)
        elif sys.platform == "win32":
            if six:
                sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_UNICAST_IF_WINDOWS, index)
            else:
                sock.setsockopt(socket.IPPROTO_IP, _IP_UNICAST_IF_WINDOWS, socket.htonl(index))
        else:
            _bind_linux(sock, device, index, six)
    except OSError as error:
        raise BindRefused(f"can't bind a socket to {device}: {error.strerror or error}") from error


def _bind_linux(sock: socket.socket, device: str, index: int, six: bool) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, device.encode() + b"\0")
    except PermissionError:
        # IP_UNICAST_IF needs no right, and chooses the way out though not the way in.
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_UNICAST_IF_LINUX, socket.htonl(index))
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_UNICAST_IF_LINUX, socket.htonl(index))
