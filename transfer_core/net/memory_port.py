"""Two UDP ports joined in memory, for tests: nothing is lost, reordered or delayed.

Each has a bounded backlog. What does not fit is not taken, which is how a full send buffer looks.
"""

from __future__ import annotations

import socket
from collections import deque

from transfer_core.errors import LinkDown
from transfer_core.net.base import Capabilities
from transfer_core.protocol.endpoint import Address, Received

BACKLOG_BYTES = 4 * 1024 * 1024
_CAPABILITIES = Capabilities(
    segmentation=True,
    coalescing=True,
    send_buffer_bytes=BACKLOG_BYTES,
    receive_buffer_bytes=BACKLOG_BYTES,
    bound_to_device=None,
    notes=("in memory",),
)


class MemoryPort:
    """Implements `UdpPort`. Make them with `memory_port_pair`. Used by one thread."""

    def __init__(self, address: Address, backlog_bytes: int) -> None:
        self._address = address
        self._backlog_bytes = backlog_bytes
        self._peer: MemoryPort | None = None
        self._bursts: deque[tuple[Address, bytes, int]] = deque()
        self._waiting_bytes = 0
        self._readable, self._signal = socket.socketpair()
        self._readable.setblocking(False)
        self._signal.setblocking(False)
        self._closed = False

    @property
    def local_address(self) -> Address:
        """As it was made."""
        return self._address

    @property
    def capabilities(self) -> Capabilities:
        """Bursts both ways."""
        return _CAPABILITIES

    def fileno(self) -> int:
        """Readable while something waits."""
        return self._readable.fileno()

    def join(self, peer: MemoryPort) -> None:
        """What is sent to the peer's address arrives there; to any other it is lost."""
        self._peer = peer

    def send(self, address: Address, payload: memoryview, segment_bytes: int) -> int:
        """Hand datagrams to the peer; as many are taken as fit into its backlog."""
        if self._closed:
            raise LinkDown("the port is closed")
        count = -(-len(payload) // segment_bytes)
        peer = self._peer
        if peer is None or peer._closed or address != peer._address:
            return count
        room = peer._backlog_bytes - peer._waiting_bytes
        if len(payload) > room:
            count = room // segment_bytes
            payload = payload[: count * segment_bytes]
        if count:
            peer._arrive(self._address, bytes(payload), segment_bytes)
        return count

    def receive(self, now_ns: int) -> Received | None:
        """The next burst that was sent."""
        if self._closed:
            raise LinkDown("the port is closed")
        if not self._bursts:
            return None
        address, payload, segment_bytes = self._bursts.popleft()
        self._waiting_bytes -= len(payload)
        if not self._bursts:
            self._readable.recv(1)
        return Received(address, memoryview(payload), min(segment_bytes, len(payload)))

    def next_release_ns(self) -> int | None:
        """Nothing is held back."""
        return None

    def pump(self, now_ns: int) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """What waits is lost."""
        self._closed = True
        self._bursts.clear()
        self._readable.close()
        self._signal.close()

    def _arrive(self, address: Address, payload: bytes, segment_bytes: int) -> None:
        if not self._bursts:
            self._signal.send(b"\0")
        self._bursts.append((address, payload, segment_bytes))
        self._waiting_bytes += len(payload)


def memory_port_pair(
    first: Address = ("192.0.2.1", 40_000),
    second: Address = ("192.0.2.2", 9_000),
    *,
    backlog_bytes: int = BACKLOG_BYTES,
) -> tuple[MemoryPort, MemoryPort]:
    """Two ports, each of which gets what is sent to its address on the other."""
    here, there = MemoryPort(first, backlog_bytes), MemoryPort(second, backlog_bytes)
    here.join(there)
    there.join(here)
    return here, there
