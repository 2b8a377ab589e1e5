"""One path of a session, and what a session counts of what it drops."""

from __future__ import annotations

from dataclasses import dataclass

from transfer_core.protocol.endpoint import Address
from transfer_core.protocol.recovery.mtu import MtuSearch
from transfer_core.protocol.recovery.path_receiver import PathReceiver
from transfer_core.protocol.recovery.path_sender import PathSender


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


@dataclass(slots=True)
class Counters:
    """Why datagrams were dropped, for tests, logs and benches."""

    malformed: int = 0
    foreign: int = 0  # another session's, or an unknown path
    stale: int = 0  # a packet number seen before, or below the floor
    forged: int = 0  # did not open
    refused: int = 0  # for a file that is not known (yet)
