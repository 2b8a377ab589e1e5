"""The kernel's TCP with a named congestion control, and MPTCP over all links; one stream, `sendfile`.

Run as a program it is one end: `receive HOST PORT SIZE LIMIT KIND CONTROL` or `send HOST PORT FILE LIMIT KIND CONTROL`.
"""

from __future__ import annotations

import contextlib
import platform
import socket
import ssl
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from benchmarks.netlab.lab import Lab
from benchmarks.netlab.peers.base import Brought, Tally, pair, say_ready

_TCP_CONGESTION = 13
_IPPROTO_MPTCP = 262
_AVAILABLE = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")
_MPTCP = Path("/proc/sys/net/mptcp/enabled")


@dataclass(frozen=True, slots=True)
class Tcp:
    """One stream over the route that the system prefers."""

    control: str
    name: str
    command: str = "socket.sendfile, TCP_CONGESTION"

    def version(self) -> str | None:
        """The kernel's, if it has that congestion control."""
        if not _AVAILABLE.exists() or self.control not in _AVAILABLE.read_text(encoding="ascii").split():
            return None
        return f"Linux {platform.release().split('-')[0]}"

    def carry(self, made: Lab, folder: Path, source: Path, limit_s: float) -> Brought:
        """See `base.Peer`."""
        return pair(made, "tcp", ("tcp", self.control), source, limit_s)


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS 1.3 of Python's ssl over one TCP stream; records are made and opened in the program, no `sendfile`."""

    name: str = "TCP + TLS"
    command: str = "ssl.SSLSocket.sendall, TLS 1.3"

    def version(self) -> str | None:
        """The library's."""
        return ssl.OPENSSL_VERSION.rsplit(" ", 3)[0]

    def carry(self, made: Lab, folder: Path, source: Path, limit_s: float) -> Brought:
        """See `base.Peer`."""
        from benchmarks.netlab.peers.quic import write_certificate

        folder.mkdir(parents=True, exist_ok=True)
        certificate = write_certificate(folder / "certificate.pem")
        return pair(made, "tcp", ("tls", str(certificate)), source, limit_s)


@dataclass(frozen=True, slots=True)
class Mptcp:
    """One connection with a subflow over each link, the kernel's own scheduler."""

    control: str
    name: str
    command: str = "IPPROTO_MPTCP, ip mptcp endpoint ... subflow"

    def version(self) -> str | None:
        """The kernel's, if it has MPTCP."""
        return Tcp(self.control, "").version() if _MPTCP.exists() else None

    def carry(self, made: Lab, folder: Path, source: Path, limit_s: float) -> Brought:
        """See `base.Peer`."""
        for side in (made.near, made.far):
            side.sysctl("net.ipv4.tcp_congestion_control", self.control)
            side.ip("mptcp", "limits", "set", "subflow", "8", "add_addr_accepted", "8")
        made.near.ip("mptcp", "endpoint", "flush")
        for name in made.links:
            made.near.ip("mptcp", "endpoint", "add", made.near_address(name), "dev", name, "subflow")
        return pair(made, "tcp", ("mptcp", self.control), source, limit_s)


def _protocol(kind: str) -> int:
    return _IPPROTO_MPTCP if kind == "mptcp" else socket.IPPROTO_TCP


def receive(host: str, port: int, size: int, limit_s: float, kind: str, more: str) -> None:
    """Take one connection and count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, _protocol(kind)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1)
        say_ready()
        end = time.monotonic() + limit_s
        listener.settimeout(limit_s)
        tally, buffer = Tally(), bytearray(1 << 20)
        try:
            plain, _ = listener.accept()
            with _server_side(plain, more) if kind == "tls" else plain as sock:
                while tally.count < size and (left_s := end - time.monotonic()) > 0:
                    sock.settimeout(left_s)
                    taken = sock.recv_into(buffer)
                    if not taken:
                        break
                    tally.add(taken)
        except (TimeoutError, ConnectionError):
            pass  # what has come so far counts
        tally.say()


def send(host: str, port: int, source: Path, limit_s: float, kind: str, control: str) -> None:
    """One file over one connection."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, _protocol(kind)) as sock, source.open("rb") as file:
        if kind == "tcp":
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_CONGESTION, control.encode())
        sock.settimeout(limit_s)
        sock.connect((host, port))
        if kind == "tls":
            _send_sealed(sock, file)
            return
        sock.sendfile(file)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)  # until the other end has closed


def _server_side(sock: socket.socket, certificate: str) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context.wrap_socket(sock, server_side=True)


def _send_sealed(sock: socket.socket, file: BinaryIO) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(sock) as sealed:
        while block := file.read(1 << 20):
            sealed.sendall(block)
        with contextlib.suppress(OSError):  # the other end may have closed already
            sealed.unwrap()


def main(words: list[str]) -> None:
    """One end."""
    if words[0] == "receive":
        receive(words[1], int(words[2]), int(words[3]), float(words[4]), words[5], words[6])
    else:
        send(words[1], int(words[2]), Path(words[3]), float(words[4]), words[5], words[6])


if __name__ == "__main__":
    main(sys.argv[1:])
