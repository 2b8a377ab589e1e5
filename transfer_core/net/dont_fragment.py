"""Forbids fragments, so that a datagram that is too large is lost, as the search for the path's MTU expects.

Linux's PROBE mode also makes the kernel ignore what it believes of the path's MTU, which anybody may have told it.
"""

from __future__ import annotations

import socket
import sys

_LINUX = (  # linux/in.h, linux/in6.h: level, option, value
    (socket.IPPROTO_IP, 10, 3),  # IP_MTU_DISCOVER, IP_PMTUDISC_PROBE
    (socket.IPPROTO_IPV6, 23, 3),  # IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE
)
_MACOS = (
    (socket.IPPROTO_IP, 28, 1),  # IP_DONTFRAG, since macOS 11
    (socket.IPPROTO_IPV6, 62, 1),  # IPV6_DONTFRAG
)
_WINDOWS = (
    (socket.IPPROTO_IP, 14, 1),  # IP_DONTFRAGMENT
    (socket.IPPROTO_IPV6, 14, 1),  # IPV6_DONTFRAG
)
NOTE_FRAGMENTS = "datagrams may be fragmented"


def forbid_fragments(sock: socket.socket) -> tuple[str, ...]:
    """Forbid them; gives a note for people where the system does not have it."""
    options = {"linux": _LINUX, "darwin": _MACOS, "win32": _WINDOWS}.get(sys.platform, ())
    wanted = socket.IPPROTO_IPV6 if sock.family == socket.AF_INET6 else socket.IPPROTO_IP
    done = False
    for level, option, value in options:
        # An IPv6 socket that also speaks IPv4 takes both options; an IPv4 socket only its own.
        if level == socket.IPPROTO_IPV6 and wanted == socket.IPPROTO_IP:
            continue
        try:
            sock.setsockopt(level, option, value)
        except OSError:
            continue  # told by the note when it is the option that counts
        done = done or level == wanted
    return () if done else (NOTE_FRAGMENTS,)
