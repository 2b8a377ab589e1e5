"""Makes a socket's datagrams leave by one interface, whatever the routing table says.

Binding to an address alone does not choose the way out, since the route is looked up by destination.

    Linux      SO_BINDTODEVICE   way out and way in; since 5.7 without rights for a socket that has no device yet
               IP_UNICAST_IF     way out only, never needs rights; taken where the first is refused
    macOS      IP_BOUND_IF       way out and way in
    Windows    IP_UNICAST_IF     way out only
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable

from transfer_core.errors import BindRefused, LinkDown

_SO_BINDTODEVICE = 25  # asm-generic/socket.h
_IP_UNICAST_IF_LINUX, _IPV6_UNICAST_IF_LINUX = 50, 76  # linux/in.h, linux/in6.h
_IP_UNICAST_IF_WINDOWS, _IPV6_UNICAST_IF_WINDOWS = 31, 31  # ws2ipdef.h
_IP_BOUND_IF, _IPV6_BOUND_IF = 25, 125  # netinet/in.h of macOS

NOTE_WAY_OUT_ONLY = "bound for the way out only (IP_UNICAST_IF)"


def bind_to_device(sock: socket.socket, device: str) -> tuple[str, ...]:
    """Bind to the interface of that name; gives notes on how well, for people.

    LinkDown if there is no such interface; BindRefused if the system does not let this program bind to it.
    """
    try:
        index = socket.if_nametoindex(device)
    except (OSError, ValueError) as error:
        raise LinkDown(f"there is no interface {device}") from error
    bind = _BINDERS.get(sys.platform)
    if bind is None:
        raise BindRefused(f"binding to a device is not known how to do on {sys.platform}")
    try:
        return bind(sock, device, index)
    except OSError as error:
        if error.errno in (errno.ENODEV, errno.ENXIO, errno.EADDRNOTAVAIL):
            raise LinkDown(f"there is no interface {device} any more") from error
        raise BindRefused(f"can't bind a socket to {device}: {error.strerror or error}") from error


def _bind_linux(sock: socket.socket, device: str, index: int) -> tuple[str, ...]:
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, device.encode() + b"\0")
    except PermissionError:
        _choose_way_out(sock, index, _IP_UNICAST_IF_LINUX, _IPV6_UNICAST_IF_LINUX, six_in_network_order=True)
        return (NOTE_WAY_OUT_ONLY,)
    return ()


def _bind_macos(sock: socket.socket, _device: str, index: int) -> tuple[str, ...]:
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_BOUND_IF, index)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_BOUND_IF, index)
    return ()


def _bind_windows(sock: socket.socket, _device: str, index: int) -> tuple[str, ...]:
    _choose_way_out(sock, index, _IP_UNICAST_IF_WINDOWS, _IPV6_UNICAST_IF_WINDOWS, six_in_network_order=False)
    return (NOTE_WAY_OUT_ONLY,)


def _choose_way_out(sock: socket.socket, index: int, four: int, six: int, *, six_in_network_order: bool) -> None:
    """The index is in network order for IPv4 everywhere; for IPv6 Windows wants it in the host's."""
    if sock.family == socket.AF_INET6:
        value = socket.htonl(index) if six_in_network_order else index
        sock.setsockopt(socket.IPPROTO_IPV6, six, value.to_bytes(4, sys.byteorder))
    else:
        sock.setsockopt(socket.IPPROTO_IP, four, socket.htonl(index).to_bytes(4, sys.byteorder))


_BINDERS: dict[str, Callable[[socket.socket, str, int], tuple[str, ...]]] = {
    "linux": _bind_linux,
    "darwin": _bind_macos,
    "win32": _bind_windows,
}
