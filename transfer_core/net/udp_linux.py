"""UDP on Linux with segmentation (UDP_SEGMENT, 4.18) and coalescing (UDP_GRO, 5.0): one call, many datagrams.

Each read also tells when the kernel took in what it brings (SO_TIMESTAMPNS, socket(7)); of datagrams that it has
coalesced, when the first came.

Whether the kernel has these is asked, not guessed from its version. A driver may still refuse a burst at run time
(EIO without checksum offload, EINVAL or EOPNOTSUPP in tunnels). The same errors also come when one datagram would not
go either, because it is over the MTU or its source address is gone; so the burst is sent again one by one, and only if
that works is segmentation to blame, and given up for good.
"""

from __future__ import annotations

import errno
import socket
import struct
from contextlib import suppress

from transfer_core.net.base import Capabilities
from transfer_core.net.udp_plain import FULL, Arrival, PlainUdpPort
from transfer_core.protocol.endpoint import Address

_SOL_UDP = 17
_UDP_SEGMENT = 103  # linux/udp.h
_UDP_GRO = 104
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h, SO_TIMESTAMPNS_OLD; also the type of what it brings
SEGMENTS_MAX = 64  # UDP_MAX_SEGMENTS; 128 since 6.9, which nobody can rely on
SEND_BYTES_MAX = 65_507
_REFUSED = frozenset({errno.EIO, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOPROTOOPT, errno.EMSGSIZE})
_SEGMENT = struct.Struct("=H")
_GRO = struct.Struct("=i")
_TIMESPEC = struct.Struct("@ll")
_CMSG_SPACE = socket.CMSG_SPACE(_GRO.size) + socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 64


def supports_segmentation(sock: socket.socket) -> bool:
    """Whether this kernel knows UDP_SEGMENT."""
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


def enable_stamps(sock: socket.socket) -> None:
    """Have each read tell when the kernel took in what it brings, if this kernel can."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


class LinuxUdpPort(PlainUdpPort):
    """A UDP socket that sends and receives bursts. See `base.UdpPort`."""

    def __init__(self, sock: socket.socket, device: str | None, notes: tuple[str, ...] = ()) -> None:
        super().__init__(sock, device, notes)
        self._segmentation = supports_segmentation(sock)
        self._coalescing = enable_coalescing(sock)
        enable_stamps(sock)
        self._control: list[tuple[int, int, bytes]] = []
        self._control_bytes = 0

    @property
    def capabilities(self) -> Capabilities:
        """As the kernel granted them."""
        return self._capabilities(segmentation=self._segmentation, coalescing=self._coalescing)

    def send(self, address: Address, payload: memoryview, segment_bytes: int) -> int:
        """Send the datagrams in as few calls as possible; how many the system took."""
        if len(payload) <= segment_bytes or not self._segmentation:
            return super().send(address, payload, segment_bytes)
        if segment_bytes != self._control_bytes:
            self._control = [(_SOL_UDP, _UDP_SEGMENT, _SEGMENT.pack(segment_bytes))]
            self._control_bytes = segment_bytes
        step = min(SEGMENTS_MAX, SEND_BYTES_MAX // segment_bytes) * segment_bytes
        taken = 0
        for at in range(0, len(payload), step or len(payload)):
            burst = payload[at : at + step]
            count = -(-len(burst) // segment_bytes)
            try:
                self._sock.sendmsg((burst,), self._control, 0, address)
            except OSError as error:
                if error.errno in FULL:
                    return taken
                if error.errno in _REFUSED:
                    one_by_one = self._send_refused(address, burst, segment_bytes, error)
                    taken += one_by_one
                    if one_by_one < count:
                        return taken
                    continue
                self._raise_if_gone(error)
            taken += count
        return taken

    def _send_refused(self, address: Address, burst: memoryview, segment_bytes: int, refusal: OSError) -> int:
        """Send a refused burst one by one; if the first datagram goes, it was the segmentation that was refused."""
        try:
            self._sock.sendto(burst[:segment_bytes], address)
        except OSError as error:
            if error.errno in FULL:
                return 0
            self._raise_if_gone(error)
        else:
            self._segmentation = False
            self._notes += (f"segmentation was refused: {refusal.strerror}",)
        return 1 + super().send(address, burst[segment_bytes:], segment_bytes)

    def _receive_into(self, buffer: memoryview) -> Arrival:
        size, control, _, address = self._sock.recvmsg_into((buffer,), _CMSG_SPACE)
        segment_bytes, came_us = size, None
        for _, kind, data in control:  # a lone datagram brings no segment size
            if kind == _UDP_GRO:
                segment_bytes = _GRO.unpack_from(data)[0]
            elif kind == _SO_TIMESTAMPNS:
                seconds, ns = _TIMESPEC.unpack_from(data)
                came_us = seconds * 1_000_000 + ns // 1000 & 0xFFFFFFFF
        return size, segment_bytes, address, came_us
