"""A UDP proxy between agents and a relay that does to datagrams what a bad network and a bad neighbour do."""

from __future__ import annotations

import random
import selectors
import socket
import threading
from collections import Counter, deque

Address = tuple[str, int]
KEPT = 64  # datagrams of which some are sent again later


class ManglingProxy:
    """Forwards both ways; some datagrams are cut, doubled, held back, sent again much later, bent, or made up.

    `done` counts by kind what was done, so that a test can say that it was.
    """

    def __init__(self, relay: Address, seed: int, share: float = 0.02) -> None:
        self._relay, self._share = relay, share
        self._random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.bytes_to_relay = 0
        self._inside: dict[Address, socket.socket] = {}
        self._outside = self._socket()
        self._first: list[bytes] = []
        self._kept: deque[bytes] = deque(maxlen=KEPT)
        self._late: list[tuple[bytes, socket.socket, Address]] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._outside, selectors.EVENT_READ, None)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @staticmethod
    def _socket() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("127.0.0.1", 0))
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        return made

    @property
    def address(self) -> str:
        """Where agents find it."""
        host, port = self._outside.getsockname()
        return f"{host}:{port}"

    def seen(self) -> list[bytes]:
        """What an eavesdropper has of it: the first datagrams to the relay, the hellos among them, and the newest."""
        return [datagram for datagram in (*self._first, *self._kept) if datagram]

    def close(self) -> None:
        """End it."""
        self._stopping.set()
        self._thread.join()
        self._selector.close()
        for each in (self._outside, *self._inside.values()):
            each.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for key, _ in self._selector.select(0.02):
                source = key.fileobj
                assert isinstance(source, socket.socket)
                for _ in range(64):
                    try:
                        datagram, address = source.recvfrom(65536, socket.MSG_DONTWAIT)
                    except (BlockingIOError, ConnectionRefusedError):
                        break
                    if key.data is None:
                        self.bytes_to_relay += len(datagram)
                        if len(self._first) < KEPT:
                            self._first.append(datagram)
                        self._pass(datagram, self._inside_of(address), self._relay)
                    else:
                        self._pass(datagram, self._outside, key.data)
            late, self._late = self._late, []
            for datagram, by, to in late:
                by.sendto(datagram, to)

    def _inside_of(self, agent: Address) -> socket.socket:
        """The socket by which an agent's datagrams go on to the relay."""
        if agent not in self._inside:
            self._inside[agent] = self._socket()
            self._selector.register(self._inside[agent], selectors.EVENT_READ, agent)
        return self._inside[agent]

    def _pass(self, datagram: bytes, by: socket.socket, to: Address) -> None:
        self._kept.append(datagram)
        fate = self._random.random() / self._share if self._share else 6.0
        if fate < 1:
            self.done["truncated"] += 1
            by.sendto(datagram[: self._random.randrange(len(datagram))], to)
        elif fate < 2:
            self.done["duplicated"] += 1
            by.sendto(datagram, to)
            by.sendto(datagram, to)
        elif fate < 3:
            self.done["reordered"] += 1
            self._late.append((datagram, by, to))
        elif fate < 4:
            self.done["replayed"] += 1
            by.sendto(datagram, to)
            by.sendto(self._random.choice(self._kept), to)  # either way's: what came from there goes back there too
        elif fate < 5:
            self.done["bent"] += 1
            bent = bytearray(datagram)
            bent[self._random.randrange(len(bent))] ^= 1 << self._random.randrange(8)
            by.sendto(bent, to)
        elif fate < 6:
            self.done["forged"] += 1
            by.sendto(datagram[:12] + self._random.randbytes(max(1, len(datagram) - 12)), to)
            by.sendto(self._random.randbytes(self._random.randrange(1500)), to)
            by.sendto(datagram, to)
        else:
            by.sendto(datagram, to)
