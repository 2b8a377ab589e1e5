"""UDP with one system call for each datagram: works on every system."""

from __future__ import annotations

import errno
import socket

from transfer_core.errors import LinkDown
from transfer_core.net.base import Capabilities
from transfer_core.protocol.endpoint import Address, Received

RECEIVE_BYTES = 65_536
GONE = frozenset({errno.ENODEV, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.ENXIO})
FULL = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.ENOMEM})


class PlainUdpPort:
    """A non-blocking UDP socket, one datagram a call. See `base.UdpPort`."""

    def __init__(self, sock: socket.socket, device: str | None, notes: tuple[str, ...] = ()) -> None:
        self._sock = sock
        self._device = device
        self._notes = notes
        self._buffer = bytearray(RECEIVE_BYTES)
        self._view = memoryview(self._buffer)

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
            send_buffer_bytes=self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
            receive_buffer_bytes=self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
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

    def _raise_if_gone(self, error: OSError) -> None:
        """What concerns one destination is a lost datagram; an interface that is gone is not."""
        if error.errno in GONE:
            raise LinkDown(f"{self._device or 'the interface'} is gone: {error.strerror}") from error

    def receive(self, now_ns: int) -> Received | None:
        """The next datagram."""
        while True:
            try:
                size, address = self._sock.recvfrom_into(self._buffer)
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno in GONE:
                    self._raise_if_gone(error)
                continue  # an ICMP answer to something sent earlier
            if size:
                return Received(address[:2], self._view[:size], size)

    def next_release_ns(self) -> int | None:
        """Nothing is held back."""
        return None

    def pump(self, now_ns: int) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()
