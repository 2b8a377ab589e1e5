"""The files that a session sends: each from its offer to the relay's last word, and the chunks that are asked for.

    FILE_OPEN ->            opening     the relay says what it has (FILE_HAVE) and that it is ready
    <- FILE_READY           sending     chunks are asked for, sent, acknowledged, stored
    <- FILE_HELD            held        the relay has no room; FILE_READY ends it
    FILE_FINISH ->                      all chunks have been read, so the whole hash is known; data may be on its way
    <- FILE_DONE            done

The first chunks of a new file are read and sent without waiting for FILE_READY, so that it costs no round trip. A chunk
that the relay wants again (FILE_AGAIN) is read again once its slices are all acknowledged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from transfer_core.errors import NameRefused
from transfer_core.protocol.chunk_slots import ChunkSlots
from transfer_core.protocol.ordered_messages import Outbox
from transfer_core.protocol.outgoing_file import FileState, OutgoingFile
from transfer_core.protocol.path import Path
from transfer_core.protocol.read_ahead import ReadAhead
from transfer_core.protocol.recovery.mtu import BASE_BYTES
from transfer_core.protocol.sender_events import (
    DigestWanted,
    FileAccepted,
    FileArrived,
    FileProgress,
    FileRejected,
    FileWaits,
    SenderEvent,
)
from transfer_core.protocol.slice_queue import SliceQueue
from transfer_core.protocol.wire.datagram import IPV6_UDP_BYTES, slice_bytes_max
from transfer_core.protocol.wire.messages import (
    PATH_MAX,
    FileAgain,
    FileDone,
    FileFailed,
    FileFinish,
    FileHave,
    FileHeld,
    FileOpen,
    FileReady,
    FileStop,
    FileStored,
    Message,
    Runs,
    encode_message,
)

SLOTS = 1024
LAST_PRIORITY = 10
DATAGRAM_BYTES_BASE = BASE_BYTES - IPV6_UDP_BYTES

FileAnswer = FileHave | FileReady | FileHeld | FileStored | FileAgain | FileDone | FileFailed
"""What a relay says of one file."""


class OutgoingFiles:
    """See the module. Reads `paths`; tells the relay by `outbox` and the owner by `events`."""

    def __init__(
        self, window_chunks: int, paths: Mapping[int, Path], outbox: Outbox, events: deque[SenderEvent]
    ) -> None:
        self.files: dict[int, OutgoingFile] = {}
        self.slots = ChunkSlots(SLOTS)
        self._ahead = ReadAhead(self.slots, window_chunks)
        self.queue = SliceQueue(self.slots, self._ahead)
        self._paths = paths
        self._outbox = outbox
        self._events = events
        self._next_file = 1

    @property
    def held_bytes(self) -> int:
        """File data in memory: on its way, ready to go, or being read."""
        return self._ahead.held_bytes

    # --- what the owner says

    def open_file(
        self,
        *,
        file_id: str,
        path: str,
        size: int,
        chunk_bytes: int,
        mtime_ns: int,
        fingerprint: int,
        priority: int,
        position: float,
        resumed: bool,
        is_read: bool = False,
    ) -> int:
        """Offer a file to the relay; gives its number within the session.

        `resumed`: some of it may be there already, so it waits for the relay's word before anything is sent.
        `is_read`: its chunks are in memory, and are asked for at once where they can be, however much else is ready.
        NameRefused if the path is longer than a message may be.
        """
        _require_path(path)
        number = self._next_file
        self._next_file += 1
        chunks = -(-size // chunk_bytes)
        file = OutgoingFile(
            number=number,
            file_id=file_id,
            size=size,
            chunk_bytes=chunk_bytes,
            chunks=chunks,
            order=(priority, position, number),
            eager=not resumed,
            have=np.zeros(chunks, np.bool_),
            stored=np.zeros(chunks, np.bool_),
            unread=chunks,
            chunk_paths=np.full(chunks, 255, np.uint8),
        )
        self.files[number] = file
        self._ahead.look_at(file)
        self._say(FileOpen(number, priority, size, chunk_bytes, mtime_ns, fingerprint, file_id, path))
        if file.eager:
            if is_read:
                self._events += self._ahead.ask_for(file)
            self.ask_for_chunks()
            self._finish_if_read(file)
        return number

    def reorder(self, number: int, priority: int, position: float) -> None:
        """Give a file another place among the files of this session."""
        file = self.files.get(number)
        if file is None:
            return
        file.order = (priority, position, number)
        self._ahead.look_at(file)
        self.queue.look_at(file)
        self.ask_for_chunks()

    def stop_file(self, number: int, *, discard: bool) -> None:
        """Send no more of a file; `discard` makes the relay drop what it has."""
        if number in self.files:
            self._say(FileStop(number, int(discard)))
            self._drop_file(self.files[number])

    def drop_part(self, file_id: str, path: str, size: int, chunk_bytes: int) -> int:
        """Have the relay drop what it has of a file that is not under way; the message's number, for `is_delivered`.

        It is offered, and stopped in the same breath. NameRefused as for `open_file`.
        """
        _require_path(path)
        number = self._next_file
        self._next_file += 1
        self._say(FileOpen(number, LAST_PRIORITY, size, chunk_bytes, 0, 0, file_id, path))
        return self._say(FileStop(number, 1))

    def provide_chunks(self, number: int, first: int, records: Sequence[bytearray | None]) -> None:
        """Hand over the records of chunks that follow each other, with their padding (see `chunk_record`).

        None: it could not be read. Nothing more of that file is asked for or sent; `stop_file` is to follow.
        """
        file = self.files.get(number)
        self._ahead.on_read(file, len(records))
        if file is None:
            self.ask_for_chunks()
            return
        slice_bytes = self._slice_bytes()
        for chunk, record in enumerate(records, first):
            if record is None:
                file.again.append(chunk)
                file.unread += 1
                file.unreadable = True
            elif chunk not in file.slots:  # else asked for again while it was read; one of them is enough
                self.queue.add(file, chunk, record, slice_bytes)
        self._finish_if_read(file)
        if file.state is FileState.HELD:
            self.ask_for_chunks()  # what has come keeps no path busy

    def provide_digest(self, number: int, digest: str) -> None:
        """Hand over the whole file's hash; may come at any time."""
        file = self.files.get(number)
        if file is not None:
            file.digest = digest
            self._finish_if_read(file)

    def ask_for_chunks(self) -> None:
        """Have the next chunks read, if less is ready than the paths send in a moment."""
        if self._ahead.is_wanted:
            rate = sum(path.sender.rate_bytes_per_s for path in self._paths.values() if not path.sender.is_silent)
            self._events += self._ahead.ask(rate)

    def _slice_bytes(self) -> int:
        paths = [path for path in self._paths.values() if not path.sender.is_silent] or self._paths.values()
        return slice_bytes_max(min((path.datagram_bytes for path in paths), default=DATAGRAM_BYTES_BASE))

    def _drop_file(self, file: OutgoingFile) -> None:
        self.queue.drop(file)
        self._ahead.on_dropped(file)
        del self.files[file.number]
        self.ask_for_chunks()

    # --- what the relay says

    def on_answer(self, answer: FileAnswer) -> None:
        """Take the relay's word on a file; on one that is gone it means nothing."""
        file = self.files.get(answer.file)
        if file is None:
            return
        match answer:
            case FileHave(runs=runs):
                self._mark_there(file, runs)
            case FileReady():
                self._start_sending(file)
            case FileHeld(code=code, text=text):
                self._ahead.change_state(file, FileState.HELD)
                self.ask_for_chunks()
                self._events.append(FileWaits(file.number, code, text))
            case FileStored(runs=runs):
                for first, count in runs:
                    file.stored[first : first + count] = True
                self._events.append(FileProgress(file.number))
            case FileAgain(runs=runs):
                self._send_again(file, runs)
            case FileDone(digest=digest, stored_as=stored_as):
                self._events.append(FileArrived(file.number, digest, stored_as, file.path_bytes, file.resent_bytes))
                self._drop_file(file)
            case FileFailed(code=code, text=text):
                self._events.append(FileRejected(file.number, code, text))
                self._drop_file(file)

    def on_window(self, window_chunks: int) -> None:
        """The relay has so many chunk buffers to spare."""
        opened = window_chunks > self._ahead.window_chunks
        self._ahead.window_chunks = window_chunks
        if opened:
            self.ask_for_chunks()

    def _mark_there(self, file: OutgoingFile, runs: Runs) -> None:
        """The relay holds these chunks; those not asked for yet need not be read."""
        for first, count in runs:
            there = file.have[first : first + count]
            fresh = len(there) - int(np.count_nonzero(there))
            file.unread -= fresh
            there[:] = True
            file.arrived_bytes = min(file.size, file.arrived_bytes + fresh * file.chunk_bytes)

    def _start_sending(self, file: OutgoingFile) -> None:
        was_waiting = file.state in (FileState.OPENING, FileState.HELD)
        self._ahead.change_state(file, FileState.SENDING)
        if was_waiting:
            self._events.append(FileAccepted(file.number, file.arrived_bytes))
        self._ahead.look_at(file)
        self.queue.look_at(file)
        self.ask_for_chunks()
        self._finish_if_read(file)

    def _send_again(self, file: OutgoingFile, runs: Runs) -> None:
        for first, count in runs:
            for chunk in range(first, min(first + count, file.chunks)):
                if chunk in file.slots:
                    file.refused.add(chunk)
                elif file.have[chunk] and chunk not in file.again:
                    self._read_again(file, chunk)
        self.ask_for_chunks()

    def _read_again(self, file: OutgoingFile, chunk: int) -> None:
        file.again.append(chunk)
        file.unread += 1
        self._ahead.look_at(file)
        file.stored[chunk] = False
        file.arrived_bytes = max(0, file.arrived_bytes - file.chunk_size(chunk))

    def _finish_if_read(self, file: OutgoingFile) -> None:
        """Say the whole hash as soon as it is known, so that the relay need not wait for it after the last chunk."""
        if file.unread or file.reading or file.finish_sent:
            return
        if file.digest is not None:
            file.finish_sent = True
            self._say(FileFinish(file.number, file.digest))
        elif not file.digest_asked:
            file.digest_asked = True
            self._events.append(DigestWanted(file.number))

    # --- the fate of slices

    def on_acked(self, path: Path, tags: NDArray[np.int64]) -> int:
        """Slices have arrived by this path; gives the size of the largest, 0 if all had arrived before."""
        largest = 0
        for slot, new_slices in self.slots.acknowledge(tags):
            largest = max(largest, slot.slice_bytes)
            file = self.files[slot.file]
            arrived = min(new_slices * slot.slice_bytes, file.size)
            file.arrived_bytes = min(file.size, file.arrived_bytes + arrived)
            file.path_bytes[path.number] = file.path_bytes.get(path.number, 0) + arrived
            path.data_bytes += arrived
            slot.carried[path.number] = slot.carried.get(path.number, 0) + new_slices
            if not slot.lost:
                file.lost.pop(slot.number, None)
            if slot.left == 0:
                file.chunk_paths[slot.chunk] = max(slot.carried, key=slot.carried.__getitem__)
                self.queue.forget(file, slot)
                if slot.chunk in file.refused:
                    file.refused.discard(slot.chunk)
                    self._read_again(file, slot.chunk)
        self.ask_for_chunks()
        return largest

    def on_lost(self, tags: NDArray[np.int64]) -> int:
        """Slices are lost, and go again; gives the size of the largest, 0 if all had arrived by another packet."""
        largest = 0
        for slot in self.slots.lose(tags):
            self.queue.on_lost(self.files[slot.file], slot)
            largest = max(largest, slot.slice_bytes)
        return largest

    def _say(self, message: Message) -> int:
        return self._outbox.add(encode_message(message))


def _require_path(path: str) -> None:
    long = len(path.encode("utf-8", "surrogateescape"))
    if long > PATH_MAX:
        raise NameRefused(f"{path[:60]!a}... is a path of {long} bytes; {PATH_MAX} can be sent")
