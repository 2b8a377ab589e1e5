"""One path of a session, and what a session counts of what it drops."""

from __future__ import annotations

from dataclasses import dataclass

from transfer_core.protocol.endpoint import Address
from transfer_core.protocol.recovery.mtu import BASE_BYTES, MOST_BYTES, MtuSearch
from transfer_core.protocol.recovery.path_receiver import PathReceiver
from transfer_core.protocol.recovery.path_sender import PathSender
from transfer_core.protocol.wire.datagram import IPV4_UDP_BYTES, IPV6_UDP_BYTES


@dataclass(slots=True)
class Path:
    """One link to one address of the peer, within a session."""

    number: int
    address: Address
    sender: PathSender
    receiver: PathReceiver
    overhead_bytes: int  # of IP and UDP
    datagram_bytes: int
    search: MtuSearch | None = None  # of the side that sends file data; the other follows it
    carries_data: bool = True  # the owner's policy
    trains_left: int = 0  # opening trains that may go ahead of data, until one has told something
    last_sent_ns: int = 0
    last_heard_ns: int | None = None
    heard_datagrams: int = 0
    heard_bytes: int = 0
    data_bytes: int = 0  # file data acknowledged (sender) or accepted (receiver)
    newest_pn: int = -1

    def note_heard(self, address: Address, newest_pn: int, count: int, width: int, now_ns: int) -> None:
        """A proof of life: datagrams that opened. The peer's address follows the newest of them."""
        if newest_pn > self.newest_pn:
            self.newest_pn = newest_pn
            self.address = address
        self.last_heard_ns = now_ns
        self.heard_datagrams += count
        self.heard_bytes += count * width

    def use_found_size(self) -> None:
        """What the search knows now is the size of datagrams from now on."""
        if self.search is not None:
            self.datagram_bytes = self.search.packet_bytes - self.overhead_bytes

    def use_seen_size(self, datagram_bytes: int) -> None:
        """File data of that size came this way, so the other way carries it, too."""
        packet_bytes = datagram_bytes + self.overhead_bytes
        self.datagram_bytes = min(max(packet_bytes, BASE_BYTES), MOST_BYTES) - self.overhead_bytes


def new_path(number: int, address: Address, now_ns: int, rtt_hint_ns: int | None = None) -> Path:
    """A path of which nothing is known but where it leads, and perhaps about how long an answer takes."""
    overhead = IPV6_UDP_BYTES if ":" in address[0] else IPV4_UDP_BYTES
    path = Path(
        number=number,
        address=address,
        sender=PathSender(now_ns, rtt_hint_ns=rtt_hint_ns, overhead_bytes=overhead),
        receiver=PathReceiver(),
        overhead_bytes=overhead,
        datagram_bytes=BASE_BYTES - overhead,
        last_sent_ns=now_ns,
    )
    if rtt_hint_ns is not None:
        path.receiver.set_rtt_hint_ns(rtt_hint_ns)
    return path


@dataclass(slots=True)
class Counters:
    """Why datagrams were dropped, for tests, logs and benches."""

    malformed: int = 0
    foreign: int = 0  # another session's, or an unknown path
    stale: int = 0  # a packet number seen before, or below the floor
    forged: int = 0  # did not open
    refused: int = 0  # for a file that is not known (yet)
