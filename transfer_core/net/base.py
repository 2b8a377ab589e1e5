"""What a UDP port is, to those who send and receive through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from transfer_core.protocol.endpoint import Address, Received


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this port can do here and now, and why not more; shown to people by `scan` and in the log."""

    segmentation: bool  # one send call carries many datagrams (UDP_SEGMENT)
    coalescing: bool  # one receive call brings many datagrams (UDP_GRO)
    send_buffer_bytes: int  # as the system granted it
    receive_buffer_bytes: int
    bound_to_device: str | None  # the interface that datagrams leave by, None if left to the routing table
    notes: tuple[str, ...] = ()


class UdpPort(Protocol):
    """A non-blocking UDP socket, or something that behaves like one."""

    @property
    def local_address(self) -> Address:
        """The address and port that it is bound to."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do. May shrink at run time, when the system refuses an ability after all."""
        ...

    def fileno(self) -> int:
        """For `selectors`: readable when `receive` would bring something from the system."""
        ...

    def send(self, address: Address, payload: memoryview, segment_bytes: int) -> int:
        """Send datagrams laid back to back; returns how many the system took (0: its buffer is full, try later).

        Datagrams are unreliable: a refusal that concerns one destination (no route, connection refused) counts as
        taken. LinkDown when the interface is gone.
        """
        ...

    def receive(self, now_ns: int) -> Received | None:
        """The next datagrams that have arrived from one sender, None when there are none. The payload is borrowed
        until the next call."""
        ...

    def next_release_ns(self) -> int | None:
        """When something held back (by a simulated link) wants `pump`; None for a plain socket."""
        ...

    def pump(self, now_ns: int) -> None:
        """Let go of what was held back until now. Does nothing on a plain socket."""
        ...

    def close(self) -> None:
        """Release the socket. May be called twice."""
        ...
