"""Two sessions, a sender's and a receiver's, over simulated links in virtual time; the disk is a dictionary."""

from __future__ import annotations

import functools
import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import blake3
import numpy as np

from transfer_core.protocol.association import Association
from transfer_core.protocol.endpoint import Received, Transmit
from transfer_core.protocol.receiver import (
    ChunkReady,
    FileOffered,
    FileStopped,
    PostDelivered,
    ReceiverSession,
    VerifyFile,
)
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.sender import (
    ChunksWanted,
    DigestWanted,
    FileAccepted,
    FileArrived,
    FileProgress,
    FileRejected,
    PostArrived,
    SenderSession,
)
from transfer_core.protocol.wire.chunk_record import new_record, seal_record
from transfer_core.sim.conditions import LinkConditions
from transfer_core.sim.link import DROPPED, SimulatedLink, datagram_sizes

MS = 1_000_000
S = 1_000_000_000
STALLS_PER_S = 1.0


@dataclass
class WorldFile:
    """A file that is to arrive."""

    file_id: str
    data: bytes
    chunk_bytes: int = 65536
    priority: int = 5
    number: int | None = None
    arrived_ns: int | None = None


@dataclass
class Disk:
    """What the receiver has written, by file id: data and which chunks are there."""

    parts: dict[str, bytearray] = field(default_factory=dict)
    there: dict[str, np.ndarray] = field(default_factory=dict)
    finished: dict[str, bytes] = field(default_factory=dict)


