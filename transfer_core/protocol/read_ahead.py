"""Which chunks to read next: so many that no path has to wait for the disk, and no more than memory is set aside for.

Theory of operation. Ahead of the paths there is as much as they send in `READ_AHEAD_NS`, read or being read, and
chunks are asked for when less than half of it is left: to ask for many at a time costs less than to ask for each as
soon as there is room. What was read and is not acknowledged stays in memory; that is bounded by slots and by the
receiver's window, in which a chunk stands for one of the usual size.
"""

from __future__ import annotations

import numpy as np

from transfer_core.protocol.chunk_slots import ChunkSlot, ChunkSlots
from transfer_core.protocol.outgoing_file import FileState, OutgoingFile
from transfer_core.protocol.ready_files import ReadyFiles
from transfer_core.protocol.sender_events import ChunksWanted
from transfer_core.protocol.wire.chunk_record import CHUNK_BYTES_MAX, WINDOW_CHUNK_BYTES
from transfer_core.protocol.wire.messages import EARLY_CHUNKS
from transfer_core.units import NS_PER_S

READ_RUN_CHUNKS = 16  # asked for at once
READ_AHEAD_BYTES = 24 * WINDOW_CHUNK_BYTES  # at least so much is ready or being read, ahead of the paths
READ_AHEAD_BYTES_MAX = 256 * WINDOW_CHUNK_BYTES
READ_AHEAD_NS = 40_000_000  # or as much as all paths send in this time


class ReadAhead:
    """The chunks that a session has asked for, over all its files."""

    def __init__(self, slots: ChunkSlots, window_chunks: int) -> None:
        self.window_chunks = window_chunks
        self._slots = slots
        self._files = ReadyFiles(_has_to_read)
        self._reading = 0
        self._reading_bytes = 0
        self._ready_bytes = 0  # of chunks of which nothing was sent, but for files that are held

    @property
    def held_bytes(self) -> int:
        """File data in memory: on its way, ready to go, or being read."""
        return self._slots.held_bytes + self._reading_bytes

    @property
    def is_wanted(self) -> bool:
        """Whether any file has chunks that may be asked for."""
        return self._files.first() is not None

    @property
    def last_bytes(self) -> int | None:
        """Of chunks of which nothing was sent; None while more is to come from the disk."""
        return None if self._reading or self.is_wanted else self._ready_bytes

    def look_at(self, file: OutgoingFile) -> None:
        """This file may have chunks to be asked for now."""
        self._files.add(file)

    def ask(self, rate_bytes_per_s: float) -> list[ChunksWanted]:
        """What to read next, most urgent files first, for paths that send at that rate together."""
        wanted: list[ChunksWanted] = []
        ahead_bytes = int(rate_bytes_per_s * READ_AHEAD_NS / NS_PER_S)
        ahead_bytes = min(READ_AHEAD_BYTES_MAX, max(READ_AHEAD_BYTES, ahead_bytes))
        if self._ready_bytes + self._reading_bytes > ahead_bytes // 2:
            return wanted
        while (file := self._files.first()) is not None:
            there = (ahead_bytes - self._ready_bytes - self._reading_bytes) // file.largest_chunk_bytes
            room = min(there, self._room_chunks(file))
            if room <= 0:
                break
            wanted.append(self._want(file, min(room, READ_RUN_CHUNKS)))
        return wanted

    def ask_for(self, file: OutgoingFile) -> list[ChunksWanted]:
        """The next chunks of this file, as far as there is memory, however much else is ready."""
        room = self._room_chunks(file)
        return [self._want(file, room)] if room > 0 else []

    def on_read(self, file: OutgoingFile | None, count: int) -> None:
        """So many chunks that were asked for are here, or can't be had; None: their file is gone."""
        self._reading -= count
        if file is not None:
            file.reading -= count
            self._reading_bytes -= count * file.largest_chunk_bytes

    def on_ready(self, file: OutgoingFile, slot: ChunkSlot) -> None:
        """A chunk waits to be sent."""
        self._count(file, slot.rows.nbytes)

    def on_begun(self, file: OutgoingFile, slot: ChunkSlot) -> None:
        """A chunk waits no more."""
        self._count(file, -slot.rows.nbytes)

    def _count(self, file: OutgoingFile, ready_bytes: int) -> None:
        file.ready_bytes += ready_bytes
        if file.state is not FileState.HELD:
            self._ready_bytes += ready_bytes

    def change_state(self, file: OutgoingFile, state: FileState) -> None:
        """A file is held, or goes on: what is ready of a held one keeps no path busy, so that more is to be read."""
        ready_bytes = file.ready_bytes
        self._count(file, -ready_bytes)
        file.state = state
        self._count(file, ready_bytes)

    def on_dropped(self, file: OutgoingFile) -> None:
        """A file is gone: what is being read of it will not be held, and nothing more of it is read."""
        self._reading_bytes -= file.reading * file.largest_chunk_bytes
        file.unread = 0

    def _room_chunks(self, file: OutgoingFile) -> int:
        """How many chunks of a file there are to be asked for and memory for; always room for one in all."""
        held = self.held_bytes
        room_bytes = self.window_chunks * WINDOW_CHUNK_BYTES - held if held else CHUNK_BYTES_MAX
        return min(room_bytes // file.largest_chunk_bytes, self._slots.free - self._reading, _room_to_read(file))

    def _want(self, file: OutgoingFile, most: int) -> ChunksWanted:
        first, count = _next_run(file, most)
        file.unread -= count
        file.reading += count
        self._reading += count
        self._reading_bytes += count * file.largest_chunk_bytes
        return ChunksWanted(file.number, first, count)


def may_go(file: OutgoingFile) -> bool:
    """Whether chunks of it may be read and sent."""
    if file.unreadable:
        return False
    return file.state is FileState.SENDING or (file.state is FileState.OPENING and file.eager)


def _room_to_read(file: OutgoingFile) -> int:
    """How many of its chunks may be asked for: before the relay has answered, the first ones."""
    if file.state is FileState.OPENING:
        return min(file.unread, EARLY_CHUNKS - (file.chunks - file.unread))
    return file.unread


def _has_to_read(file: OutgoingFile) -> bool:
    return file.unread > 0 and may_go(file) and _room_to_read(file) > 0


def _next_run(file: OutgoingFile, most: int) -> tuple[int, int]:
    """The next chunks that were not asked for: a run of at most `most`."""
    if file.again:
        return file.again.popleft(), 1
    while file.have[file.next_chunk]:
        rest = file.have[file.next_chunk : file.next_chunk + 65536]
        gap = int(np.argmin(rest))
        file.next_chunk += gap if not rest[gap] else len(rest)
    first = file.next_chunk
    window = file.have[first : first + most]
    taken = int(np.argmax(window)) if window.any() else len(window)
    file.have[first : first + taken] = True
    file.next_chunk = min(first + taken, file.chunks - 1)
    return first, taken
