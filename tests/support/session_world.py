"""Two sessions, a sender's and a receiver's, over simulated links in virtual time, with a disk and trouble of any kind.

Each side has a clock of its own, which may jump ahead of the world's, as after a sleep. Written chunks become durable
a while later, as a relay syncs them in groups. `world_checks` watches all the time.
"""

from __future__ import annotations

import bisect
import functools
import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import blake3
import numpy as np

from tests.support.world_checks import WorldChecks
from tests.support.world_disk import Disk
from transfer_core.protocol.association import Association
from transfer_core.protocol.endpoint import Received, Transmit
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.protocol.receiver import ReceiverSession
from transfer_core.protocol.receiver_events import (
    ChunkReady,
    FeedArrived,
    FeedEnded,
    FeedOffered,
    FileOffered,
    FileStopped,
    PostDelivered,
    VerifyFile,
)
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.sender import SenderSession
from transfer_core.protocol.sender_events import (
    ChunksWanted,
    DigestWanted,
    FeedAnswered,
    FileAccepted,
    FileArrived,
    FileProgress,
    FileRejected,
    FileWaits,
    PostArrived,
)
from transfer_core.protocol.wire.chunk_record import new_record, seal_record
from transfer_core.protocol.wire.datagram import IPV4_UDP_BYTES
from transfer_core.protocol.wire.messages import to_runs
from transfer_core.sim.conditions import LinkConditions
from transfer_core.sim.link import DROPPED, SimulatedLink, datagram_sizes

