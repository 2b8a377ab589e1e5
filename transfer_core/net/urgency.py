"""Says which sockets carry what can't wait, so that it leaves each link before bulk data.

What stands in this machine's own queues is sorted by SO_PRIORITY: Linux's pfifo_fast, prio and mqprio send live data
first and bulk last; fq_codel and CAKE do so by themselves. Beyond this machine the DSCP says it, where anybody looks:
CS4, real-time interactive (RFC 4594 section 4.4). Bulk data gets no DSCP, since networks are known to drop what is
marked as of less worth. A system that has neither option sends everything alike.
"""

from __future__ import annotations

import contextlib
import socket
import sys

_CS4 = 32 << 2  # the DSCP's place in the byte
_SO_PRIORITY = 12  # linux/socket.h
_BULK, _INTERACTIVE = 2, 6  # linux/pkt_sched.h, TC_PRIO_*
_IPV6_TCLASS = getattr(socket, "IPV6_TCLASS", 67)


def mark_live(sock: socket.socket) -> None:
    """What it sends goes first. Of a listening socket its connections get the DSCP, and stay ahead of bulk."""
    with contextlib.suppress(OSError):
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_TCLASS, _CS4)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _CS4)
    _set_priority(sock, _INTERACTIVE)  # last: setting the DSCP changes it


def mark_bulk(sock: socket.socket) -> None:
    """What it sends gives way, in this machine's own queues."""
    _set_priority(sock, _BULK)


def _set_priority(sock: socket.socket, priority: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_PRIORITY, priority)
