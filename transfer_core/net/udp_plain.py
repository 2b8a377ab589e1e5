"""UDP with one system call for each datagram: works on every system. Also what all other ports fall back to.

Datagrams of one size and sender that wait already are read one by one and handed over as one burst: what comes after
the system call costs per burst, and on most links the system coalesces nothing. One that does not fit the burst opens
the next one.
"""

from __future__ import annotations

import errno
import socket

from transfer_core.errors import LinkDown
from transfer_core.net.base import Capabilities
from transfer_core.net.socket_buffers import granted_bytes
from transfer_core.protocol.endpoint import Address, Received

BURST_BYTES = 262_144
BURST_DATAGRAMS = 176  # of 1,472 bytes: four times what the system hands over at once at most
DATAGRAM_BYTES_MAX = 65_536
FULL = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.ENOMEM})
GONE = frozenset({errno.ENODEV, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.ENXIO})
_NO_ROUTE = frozenset({errno.EINVAL, errno.ENETUNREACH})
WILDCARDS = ("0.0.0.0", "::")
CLOSED = frozenset({errno.EBADF, errno.ENOTSOCK})
ERRORS_PER_RECEIVE = 64  # each pending ICMP answer costs one read


Arrival = tuple[int, int, tuple[str, int] | tuple[str, int, int, int], int | None]
"""Bytes, bytes of each datagram, who sent them, and when the system took in the first (us mod 2**32), if it tells."""


class PlainUdpPort:
    """A non-blocking UDP socket, one datagram a system call. See `base.UdpPort`."""

    def __init__(self, sock: socket.socket, device: str | None, notes: tuple[str, ...] = ()) -> None:
        self._sock = sock
        self._device = device
        self._notes = notes
        self._view = memoryview(bytearray(BURST_BYTES + DATAGRAM_BYTES_MAX))
        self._held: tuple[Arrival, bytes] | None = None  # what came after a burst and did not fit it

    @property
    def local_address(self) -> Address:
        """The address and port that it is bound to."""
        host, port = self._sock.getsockname()[:2]
        return str(host), int(port)

    @property
    def capabilities(self) -> Capabilities:
        """One datagram a call."""
        return self._capabilities(segmentation=False, coalescing=False)

    def _capabilities(self, *, segmentation: bool, coalescing: bool) -> Capabilities:
        return Capabilities(
            segmentation=segmentation,
            coalescing=coalescing,
            send_buffer_bytes=granted_bytes(self._sock, socket.SO_SNDBUF),
            receive_buffer_bytes=granted_bytes(self._sock, socket.SO_RCVBUF),
            bound_to_device=self._device,
            notes=self._notes,
        )

    def fileno(self) -> int:
        """The socket's."""
        return self._sock.fileno()

    def send(self, address: Address, payload: memoryview, segment_bytes: int) -> int:
        """Send the datagrams one by one; how many the system took."""
        taken = 0
        for at in range(0, len(payload), segment_bytes):
            try:
                self._sock.sendto(payload[at : at + segment_bytes], address)
            except OSError as error:
                if error.errno in FULL:
                    return taken
                self._raise_if_gone(error)
            taken += 1
        return taken

    def receive(self, now_ns: int) -> Received | None:
        """What waits of the next sender, as far as it is of one size."""
        first = self._take_held() or self._receive_at(0)
        if first is None:
            return None
        end, segment_bytes, address, came_us = first
        stamps_us = [] if came_us is None else [came_us] * -(-end // segment_bytes)
        most = min(BURST_BYTES - segment_bytes, (BURST_DATAGRAMS - 1) * segment_bytes)
        while end <= most and end % segment_bytes == 0:
            following = self._receive_at(end)
            if following is None:
                break
            size, next_segment_bytes, next_address, came_us = following
            is_last = size <= min(segment_bytes, next_segment_bytes)  # one datagram alone, which may be shorter
            if next_address != address or (next_segment_bytes != segment_bytes and not is_last):
                self._held = following, bytes(self._view[end : end + size])
                break
            if came_us is not None:
                stamps_us += [came_us] * -(-size // segment_bytes)
            end += size
        return Received(peer_address(address), self._view[:end], segment_bytes, stamps_us)

    def _take_held(self) -> Arrival | None:
        if self._held is None:
            return None
        arrival, payload = self._held
        self._held = None
        self._view[: len(payload)] = payload
        return arrival

    def _receive_at(self, at: int) -> Arrival | None:
        """Read into the buffer from there on."""
        for _ in range(ERRORS_PER_RECEIVE):
            try:
                arrival = self._receive_into(self._view[at:])
            except BlockingIOError:
                return None
            except OSError as error:
                self._raise_if_gone(error)
                continue  # an ICMP answer to something sent earlier
            if arrival[0]:
                return arrival
        return None

    def _receive_into(self, buffer: memoryview) -> Arrival:
        size, address = self._sock.recvfrom_into(buffer)
        return size, size, address, None

    def _raise_if_gone(self, error: OSError) -> None:
        """What concerns one destination counts as a lost datagram; the way out being gone does not.

        A port that is bound to nothing in particular has many ways out, so that nothing is gone for all of it.
        """
        if error.errno in CLOSED:
            raise LinkDown("the port is closed") from error
        host = self.local_address[0]
        if self._device is None and host in WILDCARDS:
            return
        if error.errno in GONE:
            raise LinkDown(f"{self._device or host} is gone: {error.strerror}") from error
        if error.errno in _NO_ROUTE and not self._is_address_here():
            raise LinkDown(f"this machine has the address {host} no more") from error

    def _is_address_here(self) -> bool:
        """Linux names no error of its own for a source address that is gone, so a trial has to tell."""
        host, _, *scope = self._sock.getsockname()
        with socket.socket(self._sock.family, socket.SOCK_DGRAM) as trial:
            try:
                trial.bind((host, 0, *scope))
            except OSError:
                return False
        return True

    def next_release_ns(self) -> int | None:
        """At once, if a datagram was read that opens the next burst: the system does not tell of it any more."""
        return None if self._held is None else 0

    def pump(self, now_ns: int) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()


def peer_address(address: tuple[str, int] | tuple[str, int, int, int]) -> Address:
    """Host and port; a link-local host keeps its scope, without which nothing could be sent back to it."""
    if len(address) == 4 and address[3]:
        return f"{address[0]}%{address[3]}", address[1]
    return address[:2]
