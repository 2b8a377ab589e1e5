"""Opens UDP ports: the best class that this system offers, with large buffers, bound to a device if asked."""

from __future__ import annotations

import errno
import socket
import sys

from transfer_core.errors import LinkDown, PortInUse
from transfer_core.net.base import UdpPort
from transfer_core.net.bind_device import bind_to_device
from transfer_core.net.udp_linux import LinuxUdpPort
from transfer_core.net.udp_plain import PlainUdpPort
from transfer_core.protocol.endpoint import Address

BUFFER_BYTES = 4 * 1024 * 1024
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
_IP_MTU_DISCOVER, _IP_PMTUDISC_PROBE = 10, 3


def open_udp_port(
    bind: Address | None = None, *, device: str | None = None, six: bool = False, plain: bool = False
) -> UdpPort:
    """A non-blocking port. PortInUse, LinkDown if the address is not here, BindRefused."""
    family = socket.AF_INET6 if six or (bind is not None and ":" in bind[0]) else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        _enlarge_buffers(sock)
        if device is not None:
            bind_to_device(sock, device)
        if sys.platform == "linux" and family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_PROBE)
        sock.bind(bind or (("::" if family == socket.AF_INET6 else "0.0.0.0"), 0))
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE and bind is not None:
            raise PortInUse(f"UDP {bind[0]}:{bind[1]} is in use") from error
        raise LinkDown(f"can't open a UDP port on {bind}: {error.strerror or error}") from error
    except LinkDown:
        sock.close()
        raise
    if sys.platform == "linux" and not plain:
        return LinuxUdpPort(sock, device)
    return PlainUdpPort(sock, device)


def _enlarge_buffers(sock: socket.socket) -> None:
    for option, force in ((socket.SO_SNDBUF, _SO_SNDBUFFORCE), (socket.SO_RCVBUF, _SO_RCVBUFFORCE)):
        sock.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        if sys.platform == "linux" and sock.getsockopt(socket.SOL_SOCKET, option) < 2 * BUFFER_BYTES:
            try:
                sock.setsockopt(socket.SOL_SOCKET, force, BUFFER_BYTES)
            except PermissionError:
                continue  # the granted size is shown in the capabilities
