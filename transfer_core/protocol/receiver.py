"""The relay's side of a session: puts slices together to chunks, checks them, hands them over, says what is durable.

    <- FILE_OPEN            the owner answers with `accept_file`, `hold_file` or `fail_file`
    <- data                 a chunk whose slices are all there and whose xxHash64 fits is handed over once
    chunk_written           its buffer is free again
    chunks_durable          FILE_STORED goes out: only what fsync covered is called stored
    <- FILE_FINISH          when every chunk is written, the owner is asked to verify; FILE_DONE or FILE_FAILED

The first chunks of a file may come before the owner has answered: they are kept, `EARLY_CHUNKS` of them at most; some
even before its offer (see `unoffered`). Other data for a file that is not accepted is not acknowledged, so the sender
will send it again.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from transfer_core.errors import RemoteProtocolError, TooMany
from transfer_core.protocol.association import Association
from transfer_core.protocol.chunk_assembly import ChunkAssembly
from transfer_core.protocol.endpoint import Address, Transmit
from transfer_core.protocol.feeds_in import FeedsIn
from transfer_core.protocol.file_offers import file_of, why_refused
from transfer_core.protocol.incoming_file import IncomingFile, PartialChunk, Place, WholeChunk
from transfer_core.protocol.live_frame import LiveDatagram, LiveFrame
from transfer_core.protocol.path import Path
from transfer_core.protocol.posts import PARTS_AHEAD, PostsOut
from transfer_core.protocol.receiver_events import (
    ChunkReady,
    FeedArrived,
    FeedEnded,
    FeedOffered,
    FileOffered,
    FileStopped,
    PostDelivered,
    ReceiverEvent,
    SessionEnded,
    VerifyFile,
)
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.slice_runs import slice_runs
from transfer_core.protocol.unoffered import Unoffered
from transfer_core.protocol.wire.chunk_record import (
    WINDOW_CHUNK_BYTES,
)
from transfer_core.protocol.wire.messages import (
    EARLY_CHUNKS,
    RUNS_MAX,
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
    PostTaken,
    RelayRoom,
    Runs,
    to_runs,
)

UNOFFERED_BYTES = EARLY_CHUNKS * WINDOW_CHUNK_BYTES


class ReceiverSession(Association):
    """A relay's session with one agent. See the module for the life of a file; five verbs as in `endpoint`."""

    def __init__(
        self, *, my_index: int, peer_index: int, send_keys: PathKeys, receive_keys: PathKeys, window_chunks: int
    ) -> None:
        super().__init__(
            my_index=my_index,
            peer_index=peer_index,
            send_keys=send_keys,
            receive_keys=receive_keys,
            ping_interval_ns=None,
        )
        self.files: dict[int, IncomingFile] = {}
        self._window_max = window_chunks
        self._handed_over: dict[tuple[int, int], int] = {}  # bytes of chunks that are being written
        self._assembly = ChunkAssembly(2 * window_chunks * WINDOW_CHUNK_BYTES)
        self._offered_up_to = 0
        self._unoffered = Unoffered(UNOFFERED_BYTES)
        self._events: deque[ReceiverEvent] = deque()
        self._posts = PostsOut()
        self._feeds = FeedsIn()
        self.feeds = self._feeds.taken

    @property
    def window_chunks_max(self) -> int:
        """How many chunks' buffers this side has."""
        return self._window_max

    # --- what the owner answers

    def is_coming(self, number: int) -> bool:
        """Whether the rest of a file that is offered is on its way already: all of it was read and sent."""
        file = self.files.get(number)
        return file is not None and file.digest is not None and len(file.early) < file.chunks <= EARLY_CHUNKS

    def whole_early(self, number: int) -> list[tuple[int, memoryview]]:
        """All chunks of a file that is offered, with their offsets, if they are here already; else none.

        They may be written before it is accepted, and then are to be told of in `have`.
        """
        file = self.files[number]
        if file.accepted or len(file.early) < file.chunks:
            return []
        return [(chunk * file.chunk_bytes, whole.data) for chunk, whole in sorted(file.early.items())]

    def accept_file(
        self, number: int, have: NDArray[np.bool_] | None = None, durable: NDArray[np.bool_] | None = None
    ) -> int:
        """Take a file, of which the chunks marked in `have` are written already; `durable` ones have been fsynced.

        Gives how many bytes of those that are written came with this session. A file of which nothing is missing, and
        that was said to end, is verified next, and the agent need not hear anything before that is done.
        """
        file = self.files[number]
        file.have = np.zeros(file.chunks, np.bool_) if have is None else have
        file.missing = file.chunks - int(np.count_nonzero(file.have))
        if file.missing or file.digest is None:
            self._say_ready(file, durable)
        file.accepted = True
        early, file.early = file.early, {}
        came_bytes = 0
        for chunk, whole in early.items():
            if file.have[chunk]:
                self._assembly.release(whole.held_bytes)
                came_bytes += len(whole.data)
            else:
                self._hand_over(file, chunk, whole)
        self._verify_if_whole(file)
        return came_bytes

    def _say_ready(self, file: IncomingFile, durable: NDArray[np.bool_] | None) -> None:
        there = to_runs(np.flatnonzero(file.have).tolist()) if file.chunks != file.missing else ()
        for at in range(0, len(there), RUNS_MAX):
            self.send_message(FileHave(file.number, there[at : at + RUNS_MAX]))
        if durable is not None and durable.any():
            self.chunks_durable(file.number, to_runs(np.flatnonzero(durable).tolist()))
        self.send_message(FileReady(file.number))

    def hold_file(self, number: int, code: str, text: str) -> None:
        """Ask the agent to wait; `release_file` ends it. Data that is on its way is still taken if it was accepted."""
        if number in self.files:
            self.send_message(FileHeld(number, code, text))

    def release_file(self, number: int) -> None:
        """End a hold of an accepted file."""
        if number in self.files:
            self.send_message(FileReady(number))

    def fail_file(self, number: int, code: str, text: str) -> None:
        """Give a file up and say why."""
        if number in self.files:
            self.send_message(FileFailed(number, code, text))
            self._drop_file(number)

    def finish_file(self, number: int, digest: str, stored_as: str) -> None:
        """The file is verified and in its place."""
        if number in self.files:
            self.send_message(FileDone(number, digest, stored_as))
            self._drop_file(number)

    def chunk_written(self, number: int, chunk: int, *, ok: bool = True) -> None:
        """The chunk's data has been handed to the system; its buffer is free. Not `ok`: it has to come again."""
        self._assembly.release(self._handed_over.pop((number, chunk)))
        file = self.files.get(number)
        if file is None:
            return
        file.writing -= 1
        if not ok:
            file.have[chunk] = False
            file.missing += 1
            self.send_message(FileAgain(number, ((chunk, 1),)))
            return
        self._verify_if_whole(file)

    def begin_verifying(self, number: int) -> None:
        """The owner verifies a file that is whole by itself, and need not be asked to."""
        if number in self.files:
            self.files[number].verifying = True

    def chunks_durable(self, number: int, runs: Runs) -> None:
        """These chunks have been fsynced."""
        if number in self.files:
            for at in range(0, len(runs), RUNS_MAX):
                self.send_message(FileStored(number, runs[at : at + RUNS_MAX]))

    def report_room(self, free_bytes: int) -> None:
        """Tell the agent how much room there is."""
        self.send_message(RelayRoom(free_bytes))

    def post(self, data: bytes, *, urgent: bool) -> int:
        """Bring this to the agent; `PostDelivered` with the number that is given says when it has it for good."""
        return self._posts.add(data, urgent=urgent)

    # --- live feeds

    def take_feed(self, feed: int) -> None:
        """Have what comes of a feed as `FeedArrived`."""
        self._feeds.take(feed)
        self.send_message(LiveAnswer(feed, 0, 0, "", ""))

    def refuse_feed(self, feed: int, code: str, text: str) -> None:
        """Take no more of a feed, and say why."""
        self._feeds.end(feed)
        self.send_message(LiveAnswer(feed, 0, 0, code, text))

    def _take_live(self, frame: LiveFrame, now_ns: int) -> None:
        datagrams = self._feeds.on_frame(frame, now_ns)
        if datagrams is None:
            self.counters.refused += 1
        else:
            self._bring(frame.feed, datagrams)

    def _bring(self, number: int, datagrams: list[LiveDatagram]) -> None:
        if datagrams:
            self._events.append(FeedArrived(number, datagrams))

    def handle_timeout(self, now_ns: int) -> None:
        """See `Association`; and go on without live datagrams that are missing."""
        super().handle_timeout(now_ns)
        for number, datagrams in self._feeds.handle_timeout(now_ns):
            self._bring(number, datagrams)
        for report in self._feeds.reports(now_ns):
            self.send_message(report)

    def next_timeout_ns(self) -> int | None:
        """See `Association`."""
        due_ns, feeds_ns = super().next_timeout_ns(), self._feeds.next_timeout_ns()
        return feeds_ns if due_ns is None else due_ns if feeds_ns is None else min(due_ns, feeds_ns)

    def poll_path(self, path: Path, now_ns: int, max_datagrams: int) -> Transmit | None:
        """See `Association`."""
        while self.messages_pending < PARTS_AHEAD and (part := self._posts.next_part()) is not None:
            self.send_message(part)
        return super().poll_path(path, now_ns, max_datagrams)

    def close(self, code: str = "", text: str = "") -> None:
        """Tell the agent that the session ends."""
        self.closed = True
        self.send_message(Close(code, text))

    def _drop_file(self, number: int) -> None:
        self._assembly.drop(self.files.pop(number))

    # --- what the agent says

    def _on_message(self, message: Message, now_ns: int) -> None:
        match message:
            case FileOpen():
                self._on_open(message)
            case FileFinish(file=number, digest=digest):
                file = self.files.get(number)
                if file is not None:
                    file.digest = digest
                    self._verify_if_whole(file)
            case FileStop(file=number, discard=discard):
                file = self.files.get(number)
                if file is not None:
                    self._drop_file(number)
                    self._events.append(FileStopped(number, file.file_id, bool(discard)))
            case PostTaken(post=post):
                self._events.append(PostDelivered(post))
            case LiveFeed(feed, about):
                if self._feeds.has_room_for(feed):
                    self._events.append(FeedOffered(feed, about))
                else:
                    self.refuse_feed(feed, TooMany.code, "too many live feeds at once")
            case LiveEnd(feed):
                if self._feeds.end(feed):
                    self._events.append(FeedEnded(feed))
            case Close(code=code, text=text):
                self.closed = True
                self._events.append(SessionEnded(code, text))
            case _:
                raise RemoteProtocolError(f"an agent does not send {type(message).__name__}")

    def _on_open(self, offer: FileOpen) -> None:
        if offer.file <= self._offered_up_to:
            return
        self._offered_up_to = offer.file
        early = self._unoffered.take(offer.file)
        why = why_refused(offer, len(self.files))
        if why:
            self.send_message(FileFailed(offer.file, RemoteProtocolError.code, why))
            return
        self.files[offer.file] = file_of(offer)
        self._events.append(FileOffered(offer.file))
        for slices in early:
            if not self._take_slices(slices.path, offer.file, slices.chunk, slices.place, slices.data):
                self.send_message(FileAgain(offer.file, ((slices.chunk, 1),)))  # it counts as arrived

    def _verify_if_whole(self, file: IncomingFile) -> None:
        if file.accepted and file.digest is not None and not file.missing and not file.writing and not file.verifying:
            file.verifying = True
            self._events.append(VerifyFile(file.number, file.digest))

    # --- data

    def _window_chunks(self) -> int:
        return max(0, self._window_max - len(self._handed_over))

    def _take_data(self, path: Path, head: NDArray[np.void], data: NDArray[np.uint8], now_ns: int) -> NDArray[np.bool_]:
        taken = np.ones(len(head), np.bool_)
        for number, chunk, place, rows in slice_runs(head):
            if not self._take_slices(path, number, chunk, place, data[rows]):
                taken[rows] = False
        return taken

    def _take_slices(self, path: Path, number: int, chunk: int, place: Place, data: NDArray[np.uint8]) -> bool:
        """Slices of one chunk; False if they can't be taken now."""
        file = self.files.get(number)
        if file is None:
            is_late = number <= self._offered_up_to  # its file is gone
            return is_late or self._unoffered.keep(number, path, chunk, place, data)
        if chunk >= file.chunks or (file.have[chunk] if file.accepted else chunk in file.early):
            return True
        partial = self._assembly.partial(file, chunk, data.shape[1])
        if partial is None:
            return False
        if not partial.has_room(place):
            self.counters.malformed += len(data)
            return True
        path.data_bytes += partial.put(place, data)
        if partial.left == 0:
            self._complete(file, chunk, partial)
        return True

    def _complete(self, file: IncomingFile, chunk: int, partial: PartialChunk) -> None:
        whole = self._assembly.finish(file, chunk, partial)
        if whole is None:
            self.send_message(FileAgain(file.number, ((chunk, 1),)))
        elif file.accepted:
            self._hand_over(file, chunk, whole)
        else:
            file.early[chunk] = whole

    def _hand_over(self, file: IncomingFile, chunk: int, whole: WholeChunk) -> None:
        file.have[chunk] = True
        file.missing -= 1
        file.writing += 1
        self._handed_over[file.number, chunk] = whole.held_bytes
        self._events.append(ChunkReady(file.number, chunk, chunk * file.chunk_bytes, whole.data))

    def _unknown_path(self, number: int, address: Address, now_ns: int) -> Path | None:
        """An agent opens a path by sending on it; it is kept only if what came opens."""
        return self.add_path(number, address, now_ns)

    def poll_event(self) -> ReceiverEvent | None:
        """The next thing that the relay has to know or to do."""
        return self._events.popleft() if self._events else None