class SessionWorld:
    """Drives both sessions until a predicate holds or the time is over. All randomness comes from `seed`."""

    def __init__(
        self,
        conditions: Sequence[LinkConditions],
        seed: int,
        *,
        reorder: bool = False,
        window_chunks: int = 512,
        disk_ns: int = 0,
        late_ms: float = 0.0,
        stall_ms: float = 0.0,
    ) -> None:
        self.now_ns = 1 * S
        self.seed = seed
        self.window_chunks, self.disk_ns = window_chunks, disk_ns
        self.late_ms, self.stall_ms = late_ms, stall_ms
        rng = np.random.default_rng(seed)
        self.ups = [SimulatedLink(c, np.random.default_rng(rng.integers(1 << 62)), reorder=reorder) for c in conditions]
        self.downs = [
            SimulatedLink(c, np.random.default_rng(rng.integers(1 << 62)), reorder=reorder) for c in conditions
        ]
        self.rng = rng
        self.files: list[WorldFile] = []
        self.disk = Disk()
        self.progress: list[tuple[int, int]] = []  # (time, bytes written)
        self.bytes_written = 0
        self.stalls = 0
        self.posts_arrived: list[bytes] = []
        self.posts_delivered: list[int] = []
        self.corrupt = 0.0
        self.duplicate = 0.0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._epoch = 0
        self.connect()

    def connect(self) -> None:
        """Begin a new session; what was in memory at either end is gone."""
        self._epoch += 1
        secrets = [bytes([self._epoch, i]) * 16 for i in range(2)]
        self.sender = SenderSession(
            my_index=1,
            peer_index=2,
            send_keys=PathKeys(secrets[0]),
            receive_keys=PathKeys(secrets[1]),
            window_chunks=self.window_chunks,
        )
        self.receiver = ReceiverSession(
            my_index=2,
            peer_index=1,
            send_keys=PathKeys(secrets[1]),
            receive_keys=PathKeys(secrets[0]),
            window_chunks=self.window_chunks,
        )
        for i, link in enumerate(self.ups):
            conditions = link.conditions
            rtt_ns = int(2 * conditions.delay_ms * MS) + 1 * MS if i == 0 else None
            self.sender.add_path(i, ("10.0.0.1", 9000 + i), self.now_ns, rtt_hint_ns=rtt_ns)
        for file in self.files:
            file.number = None
            if file.arrived_ns is None:
                self._open(file, resumed=True)

    def add_file(self, file: WorldFile) -> WorldFile:
        """Queue a file now."""
        self.files.append(file)
        self._open(file, resumed=False)
        return file

    def _open(self, file: WorldFile, *, resumed: bool) -> None:
        file.number = self.sender.open_file(
            file_id=file.file_id,
            path=file.file_id,
            size=len(file.data),
            chunk_bytes=file.chunk_bytes,
            mtime_ns=0,
            fingerprint=1,
            priority=file.priority,
            position=0.0,
            resumed=resumed,
        )

    def at(self, delay_ns: int, call: Callable[[], None]) -> None:
        """Make a call after a while."""
        heapq.heappush(self._heap, (self.now_ns + delay_ns, next(self._order), call))

    @property
    def all_arrived(self) -> bool:
        """Every file is verified and the sender knows."""
        return all(file.arrived_ns is not None for file in self.files)

    def run(self, until: Callable[[], bool] | None = None, *, limit_s: float = 60.0) -> bool:
        """Run; True if the predicate came true in time."""
        until = until or (lambda: self.all_arrived)
        end_ns = self.now_ns + int(limit_s * S)
        while not until():
            self._drain()
            deadlines = [self.sender.next_timeout_ns(), self.receiver.next_timeout_ns()]
            if self._heap:
                deadlines.append(self._heap[0][0])
            following = min((at for at in deadlines if at is not None), default=end_ns)
            following = max(self.now_ns + 1000, following)
            self.now_ns = following + self._lateness_ns(following - self.now_ns)
            if self.now_ns > end_ns:
                return until()
            while self._heap and self._heap[0][0] <= self.now_ns:
                heapq.heappop(self._heap)[2]()
        return True

    def _lateness_ns(self, passed_ns: int) -> int:
        """How late a busy machine wakes everybody, the links included: a little always, a lot now and then."""
        if not self.late_ms and not self.stall_ms:
            return 0
        late_ms = self.rng.exponential(self.late_ms)
        if self.stall_ms and self.rng.random() < STALLS_PER_S * (passed_ns / S + late_ms / 1e3):
            self.stalls += 1
            late_ms += self.rng.uniform(0.2, 1.0) * self.stall_ms
        return int(late_ms * MS)

    def _drain(self) -> None:
        self.sender.handle_timeout(self.now_ns)
        self.receiver.handle_timeout(self.now_ns)
        for _ in range(10_000):
            busy = self._handle_sender_events() | self._handle_receiver_events()
            for side, links in ((self.sender, self.ups), (self.receiver, self.downs)):
                transmit = side.poll_transmit(self.now_ns)
                if transmit is not None:
                    busy = True
                    self._carry(transmit, links[transmit.path], side)
            if not busy:
                return
        raise AssertionError("the sessions never come to rest")

    def _carry(self, transmit: Transmit, link: SimulatedLink, side: Association) -> None:
        other = self.receiver if side is self.sender else self.sender
        sizes = datagram_sizes(len(transmit.payload), transmit.segment_bytes)
        payload = bytes(transmit.payload)
        for i, release_ns in enumerate(link.offer(self.now_ns, sizes).tolist()):
            if release_ns == DROPPED:
                continue
            datagram = payload[i * transmit.segment_bytes : (i + 1) * transmit.segment_bytes]
            if self.corrupt and self.rng.random() < self.corrupt:
                at = int(self.rng.integers(len(datagram)))
                datagram = datagram[:at] + bytes([datagram[at] ^ 1 << int(self.rng.integers(8))]) + datagram[at + 1 :]
            copies = 2 if self.duplicate and self.rng.random() < self.duplicate else 1
            arrive = functools.partial(self._arrive, other, link, transmit.path, datagram)
            for _ in range(copies):
                heapq.heappush(self._heap, (release_ns, next(self._order), arrive))

    def _arrive(self, side: Association, link: SimulatedLink, path: int, datagram: bytes) -> None:
        if side in (self.sender, self.receiver) and link.deliver(1):
            address = ("10.0.0.2", path + 1)
            side.receive_datagrams(path, Received(address, memoryview(datagram), len(datagram)), self.now_ns)

    def _file(self, number: int) -> WorldFile:
        return next(file for file in self.files if file.number == number)

    def _handle_sender_events(self) -> bool:
        busy = False
        while (event := self.sender.poll_event()) is not None:
            busy = True
            match event:
                case ChunksWanted(number, first, count):
                    file = self._file(number)
                    for chunk in range(first, first + count):
                        offset = chunk * file.chunk_bytes
                        data = file.data[offset : offset + file.chunk_bytes]
                        record, place = new_record(file.file_id, len(data))
                        place[:] = data
                        seal_record(record, file.file_id, chunk, offset, len(data))
                        self.sender.provide_chunk(number, chunk, record)
                case DigestWanted(number):
                    self.sender.provide_digest(number, "blake3:" + blake3.blake3(self._file(number).data).hexdigest())
                case FileArrived(number):
                    self._file(number).arrived_ns = self.now_ns
                case FileRejected(_, code, text):
                    raise AssertionError(f"rejected: {code} {text}")
                case PostArrived(post, data):
                    self.posts_arrived.append(data)
                    self.sender.take_post(post)
                case FileAccepted() | FileProgress():
                    pass
        return busy

    def _handle_receiver_events(self) -> bool:
        busy = False
        while (event := self.receiver.poll_event()) is not None:
            busy = True
            match event:
                case FileOffered(number):
                    file = self.receiver.files[number]
                    part = self.disk.parts.setdefault(file.file_id, bytearray(file.size))
                    assert len(part) == file.size
                    there = self.disk.there.setdefault(file.file_id, np.zeros(file.chunks, np.bool_))
                    self.receiver.accept_file(number, there.copy())
                case ChunkReady(number, chunk, offset, data):
                    file = self.receiver.files[number]
                    self.disk.parts[file.file_id][offset : offset + len(data)] = data
                    self.disk.there[file.file_id][chunk] = True
                    self.bytes_written += len(data)
                    self.progress.append((self.now_ns, self.bytes_written))
                    written = functools.partial(self._written, self.receiver, number, chunk)
                    if self.disk_ns:
                        self.at(self.disk_ns, written)
                    else:
                        written()
                case VerifyFile(number, digest):
                    file = self.receiver.files[number]
                    data = bytes(self.disk.parts[file.file_id])
                    assert digest == "blake3:" + blake3.blake3(data).hexdigest()
                    self.disk.finished[file.file_id] = data
                    self.receiver.finish_file(number, digest, file.path)
                case PostDelivered(post):
                    self.posts_delivered.append(post)
                case FileStopped():
                    pass
        return busy

    def _written(self, receiver: ReceiverSession, number: int, chunk: int) -> None:
        receiver.chunk_written(number, chunk)
        receiver.chunks_durable(number, ((chunk, 1),))

    def longest_gap_ns(self, from_ns: int, to_ns: int) -> int:
        """The longest time without a chunk written, between two moments."""
        times = [from_ns, *(t for t, _ in self.progress if from_ns <= t <= to_ns), to_ns]
        return max(b - a for a, b in itertools.pairwise(times))

    def assert_equal(self) -> None:
        """Everything that arrived is what was sent."""
        for file in self.files:
            assert self.disk.finished[file.file_id] == file.data, f"seed {self.seed}: {file.file_id} differs"
