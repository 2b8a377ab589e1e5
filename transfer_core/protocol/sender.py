"""The agent's side of a session: asks for chunks, cuts them into datagrams, and lets every path pull its next ones.

    FILE_OPEN ->            opening     the relay says what it has (FILE_HAVE) and that it is ready
    <- FILE_READY           sending     chunks are asked for, sent, acknowledged, stored
    <- FILE_HELD            held        the relay has no room; FILE_READY ends it
    FILE_FINISH ->                      all chunks have been read, so the whole hash is known; data may be on its way
    <- FILE_DONE            done

Paths pull: whichever may send next takes the lost slices of the most urgent file first, then unsent ones. The first
chunks of a new file are sent without waiting for FILE_READY, so that it costs no round trip. When nothing is left to
send, an idle path makes copies (see `tail_copies`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transfer_core.errors import NameRefused
from transfer_core.protocol.association import COPIES_LOSS_MIN, Association
from transfer_core.protocol.chunk_slots import SLICE_MASK, ChunkSlots, Picked
from transfer_core.protocol.endpoint import Address, Transmit
from transfer_core.protocol.live import Copying, FeedCounts, LiveOut, OutFrame
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.protocol.outgoing_file import FileState, OutgoingFile
from transfer_core.protocol.path import Path
from transfer_core.protocol.posts import PostsIn
from transfer_core.protocol.read_ahead import ReadAhead
from transfer_core.protocol.recovery.mtu import BASE_BYTES, USUAL_BYTES, MtuSearch
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.sender_events import (
    DigestWanted,
    FeedAnswered,
    FileAccepted,
    FileArrived,
    FileProgress,
    FileRejected,
    FileWaits,
    PostArrived,
    RoomReported,
    SenderEvent,
    SessionClosed,
)
from transfer_core.protocol.slice_queue import SliceQueue
from transfer_core.protocol.tail_copies import TailCopies, delivered_before_bytes
from transfer_core.protocol.wire.chunk_record import WINDOW_CHUNK_BYTES
from transfer_core.protocol.wire.datagram import (
    DATA_HEAD_BYTES,
    IPV6_UDP_BYTES,
    SEALED_OVERHEAD,
    slice_bytes_max,
)
from transfer_core.protocol.wire.messages import (
    PATH_MAX,
    Close,
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
    LiveAnswer,
    LiveEnd,
    LiveFeed,
    Message,
    PostPart,
    PostTaken,
    RelayRoom,
    Runs,
)

SLOTS = 1024
LAST_PRIORITY = 10
TRAINS_AHEAD = 3  # a busy receiver is handed a whole train at once, which tells nothing
TAIL_BYTES_MAX = 64 * WINDOW_CHUNK_BYTES  # with more ready than this it is not looked whether it is the end
DATAGRAM_BYTES_BASE = BASE_BYTES - IPV6_UDP_BYTES


def _require_path(path: str) -> None:
    long = len(path.encode("utf-8", "surrogateescape"))
    if long > PATH_MAX:
        raise NameRefused(f"{path[:60]!a}... is a path of {long} bytes; {PATH_MAX} can be sent")


class SenderSession(Association):
    """An agent's session with one relay. See the module for the life of a file; five verbs as in `endpoint`."""

    def __init__(
        self,
        *,
        my_index: int,
        peer_index: int,
        send_keys: PathKeys,
        receive_keys: PathKeys,
        window_chunks: int,
        ping_interval_ns: int = 1_000_000_000,
    ) -> None:
        super().__init__(
            my_index=my_index,
            peer_index=peer_index,
            send_keys=send_keys,
            receive_keys=receive_keys,
            ping_interval_ns=ping_interval_ns,
        )
        self.files: dict[int, OutgoingFile] = {}
        self.redundant = False  # whether every byte goes by two paths
        self._slots = ChunkSlots(SLOTS)
        self._ahead = ReadAhead(self._slots, window_chunks)
        self._to_send = SliceQueue(self._slots, self._ahead)
        self._events: deque[SenderEvent] = deque()
        self._next_file = 1
        self._posts = PostsIn()
        self._sent_slices = 0
        self._copies = TailCopies(self._slots)
        self._live = LiveOut()
        self._offered_feeds: set[int] = set()

    # --- paths

    def add_path(
        self,
        number: int,
        address: Address,
        now_ns: int,
        *,
        rtt_hint_ns: int | None = None,
        packet_bytes_max: int = USUAL_BYTES,
    ) -> Path:
        """Begin to use a path whose interface sends IP packets of that size at most."""
        path = super().add_path(number, address, now_ns, rtt_hint_ns=rtt_hint_ns)
        path.search = MtuSearch(packet_bytes_max)
        path.trains_left = TRAINS_AHEAD
        self._use_size(path)
        return path

    # --- files

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
        self.send_message(
            FileOpen(number, priority, size, chunk_bytes, mtime_ns, fingerprint, file_id, path),
        )
        if file.eager:
            if is_read:
                self._events += self._ahead.ask_for(file)
            self._ask_for_chunks()
            self._finish_if_read(file)
        return number

    def reorder(self, number: int, priority: int, position: float) -> None:
        """Give a file another place among the files of this session."""
        file = self.files.get(number)
        if file is None:
            return
        file.order = (priority, position, number)
        self._ahead.look_at(file)
        self._to_send.look_at(file)
        self._ask_for_chunks()

    def stop_file(self, number: int, *, discard: bool) -> None:
        """Send no more of a file; `discard` makes the relay drop what it has."""
        if number in self.files:
            self.send_message(FileStop(number, int(discard)))
            self._drop_file(self.files[number])

    def drop_part(self, file_id: str, path: str, size: int, chunk_bytes: int) -> int:
        """Have the relay drop what it has of a file that is not under way; the message's number, for `is_delivered`.

        It is offered, and stopped in the same breath. NameRefused as for `open_file`.
        """
        _require_path(path)
        number = self._next_file
        self._next_file += 1
        self.send_message(FileOpen(number, LAST_PRIORITY, size, chunk_bytes, 0, 0, file_id, path))
        return self.send_message(FileStop(number, 1))

    def provide_chunks(self, number: int, first: int, records: Sequence[bytearray | None]) -> None:
        """Hand over the records of chunks that follow each other, with their padding (see `chunk_record`).

        None: it could not be read. Nothing more of that file is asked for or sent; `stop_file` is to follow.
        """
        file = self.files.get(number)
        self._ahead.on_read(file, len(records))
        if file is None:
            self._ask_for_chunks()
            return
        slice_bytes = self._slice_bytes()
        for chunk, record in enumerate(records, first):
            if record is None:
                file.again.append(chunk)
                file.unread += 1
                file.unreadable = True
            elif chunk not in file.slots:  # else asked for again while it was read; one of them is enough
                self._to_send.add(file, chunk, record, slice_bytes)
        self._finish_if_read(file)
        if file.state is FileState.HELD:
            self._ask_for_chunks()  # what has come keeps no path busy

    def provide_digest(self, number: int, digest: str) -> None:
        """Hand over the whole file's hash; may come at any time."""
        file = self.files.get(number)
        if file is not None:
            file.digest = digest
            self._finish_if_read(file)

    def take_post(self, post: int) -> None:
        """Tell the relay that a post is durable here."""
        self.send_message(PostTaken(post))

    # --- live feeds

    def open_feed(self, feed: int, about: bytes) -> None:
        """Offer a feed of live datagrams; `FeedAnswered` says whether it is taken. An older relay says nothing."""
        self._offered_feeds.add(feed)
        self.send_message(LiveFeed(feed, about))

    def close_feed(self, feed: int) -> None:
        """No more of it."""
        self._offered_feeds.discard(feed)
        self._live.close(feed)
        self.send_message(LiveEnd(feed))

    def send_live(self, feed: int, datagrams: Sequence[LiveDatagram], now_ns: int) -> None:
        """Send these ahead of files, now or not at all; nothing of a feed that is not taken."""
        self._live.add(feed, datagrams, now_ns)

    @property
    def live_counts(self) -> dict[int, FeedCounts]:
        """What went of each feed that is taken."""
        return self._live.counts

    def _on_feed_answered(self, answer: FeedAnswered) -> None:
        if answer.feed not in self._offered_feeds:
            return  # it is closed by now
        if answer.code:
            self._live.close(answer.feed)
        else:
            self._live.open(answer.feed)
        self._events.append(answer)

    def _live_paths(self) -> list[Path]:
        """The two that answer fastest, of those that may carry files if there are any."""
        there = [path for path in self.paths.values() if not path.sender.is_silent]
        allowed = [path for path in there if path.carries_data] or there or list(self.paths.values())
        return sorted(allowed, key=lambda path: (path.last_heard_ns is None, path.sender.srtt_ns or 0))[:2]

    def _has_live(self, path: Path) -> bool:
        return self._live.wants(path.number) and path in self._live_paths()

    def _on_live_resolved(self, number: int, acked: bool, now_ns: int) -> None:
        self._live.on_resolved(number, acked, now_ns)

    def _next_live(self, path: Path, now_ns: int) -> OutFrame | None:
        paths = self._live_paths()
        if path not in paths:
            return None
        is_bad = path.sender.loss >= COPIES_LOSS_MIN
        copy = Copying.ELSEWHERE if len(paths) > 1 else Copying.AGAIN if is_bad else Copying.NOT
        return self._live.next_frame(path.number, now_ns, copy)

    def close(self, code: str = "", text: str = "") -> None:
        """Tell the relay that the session ends."""
        self.closed = True
        self.send_message(Close(code, text))

    def _slice_bytes(self) -> int:
        paths = [path for path in self.paths.values() if not path.sender.is_silent] or self.paths.values()
        return slice_bytes_max(min((path.datagram_bytes for path in paths), default=DATAGRAM_BYTES_BASE))

    def _drop_file(self, file: OutgoingFile) -> None:
        self._to_send.drop(file)
        self._ahead.on_dropped(file)
        del self.files[file.number]
        self._ask_for_chunks()

    @property
    def held_bytes(self) -> int:
        """File data in memory: on its way, ready to go, or being read."""
        return self._ahead.held_bytes

    def _ask_for_chunks(self) -> None:
        if self._ahead.is_wanted:
            rate = sum(path.sender.rate_bytes_per_s for path in self.paths.values() if not path.sender.is_silent)
            self._events += self._ahead.ask(rate)

    # --- what the relay says

    def _on_message(self, message: Message, now_ns: int) -> None:
        match message:
            case Close(code, text):
                self.closed = True
                self._events.append(SessionClosed(code, text))
                return
            case RelayRoom(free_bytes):
                self._events.append(RoomReported(free_bytes))
                return
            case PostPart():
                data = self._posts.take(message)
                if data is not None:
                    self._events.append(PostArrived(message.post, data))
                return
            case LiveAnswer(feed, received, missing, code, text):
                self._on_feed_answered(FeedAnswered(feed, received, missing, code, text))
                return
            case FileOpen() | FileFinish() | FileStop() | PostTaken() | LiveFeed() | LiveEnd():
                return
        file = self.files.get(message.file)
        if file is None:
            return
        match message:
            case FileHave(runs=runs):
                self._mark_there(file, runs)
            case FileReady():
                self._start_sending(file)
            case FileHeld(code=code, text=text):
                self._ahead.change_state(file, FileState.HELD)
                self._ask_for_chunks()
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
        self._to_send.look_at(file)
        self._ask_for_chunks()
        self._finish_if_read(file)

    def _send_again(self, file: OutgoingFile, runs: Runs) -> None:
        for first, count in runs:
            for chunk in range(first, min(first + count, file.chunks)):
                if chunk in file.slots:
                    file.refused.add(chunk)
                elif file.have[chunk] and chunk not in file.again:
                    self._read_again(file, chunk)
        self._ask_for_chunks()

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
            self.send_message(FileFinish(file.number, file.digest))
        elif not file.digest_asked:
            file.digest_asked = True
            self._events.append(DigestWanted(file.number))

    # --- acknowledgements

    def _on_window(self, window_chunks: int) -> None:
        opened = window_chunks > self._ahead.window_chunks
        self._ahead.window_chunks = window_chunks
        if opened:
            self._ask_for_chunks()

    def _on_data_acked(self, path: Path, tags: NDArray[np.int64], now_ns: int) -> None:
        largest = 0
        for slot, new_slices in self._slots.acknowledge(tags):
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
                self._to_send.forget(file, slot)
                if slot.chunk in file.refused:
                    file.refused.discard(slot.chunk)
                    self._read_again(file, slot.chunk)
        if path.search is not None and largest:
            path.search.on_data_acked(packet_bytes(path, largest), now_ns)
            self._use_size(path)
        self._ask_for_chunks()

    def _on_data_lost(self, path: Path, tags: NDArray[np.int64], now_ns: int, *, is_run: bool) -> None:
        largest = 0
        for slot in self._slots.lose(tags):
            file = self.files[slot.file]
            self._to_send.on_lost(file, slot)
            largest = max(largest, slot.slice_bytes)
        if path.search is not None and largest and is_run:
            path.search.on_data_lost(packet_bytes(path, largest), len(tags))

    # --- sending

    def _wants_to_send(self, path: Path) -> bool:
        if super()._wants_to_send(path):
            return True
        return path.carries_data and not self._to_send.is_empty and not self._leaves_it(path)

    def _leaves_it(self, path: Path) -> bool:
        """Whether the last bytes are for other paths, on which all of them arrive before this one's first would."""
        if self.redundant or len(self.paths) < 2:
            return False
        left_bytes = self._to_send.last_bytes()
        if left_bytes is None or left_bytes > TAIL_BYTES_MAX:
            return False
        return delivered_before_bytes(path, self.paths.values()) >= left_bytes

    def _transmit_data(self, path: Path, now_ns: int, max_datagrams: int) -> Transmit | None:
        if not path.carries_data:
            return None
        waits = not self._to_send.is_empty
        if path.trains_left and not waits and path.sender.wants_train(now_ns):
            path.trains_left -= 1
            return self._transmit_train(path, now_ns)
        leaves_it = waits and self._leaves_it(path)
        if waits and not leaves_it:
            path.sender.set_demand(True)  # before it is asked what may go: a pause ends with this
        budget = min(max_datagrams, path.sender.budget_datagrams(now_ns, path.datagram_bytes))
        picked = self._copies.of_everything(path, self._others(path), budget) if self.redundant else []
        is_copy = bool(picked)
        if waits and not picked and budget > 0 and not leaves_it:
            room_bytes = slice_bytes_max(path.datagram_bytes)
            picked = self._to_send.take(room_bytes, budget, may_cut=not path.sender.is_silent)
            if picked:
                self._ask_for_chunks()
        # asked also when nothing may go, since the deadline has to move on
        if not picked and self._copies.are_due(path, now_ns) and budget > 0:
            is_copy = True
            picked = self._copies.of_the_tail(path, self._others(path), budget, self._sent_slices)
        if not picked:
            path.sender.set_demand(False)
            return None
        if self.observer is not None:
            taken = [(slot.file, slot.chunk, len(slices)) for slot, slices in picked]
            self.observer.on_scheduled(now_ns, path, taken, is_copy=is_copy)
        return self._transmit_slices(path, picked, now_ns)

    def _others(self, path: Path) -> list[Path]:
        return [other for other in self.paths.values() if other is not path]

    def _idle_due_ns(self, path: Path) -> int | None:
        """When an idle path wants to look for copies, though nothing happens meanwhile."""
        return self._copies.due_ns(path) if path.carries_data else None

    def _transmit_slices(self, path: Path, picked: Picked, now_ns: int) -> Transmit:
        slice_bytes = picked[0][0].slice_bytes
        rows = self.data_rows(slice_bytes)
        at = 0
        for slot, slices in picked:
            end = at + len(slices)
            rows.file[at:end] = slot.file
            rows.chunk[at:end] = slot.chunk
            run = slice(slices.start, slices.stop) if isinstance(slices, range) else slices
            rows.body[at:end] = slot.rows[run]
            at = end
        tags = np.concatenate([slot.tags(slices) for slot, slices in picked])
        rows.slice[:at] = tags & SLICE_MASK
        self._sent_slices += at
        return self.seal_burst(path, slice_bytes, at, tags, now_ns)

    def poll_event(self) -> SenderEvent | None:
        """The next thing that the engine has to know or to do."""
        return self._events.popleft() if self._events else None


def packet_bytes(path: Path, slice_bytes: int) -> int:
    """The IP packet in which a slice travels."""
    return slice_bytes + DATA_HEAD_BYTES + SEALED_OVERHEAD + path.overhead_bytes
