"""The slices of a session that wait to be sent: lost ones of the most urgent file first, then those never sent.

A path goes on with the chunk that it began, so that one that falls silent holds back its own chunks and no others;
only at a file's end do paths share what is left of a chunk.

A chunk is cut into slices of one size, which fit the smallest packets of all paths when it comes. For a path whose
packets are smaller it is cut anew, and the receiver begins that chunk again.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from transfer_core.errors import LocalProtocolError
from transfer_core.protocol.chunk_slots import ChunkSlot, ChunkSlots, Picked, Slices
from transfer_core.protocol.outgoing_file import OutgoingFile
from transfer_core.protocol.read_ahead import ReadAhead, may_go
from transfer_core.protocol.ready_files import ReadyFiles
from transfer_core.protocol.wire.chunk_record import PAD_BYTES, record_bytes

PADDING_SHARE = 64  # of a file, so much may be added to its end


class SliceQueue:
    """See the module. `ahead` is told what waits."""

    def __init__(self, slots: ChunkSlots, ahead: ReadAhead) -> None:
        self._slots, self._ahead = slots, ahead
        self._files = ReadyFiles(_has_to_send)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits that may go now."""
        return self._files.first() is None

    def last_bytes(self) -> int | None:
        """What waits, if that is all there is to send; None if more is to come."""
        left_bytes = self._ahead.last_bytes
        if left_bytes is None:
            return None
        file = self._files.first()
        if file is None or file.unread:
            return None
        left_bytes += sum(slot.lost * slot.slice_bytes for slot in file.lost.values())
        begun = (slot for slot in file.fresh if slot.unsent_from)
        return left_bytes + sum((slot.slices - slot.unsent_from) * slot.slice_bytes for slot in begun)

    def look_at(self, file: OutgoingFile) -> None:
        """This file may have slices that may go now."""
        self._files.add(file)

    def add(self, file: OutgoingFile, chunk: int, record: bytearray, slice_bytes_most: int) -> None:
        """Cut a chunk record, with its padding, into slices of so many bytes at most."""
        if self._slots.free == 0:
            raise LocalProtocolError("more chunks were read than were asked for")
        length = record_bytes(file.file_id, file.chunk_size(chunk))
        slices, slice_bytes = _cut(length, slice_bytes_most)
        if slices > PAD_BYTES:
            raise LocalProtocolError("a chunk has more slices than its record has padding")
        if 0 < chunk == file.chunks - 1:
            others_bytes = _cut(record_bytes(file.file_id, file.chunk_bytes), slice_bytes_most)[1]
            if slice_bytes <= others_bytes and slices * others_bytes - length <= file.size // PADDING_SHARE:
                slice_bytes = others_bytes  # so that a file's end and the next one's beginning leave in one burst
        rows = np.frombuffer(record, np.uint8)[: slices * slice_bytes]
        if rows.size < slices * slice_bytes:
            rows = np.zeros(slices * slice_bytes, np.uint8)
            rows[:length] = np.frombuffer(record, np.uint8)[:length]
        file.fresh.append(self._keep(file, chunk, rows.reshape(slices, slice_bytes)))

    def on_lost(self, file: OutgoingFile, slot: ChunkSlot) -> None:
        """Slices of a chunk are to go again."""
        file.lost[slot.number] = slot
        self._files.add(file)

    def take(self, path: int, others: Collection[int], room_bytes: int, most: int, *, may_cut: bool) -> Picked:
        """The next slices, all of one size of `room_bytes` at most, at most `most`; they count as sent from now on.

        `path` takes them, `others` go on with the chunks that they have begun themselves.
        `may_cut`: a chunk whose slices are larger is cut anew; else nothing is taken before it.
        """
        picked: Picked = []
        slice_bytes = 0
        while most and (file := self._files.first()) is not None:
            from_lost = bool(file.lost)
            slot = next(iter(file.lost.values())) if from_lost else _fresh_for(file, others)
            if slice_bytes not in (0, slot.slice_bytes):
                break
            if slot.slice_bytes > room_bytes:
                if not may_cut:
                    break
                self._cut_anew(file, slot, room_bytes)
                continue
            slice_bytes = slot.slice_bytes
            slices: Slices
            if from_lost:
                slices = self._take_lost(file, slot, most)
            else:
                slices = self._take_fresh(file, slot, most)
                slot.begun_by = path
            most -= len(slices)
            picked.append((slot, slices))
        return picked

    def forget(self, file: OutgoingFile, slot: ChunkSlot) -> None:
        """All of a chunk has arrived."""
        del file.slots[slot.chunk]
        if slot.unsent_from < slot.slices:
            file.fresh.remove(slot)
        self._slots.release(slot)

    def drop(self, file: OutgoingFile) -> None:
        """Nothing of a file is sent any more."""
        for slot in file.slots.values():
            if slot.unsent_from == 0:
                self._ahead.on_begun(file, slot)
            self._slots.release(slot)
        file.fresh.clear()
        file.lost.clear()

    def _keep(self, file: OutgoingFile, chunk: int, rows: NDArray[np.uint8]) -> ChunkSlot:
        slot = file.slots[chunk] = self._slots.take(file.number, chunk, rows)
        self._files.add(file)
        self._ahead.on_ready(file, slot)
        return slot

    def _take_lost(self, file: OutgoingFile, slot: ChunkSlot, most: int) -> NDArray[np.int64]:
        slices = self._slots.take_lost(slot, most)
        if not slot.lost:
            del file.lost[slot.number]
        file.resent_bytes += len(slices) * slot.slice_bytes
        return slices

    def _take_fresh(self, file: OutgoingFile, slot: ChunkSlot, most: int) -> range:
        if slot.unsent_from == 0:
            self._ahead.on_begun(file, slot)
        end = min(slot.slices, slot.unsent_from + most)
        slices = range(slot.unsent_from, end)
        slot.unsent_from = end
        if end == slot.slices:
            file.fresh.remove(slot)
        return slices

    def _cut_anew(self, file: OutgoingFile, slot: ChunkSlot, room_bytes: int) -> None:
        length = record_bytes(file.file_id, file.chunk_size(slot.chunk))
        slices, slice_bytes = _cut(length, room_bytes)
        rows = np.zeros((slices, slice_bytes), np.uint8)
        rows.reshape(-1)[:length] = slot.rows.reshape(-1)[:length]
        if slot.unsent_from == 0:
            self._ahead.on_begun(file, slot)
        if slot.unsent_from < slot.slices:
            file.fresh.remove(slot)
        file.lost.pop(slot.number, None)
        self._slots.release(slot)
        file.fresh.appendleft(self._keep(file, slot.chunk, rows))


def _cut(length: int, slice_bytes_most: int) -> tuple[int, int]:
    """Into how many equal slices so many bytes are cut, and how large these are."""
    slices = -(-length // slice_bytes_most)
    return slices, -(-length // slices)


def _fresh_for(file: OutgoingFile, others: Collection[int]) -> ChunkSlot:
    """The first chunk that none of these paths has begun, or the first of all."""
    return next((slot for slot in file.fresh if slot.begun_by not in others), file.fresh[0])


def _has_to_send(file: OutgoingFile) -> bool:
    return bool(file.fresh or file.lost) and may_go(file)
