"""What the parent of several receiving processes makes for them, and holds as long as it runs.

A process that dies takes nothing with it: its socket keeps its place in the group, and what comes for it waits there.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from transfer_core.net.shared_port import open_shared_sockets
from transfer_core.protocol.endpoint import Address
from transfer_core.protocol.wire.datagram import SESSION_AT
from transfer_core.server.workers.hand_over import make_inbox
from transfer_core.server.workers.seat import SeatDescriptors
from transfer_core.storage.room_ledger import make_ledger


@dataclass(slots=True)
class SharedMeans:
    """Sockets on one port, an inbox for each process, and the ledger."""

    ports: list[socket.socket]
    inboxes: list[tuple[socket.socket, socket.socket]]
    ledger: int
    lock: int

    @property
    def address(self) -> Address:
        """Where all of them receive."""
        host, port = self.ports[0].getsockname()[:2]
        return str(host), int(port)

    def descriptors(self, worker: int) -> SeatDescriptors:
        """What one of them inherits."""
        others = enumerate(writing.fileno() for _, writing in self.inboxes)
        return SeatDescriptors(
            worker=worker,
            workers=len(self.ports),
            port=self.ports[worker].fileno(),
            inbox=self.inboxes[worker][0].fileno(),
            outboxes=tuple((place, fd) for place, fd in others if place != worker),
            ledger=self.ledger,
            lock=self.lock,
        )

    def close(self) -> None:
        """Let go of everything but the lock, which is the state's."""
        for sock in (*self.ports, *(end for pair in self.inboxes for end in pair)):
            sock.close()
        os.close(self.ledger)


def make_means(listen: Address, workers: int, lock: int) -> SharedMeans:
    """PortInUse, BindRefused, LinkDown, StateError."""
    ports = open_shared_sockets(listen, workers, SESSION_AT)
    try:
        ledger = make_ledger(workers)
    except BaseException:
        for port in ports:
            port.close()
        raise
    return SharedMeans(ports, [make_inbox() for _ in range(workers)], ledger, lock)
