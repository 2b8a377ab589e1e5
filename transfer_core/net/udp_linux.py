"""UDP on Linux with segmentation (UDP_SEGMENT, 4.18) and coalescing (UDP_GRO, 5.0): one call, many datagrams."""

from __future__ import annotations

import errno
import socket
import struct

from transfer_core.net.base import Capabilities
from transfer_core.net.udp_plain import FULL, GONE, PlainUdpPort
from transfer_core.protocol.endpoint import Address, Received

_SOL_UDP = 17
_UDP_SEGMENT = 103
_UDP_GRO = 104
SEGMENTS_MAX = 64
SEND_BYTES_MAX = 65_507
_REFUSED = frozenset({errno.EIO, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOPROTOOPT})
_SEGMENT_STRUCT = struct.Struct("=H")
_CMSG_SPACE = socket.CMSG_SPACE(4) if hasattr(socket, "CMSG_SPACE") else 64


def supports_segmentation(sock: socket.socket) -> bool:
    """Ask the kernel instead of guessing by its version."""
    try:
        sock.setsockopt(_SOL_UDP, _UDP_SEGMENT, 0)
    except OSError:
        return False
    return True


def enable_coalescing(sock: socket.socket) -> bool:
    """Switch UDP_GRO on; False if this kernel has none."""
    try:
        sock.setsockopt(_SOL_UDP, _UDP_GRO, 1)
    except OSError:
        return False
    return True


class LinuxUdpPort(PlainUdpPort):
    """A UDP socket that sends and receives bursts. Falls back for good when a driver refuses segmentation."""

    def __init__(self, sock: socket.socket, device: str | None, notes: tuple[str, ...] = ()) -> None:
        super().__init__(sock, device, notes)
        self._segmentation = supports_segmentation(sock)
        self._coalescing = enable_coalescing(sock)

    @property
    def capabilities(self) -> Capabilities:
        """As the kernel granted them."""
        return self._capabilities(segmentation=self._segmentation, coalescing=self._coalescing)

    def send(self, address: Address, payload: memoryview, segment_bytes: int) -> int:
        """Send the datagrams in as few calls as possible; how many the system took."""
        if len(payload) <= segment_bytes or not self._segmentation:
            return super().send(address, payload, segment_bytes)
        per_call = min(SEGMENTS_MAX, SEND_BYTES_MAX // segment_bytes)
        control = [(_SOL_UDP, _UDP_SEGMENT, _SEGMENT_STRUCT.pack(segment_bytes))]
        taken = 0
        step = per_call * segment_bytes
        for at in range(0, len(payload), step):
            part = payload[at : at + step]
            try:
                self._sock.sendmsg((part,), control, 0, address)
            except OSError as error:
                if error.errno in FULL:
                    return taken
                if error.errno in _REFUSED:
                    self._segmentation = False
                    self._notes += (f"segmentation refused: {error.strerror}",)
                    return taken + super().send(address, payload[at:], segment_bytes)
                if error.errno in GONE:
                    self._raise_if_gone(error)
            taken += -(-len(part) // segment_bytes)
        return taken

    def receive(self, now_ns: int) -> Received | None:
        """The next burst from one sender."""
        while True:
            try:
                size, control, _, address = self._sock.recvmsg_into((self._buffer,), _CMSG_SPACE)
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno in GONE:
                    self._raise_if_gone(error)
                continue
            if not size:
                continue
            segment = size
            for level, kind, data in control:
                if level == _SOL_UDP and kind == _UDP_GRO:
                    segment = int.from_bytes(data[:2], "little") if len(data) < 4 else struct.unpack("=i", data[:4])[0]
            return Received(address[:2], self._view[:size], segment)
