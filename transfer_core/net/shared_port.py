"""Several sockets on one UDP port, and a filter that says which of them a datagram is for (Linux 4.5).

SO_REUSEPORT lets sockets of one user share an address; of themselves they are chosen by a hash of both ends, which
sends the links of one peer to different sockets. A classic BPF program (SO_ATTACH_REUSEPORT_CBPF, no privilege needed)
chooses instead: it sees the datagram as its reader will, and gives a socket's place in the order of their binding. That
order changes when a socket is closed, so all are made here, at once, and kept open by one process while others read.

The first socket is bound before it agrees to share, so that no other program has the port, not even one that shares.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
import sys
from collections.abc import Sequence

from transfer_core.errors import LinkDown
from transfer_core.net.base import UdpPort
from transfer_core.net.udp import bind_socket, prepare_socket
from transfer_core.net.udp_linux import LinuxUdpPort
from transfer_core.protocol.endpoint import Address

_SO_ATTACH_REUSEPORT_CBPF = 51  # asm-generic/socket.h
_LOAD_WORD, _MODULO, _RETURN_A = 0x20, 0x94, 0x16  # BPF_LD|W|ABS, BPF_ALU|MOD|K, BPF_RET|A: linux/bpf_common.h
_INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter: code, jump if true, jump if false, k

Instruction = tuple[int, int, int, int]


def steering(number_at: int, count: int) -> tuple[Instruction, ...]:
    """The program: the big-endian 32-bit number at that offset, modulo `count`; 0 for what is too short."""
    return (_LOAD_WORD, 0, 0, number_at), (_MODULO, 0, 0, count), (_RETURN_A, 0, 0, 0)


def open_shared_sockets(bind: Address, count: int, number_at: int) -> list[socket.socket]:
    """`count` non-blocking sockets on one address: datagrams go to the one whose place is their number modulo `count`.

    Only on Linux. PortInUse, BindRefused, LinkDown.
    """
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            sock, _ = prepare_socket(socket.AF_INET6 if ":" in bind[0] else socket.AF_INET)
            sockets.append(sock)
            if len(sockets) == 1:
                bind_socket(sock, bind)
                bind = (bind[0], sock.getsockname()[1])
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                bind_socket(sock, bind)
            if len(sockets) == 2:  # they are a group only now
                _attach(sock, steering(number_at, count))
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _attach(sock: socket.socket, program: Sequence[Instruction]) -> None:
    """Have this program choose. LinkDown if the system knows no such choice."""
    code = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*each) for each in program))
    # struct sock_fprog: the length, and a pointer to the program
    described = struct.pack("@HP", len(program), ctypes.addressof(code))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, described)
    except OSError as error:
        if error.errno in (errno.ENOPROTOOPT, errno.EINVAL):
            what = "this system can't choose between processes on one port (Linux 4.5 can)"
        else:
            what = f"the choice between processes on one port is refused: {error.strerror}"
        raise LinkDown(what, hint="Run one process: leave --workers out.") from error


def adopt_udp_port(fd: int) -> UdpPort:
    """The port of a bound socket that this process has inherited; Linux only."""
    sock = socket.socket(fileno=fd)
    sock.setblocking(False)
    return LinuxUdpPort(sock, None)


def can_share_ports() -> bool:
    """Whether this system is one that steers datagrams to processes."""
    return sys.platform == "linux"
