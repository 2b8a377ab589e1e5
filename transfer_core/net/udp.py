"""Opens UDP ports: the best class that this system offers, with large buffers, bound to a device if asked."""

from __future__ import annotations

import errno
import socket
import sys

from transfer_core.errors import BindRefused, LinkDown, LinkError, PortInUse
from transfer_core.net.base import UdpPort
from transfer_core.net.bind_device import bind_to_device
from transfer_core.net.dont_fragment import forbid_fragments
from transfer_core.net.socket_buffers import enlarge_buffers
from transfer_core.net.udp_linux import LinuxUdpPort
from transfer_core.net.udp_plain import PlainUdpPort
from transfer_core.net.urgency import mark_bulk
from transfer_core.protocol.endpoint import Address

_WSAEACCES = 10013  # Windows says this, too, when another program has the port


def open_udp_port(
    bind: Address | None = None,
    *,
    device: str | None = None,
    six: bool = False,
    plain: bool = False,
) -> UdpPort:
    """A non-blocking port, bound to `bind` (None: any address, a free port) and to `device`.

    IPv6 if `six` or if `bind` is an IPv6 address; bound to `::` it also speaks IPv4. `plain` forgoes bursts. PortInUse;
    LinkDown if the address or the device is not here; BindRefused.
    """
    family = socket.AF_INET6 if six or (bind is not None and ":" in bind[0]) else socket.AF_INET
    sock, notes = prepare_socket(family, device=device)
    try:
        bind_socket(sock, bind or ("::" if family == socket.AF_INET6 else "0.0.0.0", 0))
    except BaseException:
        sock.close()
        raise
    if sys.platform == "linux" and not plain:
        return LinuxUdpPort(sock, device, notes)
    return PlainUdpPort(sock, device, notes)


def prepare_socket(family: socket.AddressFamily, *, device: str | None = None) -> tuple[socket.socket, tuple[str, ...]]:
    """A socket as every port of ours wants it, not bound, with notes for people. LinkDown."""
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        raise LinkDown(f"this system has no {'IPv6' if family == socket.AF_INET6 else 'IPv4'}") from error
    try:
        sock.setblocking(False)
        if sys.platform == "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        notes = enlarge_buffers(sock)
        if device is not None:
            notes += bind_to_device(sock, device)
        notes += forbid_fragments(sock)
        mark_bulk(sock)
    except BaseException:
        sock.close()
        raise
    return sock, notes


def bind_socket(sock: socket.socket, address: Address) -> None:
    """Bind it; an IPv6 socket on `::` speaks IPv4 too. PortInUse, BindRefused, LinkDown."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != "::"))
    try:
        sock.bind(address)
    except (OSError, OverflowError, UnicodeError) as error:
        raise _bind_error(error, address) from error


def _bind_error(error: Exception, address: Address) -> LinkError:
    place = f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EADDRINUSE, _WSAEACCES):
        return PortInUse(f"UDP {place} is in use by another program")
    if number in (errno.EACCES, errno.EPERM):
        return BindRefused(f"this program may not listen on UDP {place}", hint="Take a port from 1024 up.")
    reason = getattr(error, "strerror", None) or error
    return LinkDown(f"UDP {place} can't be opened: {reason}")
