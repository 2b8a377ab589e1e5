"""What must hold in every world at every moment, whatever its network does."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from transfer_core.protocol.endpoint import Transmit
from transfer_core.protocol.outgoing_file import FileState
from transfer_core.protocol.outgoing_files import SLOTS
from transfer_core.protocol.receiver import WINDOW_CHUNK_BYTES, ReceiverSession
from transfer_core.protocol.recovery.ack import WINDOW_PACKETS_MAX
from transfer_core.protocol.sender import SenderSession
from transfer_core.protocol.wire.datagram import OUTER, OUTER_BYTES

if TYPE_CHECKING:
    from tests.support.world_disk import Disk

MESSAGES_MAX = 2000
IN_FLIGHT_SPARE_BYTES = 512 * 1500  # start-up, and what the reordering window adds
STARVED_NS = 6_000_000_000
OUTER_FIELDS = struct.Struct(">BBIHI")  # as `OUTER` has them, for one datagram


class WorldChecks:
    """Raises AssertionError with the seed in it."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._newest: dict[tuple[int, int, int], int] = {}
        self._carried: dict[tuple[int, int], tuple[int, int]] = {}
        self.datagrams = 0

    def fail_if(self, broken: bool, what: str) -> None:
        """The one way to complain."""
        if broken:
            raise AssertionError(f"seed {self._seed}: {what}")

    def nonces(self, epoch: int, transmit: Transmit, side: int) -> None:
        """Packet numbers only rise within a session, direction and path, so no nonce is used twice under one key."""
        segment = transmit.segment_bytes
        rows = len(transmit.payload) // segment
        if rows == 1:
            _, path, _, high, low = OUTER_FIELDS.unpack_from(transmit.payload)
            pn = high << 32 | low
            self._newer((epoch, side, path), pn, pn, 1)
            return
        heads = np.frombuffer(transmit.payload, np.uint8)[: rows * segment].reshape(rows, segment)[:, :OUTER_BYTES]
        outer = np.ascontiguousarray(heads).view(OUTER)[:, 0]
        numbers = (outer["pn_high"].astype(np.int64) << 32) | outer["pn_low"]
        key = (epoch, side, int(outer["path"][0]))
        self.fail_if(bool((outer["path"] != key[2]).any()), "a burst names two paths")
        self.fail_if(bool((numbers[1:] <= numbers[:-1]).any()), f"packet numbers go back within a burst of {key}")
        self._newer(key, int(numbers[0]), int(numbers[-1]), rows)

    def _newer(self, key: tuple[int, int, int], first: int, last: int, rows: int) -> None:
        if first <= self._newest.get(key, -1):
            self.fail_if(True, f"packet number {first} of {key} is used twice")
        self._newest[key] = last
        self.datagrams += rows

    def stored(self, sender: SenderSession, disk: Disk) -> None:
        """What the sender believes to be stored would survive a power cut."""
        for file in sender.files.values():
            part = disk.parts.get(file.file_id)
            there = file.file_id in disk.finished
            durable = part is not None and not (file.stored & ~part.durable).any()
            self.fail_if(
                bool(file.stored.any()) and not there and not durable, f"{file.file_id}: stored, but it is not"
            )

    def starved(self, sender: SenderSession, epoch: int, now_ns: int, alive: Mapping[int, bool]) -> None:
        """A live path carries data as long as there is some; asked about once a second."""
        has_work = any(
            (file.unread or file.fresh or file.lost) and file.state is FileState.SENDING
            for file in sender.files.values()
        )
        for number, path in sender.paths.items():
            key = (epoch, number)
            carried, _ = self._carried.get(key, (-1, now_ns))
            if not (has_work and alive[number] and path.carries_data) or path.data_bytes != carried:
                self._carried[key] = (path.data_bytes, now_ns)
            self.fail_if(now_ns - self._carried[key][1] > STARVED_NS, f"path {number} is alive and carries nothing")

    def limits(self, sender: SenderSession, receiver: ReceiverSession, link_bytes: Mapping[int, float]) -> None:
        """What is in flight and in memory is bounded. `link_bytes`: what each path's link holds when it is full."""
        for number, path in sender.paths.items():  # at every step of every world: what is wrong is put in words later
            span = path.sender.next_pn - path.sender.floor
            most = 2 * link_bytes[number] + IN_FLIGHT_SPARE_BYTES
            in_flight = path.sender.in_flight_bytes
            if span > WINDOW_PACKETS_MAX:
                self.fail_if(True, f"path {number} has {span} packet numbers open")
            if in_flight > most:
                self.fail_if(True, f"path {number} has {in_flight} bytes in flight, its link holds {most:.0f}")
        slots = sum([len(file.slots) for file in sender.files.values()])
        if slots > SLOTS:
            self.fail_if(True, f"{slots} chunks are held by the sender")
        held = 0
        for file in receiver.files.values():
            held += sum([partial.rows.nbytes for partial in file.partial.values()])
            held += sum([whole.held_bytes for whole in file.early.values()])
        if held > 2 * receiver.window_chunks_max * WINDOW_CHUNK_BYTES:
            self.fail_if(True, f"{held} bytes are held by the receiver")
        for side in (sender, receiver):
            if side.messages_pending > MESSAGES_MAX:
                self.fail_if(True, f"{side.messages_pending} messages wait")
