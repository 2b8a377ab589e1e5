"""UDT 4, by its own library: one socket in stream mode, its own congestion control.

The library has a C++ interface of plain functions, which are called here by the names that its compiler gave them.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.netlab.lab import Lab
from benchmarks.netlab.peers.base import Brought, Tally, output_of, pair, say_ready

LIBRARY = "libudt.so.0"
_RCVTIMEO = 12  # UDTOpt
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Udt:
    """See the module."""

    name: str = "UDT"
    command: str = "UDT::send, SOCK_STREAM"

    def version(self) -> str | None:
        """Debian's, or that it is there."""
        try:
            ctypes.CDLL(LIBRARY)
        except OSError:
            return None
        told = (output_of("dpkg-query", "-W", "-f=${Version}", "libudt0") or "").split("+")[0]
        return told or "4"

    def carry(self, made: Lab, folder: Path, source: Path, limit_s: float) -> Brought:
        """See `base.Peer`."""
        return pair(made, "udt", (), source, limit_s)


class Library:
    """The few functions that are needed. RuntimeError where one refuses."""

    def __init__(self) -> None:
        self._udt = ctypes.CDLL(LIBRARY)
        self._udt._ZN3UDT7startupEv()

    def open(self) -> int:
        """A stream socket."""
        return self._checked(self._udt._ZN3UDT6socketEiii(socket.AF_INET, socket.SOCK_STREAM, 0), "socket")

    def listen(self, sock: int, host: str, port: int) -> None:
        """There; answers come from that address."""
        address = _address(host, port)
        self._checked(self._udt._ZN3UDT4bindEiPK8sockaddri(sock, address, len(address)), "bind")
        self._checked(self._udt._ZN3UDT6listenEii(sock, 1), "listen")

    def accept(self, sock: int) -> int:
        """The next connection; waits."""
        address, size = ctypes.create_string_buffer(16), ctypes.c_int(16)
        return self._checked(self._udt._ZN3UDT6acceptEiP8sockaddrPi(sock, address, ctypes.byref(size)), "accept")

    def connect(self, sock: int, host: str, port: int) -> None:
        """Waits."""
        address = _address(host, port)
        self._checked(self._udt._ZN3UDT7connectEiPK8sockaddri(sock, address, len(address)), "connect")

    def set_receive_timeout(self, sock: int, milliseconds: int) -> None:
        """How long `receive` waits."""
        value = ctypes.c_int(milliseconds)
        self._udt._ZN3UDT10setsockoptEii6UDTOptPKvi(sock, 0, _RCVTIMEO, ctypes.byref(value), 4)

    def send(self, sock: int, data: bytes) -> None:
        """All of it; waits."""
        at = 0
        while at < len(data):
            at += self._checked(self._udt._ZN3UDT4sendEiPKcii(sock, data[at:], len(data) - at, 0), "send")

    def receive(self, sock: int, buffer: ctypes.Array[ctypes.c_char]) -> int:
        """Bytes that came; less than 1 if none did, or none will."""
        return int(self._udt._ZN3UDT4recvEiPcii(sock, buffer, len(buffer), 0))

    @staticmethod
    def _checked(value: int, what: str) -> int:
        if value < 0:
            raise RuntimeError(f"UDT::{what} refused")
        return value


def _address(host: str, port: int) -> bytes:
    return struct.pack("=H", socket.AF_INET) + struct.pack(">H4s8x", port, socket.inet_aton(host))


def receive(host: str, port: int, size: int, limit_s: float) -> None:
    """Take one connection and count."""
    udt = Library()
    listener = udt.open()
    udt.listen(listener, host, port)
    say_ready()
    end = time.monotonic() + limit_s
    sock = udt.accept(listener)
    udt.set_receive_timeout(sock, 200)
    tally, buffer = Tally(), ctypes.create_string_buffer(BLOCK_BYTES)
    while tally.count < size and time.monotonic() < end:
        tally.add(max(0, udt.receive(sock, buffer)))
    tally.say()
    time.sleep(1)  # until this process is ended


def send(host: str, port: int, source: Path, limit_s: float) -> None:
    """One file over one connection."""
    udt = Library()
    sock = udt.open()
    udt.connect(sock, host, port)
    with source.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            udt.send(sock, block)
    time.sleep(limit_s)  # its buffer is sent meanwhile; this process is ended from outside


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        receive(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    else:
        send(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), float(sys.argv[5]))
