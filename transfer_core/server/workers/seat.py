"""What one of several receiving processes gets from its parent, as file descriptors that it inherits."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from transfer_core.errors import UsageError
from transfer_core.net.base import UdpPort
from transfer_core.net.shared_port import adopt_udp_port
from transfer_core.protocol.place import Place
from transfer_core.server.workers.hand_over import HandOver, InboxPort
from transfer_core.storage.room_ledger import SharedLedger


@dataclass(frozen=True, slots=True)
class SeatDescriptors:
    """The numbers of the descriptors; one line of text on the way to the process."""

    worker: int
    workers: int
    port: int
    inbox: int
    outboxes: tuple[tuple[int, int], ...]  # process, its descriptor
    ledger: int
    lock: int  # of the state: it is free only when the parent and all processes are gone

    @property
    def all(self) -> tuple[int, ...]:
        """What the process has to inherit."""
        return (self.port, self.inbox, *(fd for _, fd in self.outboxes), self.ledger, self.lock)

    def encode(self) -> str:
        """As a word of a command line."""
        return json.dumps(asdict(self))


def decode_descriptors(text: str) -> SeatDescriptors:
    """What `encode` made. UsageError."""
    try:
        fields = json.loads(text)
        outboxes = tuple((int(worker), int(fd)) for worker, fd in fields.pop("outboxes"))
        return SeatDescriptors(outboxes=outboxes, **{name: int(value) for name, value in fields.items()})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        hint = "It is started by `drs-sync relay --workers N`."
        raise UsageError("this is no seat for a receiving process", hint=hint) from error


@dataclass(frozen=True, slots=True)
class Seat:
    """A receiving process's own things."""

    place: Place
    port: UdpPort
    inbox: UdpPort
    hand_over: HandOver
    ledger: SharedLedger

    def close(self) -> None:
        """Let go of what no loop closes."""
        self.hand_over.close()
        self.ledger.close()


def take_seat(descriptors: SeatDescriptors, state_dir: Path) -> Seat:
    """Open what was inherited. StateError; OSError if it was not inherited."""
    place = Place(descriptors.worker, descriptors.workers)
    outboxes = {worker: socket.socket(fileno=fd) for worker, fd in descriptors.outboxes}
    return Seat(
        place,
        adopt_udp_port(descriptors.port),
        InboxPort(socket.socket(fileno=descriptors.inbox)),
        HandOver(place, outboxes),
        SharedLedger(descriptors.ledger, place.worker, state_dir),
    )
