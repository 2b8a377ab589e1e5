"""The five verbs that every protocol state machine answers to, and the batches of datagrams that they trade in.

The invariant: one mutation, then drain `poll_transmit` and `poll_event` until both give None, then wait until
`next_timeout_ns` or until something arrives. Disk is I/O too: an event asks for a chunk, a mutation hands it over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Address = tuple[str, int]
"""Where datagrams go or come from: a numeric IPv4 or IPv6 address, and a UDP port."""

EventT_co = TypeVar("EventT_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Transmit:
    """Datagrams to send: `payload` holds them back to back, each `segment_bytes` long, the last one perhaps shorter.

    The payload is borrowed: it is valid until the next call of any verb, so it must be sent or copied at once.
    """

    path: int
    address: Address
    payload: memoryview
    segment_bytes: int

    @property
    def datagrams(self) -> int:
        """How many datagrams the payload holds."""
        return -(-len(self.payload) // self.segment_bytes)


@dataclass(frozen=True, slots=True)
class Received:
    """Datagrams that were read together from one sender, laid out as in `Transmit`. Borrowed likewise.

    `stamps_us`: when the system took in each of them, however much later it was read; nothing where it does not tell.
    By the system's own clock mod 2**32, of which only differences tell, and which may jump. Datagrams that it has
    coalesced share that of the first.
    """

    address: Address
    payload: memoryview
    segment_bytes: int
    stamps_us: Sequence[int] = ()

    @property
    def datagrams(self) -> int:
        """How many datagrams the payload holds."""
        return -(-len(self.payload) // self.segment_bytes) if len(self.payload) else 0


class Endpoint(Protocol, Generic[EventT_co]):
    """A protocol state machine. Touched by one thread alone."""

    def receive_datagrams(self, path: int, received: Received, now_ns: int) -> None:
        """Take what arrived on a path. Datagrams that can't be authenticated are counted and dropped, never raised."""
        ...

    def handle_timeout(self, now_ns: int) -> None:
        """Act on deadlines that have passed. Calling it early or twice does no harm."""
        ...

    def poll_transmit(self, now_ns: int, max_datagrams: int) -> Transmit | None:
        """The next datagrams to send, at most `max_datagrams`; None when there is nothing to send just now."""
        ...

    def next_timeout_ns(self) -> int | None:
        """When `handle_timeout` or `poll_transmit` wants to be called again; may change after any other verb."""
        ...

    def poll_event(self) -> EventT_co | None:
        """The next thing that the owner has to know or to do."""
        ...