MS = 1_000_000
S = 1_000_000_000
SYNC_NS = 50 * MS
STALLS_PER_S = 1.0
OVERDUE_TURNS_MAX = 200  # a machine would spin


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
class Trouble:
    """What the world does to datagrams beside its links' conditions."""

    corrupt: float = 0.0
    duplicate: float = 0.0
    replay: float = 0.0  # share of datagrams after which an old one comes again
    mtu: dict[int, int] = field(default_factory=dict)  # by path: larger IP packets vanish
    bent: int = 0
    doubled: int = 0
    replayed: int = 0
    too_large: int = 0
    posthumous: int = 0  # for one that runs no more
    overtaken: int = 0  # datagrams that arrive before one that was sent earlier on the same link
    renewed: int = 0  # paths that went and came again as others


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
        coalesce_ns: int = 0,
        stamps: bool = False,
        packet_bytes_max: int = 1500,
        late_ms: float = 0.0,
        stall_ms: float = 0.0,
    ) -> None:
        self.now_ns = 1 * S
        self.seed = seed
        self.window_chunks, self.disk_ns, self.coalesce_ns = window_chunks, disk_ns, coalesce_ns
        self.stamps = stamps  # the receiver's system tells when it took in each datagram
        self.packet_bytes_max = packet_bytes_max
        self.late_ms, self.stall_ms = late_ms, stall_ms
        rng = np.random.default_rng(seed)
        self.ups = [SimulatedLink(c, np.random.default_rng(rng.integers(1 << 62)), reorder=reorder) for c in conditions]
        self.downs = [
            SimulatedLink(c, np.random.default_rng(rng.integers(1 << 62)), reorder=reorder) for c in conditions
        ]
        self.rng = rng
        self.files: list[WorldFile] = []
        self.disk = Disk()
        self.checks = WorldChecks(seed)
        self.trouble = Trouble()
        self.progress: list[tuple[int, int]] = []  # (time, bytes written)
        self.bytes_written = 0
        self.stalls = 0
        self.posts_arrived: list[bytes] = []
        self.posts_delivered: list[int] = []
        self.feed_answers: list[FeedAnswered] = []
        self.live_arrived: list[tuple[int, LiveDatagram]] = []  # with the time
        self.restarts = 0
        self.ahead_ns = [0, 0]  # how far the sender's and the receiver's clock are ahead of the world's
        self.is_up = True  # both programs run
        self.trace = blake3.blake3()  # of every datagram sent, with its time
        self._held: set[int] = set()  # files that wait for room
        self.told: list[tuple[str, int]] = []  # what the relay said about waiting, to the sender
        self._unsynced: list[tuple[int, int]] = []
        self._sync_due = False
        self._old: list[bytes] = []
        self._newest_ns: dict[SimulatedLink, int] = {}  # when the latest arrival on each link is due
        self._landed: list[tuple[Association, int, bytes, int]] = []
        self._read: set[tuple[int, int]] = set()  # chunks of this session by file
        self._refused = False  # the disk has turned some chunk of this session away
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._epoch = 0
        self.connect()
        self.at(S, self._look_at_paths)

    def connect(self) -> None:
        """Begin a new session; what was in memory at either end is gone."""
        self._epoch += 1
        self._renewed = 1
        self.is_up = True
        self._held.clear()
        self._unsynced.clear()
        self._read.clear()
        self._refused = False
        secrets = [self._epoch.to_bytes(4, "big") * 4 + bytes([i]) * 16 for i in range(2)]
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
            assert conditions is not None
            rtt_ns = int(2 * conditions.delay_ms * MS) + 1 * MS if i == 0 else None
            self.sender.add_path(
                i,
                ("10.0.0.1", 9000 + i),
                self.clock_of(self.sender),
                rtt_hint_ns=rtt_ns,
                packet_bytes_max=self.packet_bytes_max,
            )
        for file in self.files:
            file.number = None
            if file.arrived_ns is None:
                self._open(file, resumed=True)

    def renew_path(self, number: int) -> None:
        """As when an interface goes and comes back: another path. Path n rides link n modulo the links."""
        now_ns = self.clock_of(self.sender)
        self.trouble.renewed += 1
        self.sender.remove_path(number, now_ns)
        anew = number % len(self.ups) + len(self.ups) * self._renewed
        self._renewed += 1
        self.sender.add_path(anew, ("10.0.0.1", 9000), now_ns)

    def crash(self, *, power: bool, for_ns: int) -> None:
        """Both ends lose what they had in memory; with `power` the disk loses what was not durable too."""
        if not self.is_up:
            return
        self.is_up = False
        self.restarts += 1
        self._unsynced.clear()
        for part in self.disk.parts.values():
            if not power:
                part.durable[:] = part.there  # the system outlives the program
        self.disk.cut_power()
        self.at(for_ns, self.connect)

    def clock_of(self, side: Association) -> int:
        """The time as that side knows it."""
        return self.now_ns + self.ahead_ns[0 if side is self.sender else 1]

    def jump(self, side: int, by_ns: int) -> None:
        """A side's clock goes on by so much at once; 0 is the sender's."""
        self.ahead_ns[side] += by_ns

    def add_file(self, file: WorldFile) -> WorldFile:
        """Queue a file now."""
        self.files.append(file)
        self._open(file, resumed=False)
        return file

    def time_needed_ns(self) -> int:
        """What the files would take if the links gave all they have, and 100 ms for the ways."""
        rates = [link.conditions.rate_mbps for link in self.ups if link.conditions is not None]
        return int(sum(len(file.data) for file in self.files) * 8e3 / sum(rates)) + 100 * MS

    def _open(self, file: WorldFile, *, resumed: bool) -> None:
        if not self.is_up:
            return
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
        overdue = 0
        while not until():
            if self.is_up:
                self._drain()
            following = min(self._deadlines(), default=end_ns)
            overdue = overdue + 1 if following <= self.now_ns else 0
            assert overdue < OVERDUE_TURNS_MAX, f"seed {self.seed}: a deadline has passed, and nothing is done about it"
            following = max(self.now_ns + 1000, following)
            self.now_ns = following + self._lateness_ns(following - self.now_ns)
            if self.now_ns > end_ns:
                return until()
            while self._heap and self._heap[0][0] <= self.now_ns:
                heapq.heappop(self._heap)[2]()
            self._hand_over()
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

    def _deadlines(self) -> list[int]:
        found = [self._heap[0][0] + self.coalesce_ns] if self._heap else []
        if self.is_up:
            for side in (self.sender, self.receiver):
                due_ns = side.next_timeout_ns()
                if due_ns is not None:
                    found.append(due_ns - self.clock_of(side) + self.now_ns)
        return found

    def _drain(self) -> None:
        self.sender.handle_timeout(self.clock_of(self.sender))
        self.receiver.handle_timeout(self.clock_of(self.receiver))
        for turn in range(10_000):
            said = self._handle_sender_events() | self._handle_receiver_events()
            if turn and not said:  # both have sent all they had to send
                self.checks.limits(self.sender, self.receiver, self._link_bytes())
                return
            self._send_all(self.sender, self.ups)
            self._send_all(self.receiver, self.downs)
        raise AssertionError(f"seed {self.seed}: the sessions never come to rest")

    def _send_all(self, side: Association, links: Sequence[SimulatedLink]) -> None:
        """Send what a side has to send now."""
        for _ in range(10_000):
            transmit = side.poll_transmit(self.clock_of(side))
            if transmit is None:
                return
            self._carry(transmit, links[transmit.path % len(links)], side)
        raise AssertionError(f"seed {self.seed}: a session sends for ever")

    def _look_at_paths(self) -> None:
        dead = [up.killed or down.killed for up, down in zip(self.ups, self.downs, strict=True)]
        alive = {number: not dead[number % len(dead)] for number in self.sender.paths}
        if self.is_up:
            self.checks.starved(self.sender, self._epoch, self.now_ns, alive)
        self.at(S, self._look_at_paths)

    def _link_bytes(self) -> dict[int, float]:
        """What each link holds, there and back, when it is full."""
        found: dict[int, float] = {}
        for number in self.sender.paths:
            c = self.ups[number % len(self.ups)].conditions
            assert c is not None
            found[number] = c.rate_mbps * 125 * (2 * c.delay_ms + c.queue_ms + 6 * c.jitter_ms + 500)
        return found

    def _carry(self, transmit: Transmit, link: SimulatedLink, side: Association) -> None:
        self.checks.nonces(self._epoch, transmit, int(side is self.receiver))
        other = self.receiver if side is self.sender else self.sender
        payload = bytes(transmit.payload)
        self.trace.update(self.now_ns.to_bytes(8, "big") + payload)
        trouble, rng = self.trouble, self.rng
        mtu = trouble.mtu.get(transmit.path % len(self.ups))
        if len(payload) <= transmit.segment_bytes:
            releases = [link.offer_one(self.now_ns, len(payload))]
        else:
            releases = link.offer(self.now_ns, datagram_sizes(len(payload), transmit.segment_bytes)).tolist()
        for i, release_ns in enumerate(releases):
            if release_ns == DROPPED:
                continue
            newest_ns = self._newest_ns.get(link, 0)
            trouble.overtaken += release_ns < newest_ns
            self._newest_ns[link] = max(newest_ns, release_ns)
            datagram = payload[i * transmit.segment_bytes : (i + 1) * transmit.segment_bytes]
            if mtu is not None and len(datagram) + IPV4_UDP_BYTES > mtu:
                trouble.too_large += 1
                continue
            arriving = [datagram]
            if trouble.corrupt and rng.random() < trouble.corrupt:
                trouble.bent += 1
                arriving = [self._bent(datagram)]
            elif trouble.duplicate and rng.random() < trouble.duplicate:
                trouble.doubled += 1
                arriving = [datagram, datagram]
            if trouble.replay and rng.random() < trouble.replay and self._old:
                trouble.replayed += 1
                arriving.append(self._old[int(rng.integers(len(self._old)))])
            if trouble.replay and rng.random() < 0.1:
                self._old = [*self._old[-50:], datagram]
            for each in arriving:
                arrive = functools.partial(self._arrive, other, link, transmit.path, each, release_ns)
                heapq.heappush(self._heap, (release_ns, next(self._order), arrive))

    def _bent(self, datagram: bytes) -> bytes:
        """One bit is another, or the end is missing."""
        at = int(self.rng.integers(len(datagram)))
        if self.rng.random() < 0.3:
            return datagram[:at]
        return datagram[:at] + bytes([datagram[at] ^ 1 << int(self.rng.integers(8))]) + datagram[at + 1 :]

    def _arrive(self, side: Association, link: SimulatedLink, path: int, datagram: bytes, at_ns: int) -> None:
        if not self.is_up or side not in (self.sender, self.receiver):
            self.trouble.posthumous += 1
        elif link.deliver(1) and datagram:
            stamp_us = (at_ns + self.clock_of(side) - self.now_ns) // 1000 & 0xFFFFFFFF
            self._landed.append((side, path, datagram, stamp_us))

    def _hand_over(self) -> None:
        """What has landed since, equal datagrams that came after each other as one burst, as a system has it."""
        landed, self._landed = self._landed, []
        for (side, path, width), group in itertools.groupby(landed, lambda each: (each[0], each[1], len(each[2]))):
            of_one = list(group)
            payload = b"".join(datagram for _, _, datagram, _ in of_one)
            stamps_us = [came_us for *_, came_us in of_one] if self.stamps else ()
            received = Received(("10.0.0.2", path + 1), memoryview(payload), width, stamps_us)
            side.receive_datagrams(path, received, self.clock_of(side))

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
                        twice = (number, chunk) in self._read and not self._refused
                        self.checks.fail_if(twice, f"chunk {chunk} of {file.file_id} had to be read again")
                        self._read.add((number, chunk))
                        offset = chunk * file.chunk_bytes
                        data = file.data[offset : offset + file.chunk_bytes]
                        record, place = new_record(file.file_id, len(data))
                        place[:] = data
                        seal_record(record, file.file_id, chunk, offset, len(data))
                        self.sender.provide_chunks(number, chunk, [record])
                case DigestWanted(number):
                    self.sender.provide_digest(number, "blake3:" + blake3.blake3(self._file(number).data).hexdigest())
                case FileArrived(number):
                    file = self._file(number)
                    self.checks.fail_if(
                        self.disk.finished.get(file.file_id) != file.data, f"{file.file_id} is not there"
                    )
                    file.arrived_ns = self.now_ns
                case FileRejected(_, code, text):
                    self.checks.fail_if(True, f"rejected: {code} {text}")
                case FileProgress():
                    self.checks.stored(self.sender, self.disk)
                case FileAccepted(number):
                    self.told.append(("goes on", number))
                    self.checks.stored(self.sender, self.disk)
                case PostArrived(post, data):
                    self.posts_arrived.append(data)
                    self.sender.take_post(post)
                case FeedAnswered():
                    self.feed_answers.append(event)
                case FileWaits(number):
                    self.told.append(("waits", number))
        return busy

    def _handle_receiver_events(self) -> bool:
        busy = False
        while (event := self.receiver.poll_event()) is not None:
            busy = True
            match event:
                case FileOffered(number):
                    self._take_offer(number)
                case ChunkReady(number, chunk, offset, data):
                    self._write(number, chunk, offset, data)
                case VerifyFile(number, digest):
                    file = self.receiver.files[number]
                    data = bytes(self.disk.parts[file.file_id].data)
                    found = "blake3:" + blake3.blake3(data).hexdigest()
                    self.checks.fail_if(found != digest, f"{file.file_id} is whole and differs")
                    self.disk.finished[file.file_id] = data
                    self.receiver.finish_file(number, digest, file.path)
                case PostDelivered(post):
                    self.posts_delivered.append(post)
                case FeedOffered(feed):
                    self.receiver.take_feed(feed)
                case FeedArrived(_, datagrams):
                    self.live_arrived += [(self.now_ns, each) for each in datagrams]
                case FeedEnded() | FileStopped():
                    pass
        return busy

    def _take_offer(self, number: int) -> None:
        file = self.receiver.files[number]
        data = self.disk.finished.get(file.file_id)
        if data is not None:
            self.receiver.finish_file(number, "blake3:" + blake3.blake3(data).hexdigest(), file.path)
        elif self.disk.full:
            self._held.add(number)
            self.receiver.hold_file(number, "E_DISK_FULL", "the disk is full")
        else:
            part = self.disk.open(file.file_id, file.size, file.chunks, file.chunk_bytes)
            assert len(part.data) == file.size
            self.receiver.accept_file(number, part.there.copy(), part.durable)

    def _write(self, number: int, chunk: int, offset: int, data: memoryview) -> None:
        ok = self.disk.write(self.receiver.files[number].file_id, chunk, offset, data)
        if ok:
            self.bytes_written += len(data)
            self.progress.append((self.now_ns, self.bytes_written))
        else:
            self._refused = True
            if number not in self._held:
                self._held.add(number)
                self.receiver.hold_file(number, "E_DISK_FULL", "the disk is full")
        written = functools.partial(self._written, self.receiver, number, chunk, ok)
        if self.disk_ns:
            self.at(self.disk_ns, written)
        else:
            written()

    def fill_disk(self, for_ns: int) -> None:
        """There is no room for a while."""
        self.disk.full = True
        self.at(for_ns, self._free_disk)

    def _free_disk(self) -> None:
        self.disk.full = False
        held, self._held = self._held, set()
        for number in held:
            file = self.receiver.files.get(number)
            if file is not None and file.accepted:
                self.receiver.release_file(number)
            elif file is not None:
                self._take_offer(number)

    def _written(self, receiver: ReceiverSession, number: int, chunk: int, ok: bool) -> None:
        receiver.chunk_written(number, chunk, ok=ok)
        if ok and receiver is self.receiver and self.is_up:
            self._unsynced.append((number, chunk))
            if not self._sync_due:
                self._sync_due = True
                self.at(SYNC_NS, self._sync)

    def _sync(self) -> None:
        """What is written becomes durable, and is said to be."""
        self._sync_due = False
        unsynced, self._unsynced = self._unsynced, []
        for number in sorted({number for number, _ in unsynced}):
            file = self.receiver.files.get(number)
            if file is None:
                continue
            chunks = sorted(chunk for each, chunk in unsynced if each == number)
            self.disk.parts[file.file_id].durable[chunks] = True
            self.receiver.chunks_durable(number, to_runs(chunks))

    def longest_gap_ns(self, from_ns: int, to_ns: int) -> int:
        """The longest time without a chunk written, between two moments."""
        times = [from_ns, *(t for t, _ in self.progress if from_ns <= t <= to_ns), to_ns]
        return max(b - a for a, b in itertools.pairwise(times))

    def mbps_written(self, from_ns: int, to_ns: int) -> float:
        """Megabits of files written per second between two moments."""
        times = [at for at, _ in self.progress]
        first, last = (bisect.bisect_right(times, at) - 1 for at in (from_ns, to_ns))
        written = self.progress[last][1] - (self.progress[first][1] if first >= 0 else 0) if last >= 0 else 0
        return written * 8e3 / (to_ns - from_ns)

    def assert_equal(self) -> None:
        """Everything that arrived is what was sent."""
        for file in self.files:
            assert self.disk.finished[file.file_id] == file.data, f"seed {self.seed}: {file.file_id} differs"
