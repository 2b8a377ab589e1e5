"""The agent's side of a session: files, live datagrams and posts over paths that each pull what they carry next.

It holds the parts together and gives them what comes: `outgoing_files` is the life of a file, `next_slices` says which
slices a path takes, `feeds_out` which live frame; `read_ahead` and `slice_queue` are what waits.

Paths pull: whichever may send next takes the lost slices of the most urgent file first, then unsent ones. A path that
answers, and has nothing to carry, sends an opening train ahead of the data.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from transfer_core.protocol.association import Association
from transfer_core.protocol.chunk_slots import SLICE_MASK, Picked
from transfer_core.protocol.endpoint import Address, Transmit
from transfer_core.protocol.feeds_out import FeedsOut
from transfer_core.protocol.live import FeedCounts, OutFrame
from transfer_core.protocol.next_slices import NextSlices
from transfer_core.protocol.outgoing_files import OutgoingFiles
from transfer_core.protocol.path import Path
from transfer_core.protocol.posts import PostsIn
from transfer_core.protocol.recovery.mtu import USUAL_BYTES, MtuSearch
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.sender_events import (
    FeedAnswered,
    PostArrived,
    RoomReported,
    SenderEvent,
    SessionClosed,
)
from transfer_core.protocol.wire.datagram import DATA_HEAD_BYTES, SEALED_OVERHEAD
from transfer_core.protocol.wire.messages import (
    Close,
    FileFinish,
    FileOpen,
    FileStop,
    LiveAnswer,
    LiveEnd,
    LiveFeed,
    Message,
    PostPart,
    PostTaken,
    RelayRoom,
)

TRAINS_AHEAD = 3  # a busy receiver is handed a whole train at once, which tells nothing


class SenderSession(Association):
    """An agent's session with one relay; five verbs as in `endpoint`, those of files as in `OutgoingFiles`."""

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
        self._events: deque[SenderEvent] = deque()
        self._out = OutgoingFiles(window_chunks, self.paths, self._control.outbox, self._events)
        self._next = NextSlices(self._out.slots, self._out.queue, self.paths)
        self._feeds = FeedsOut(self.paths)
        self._posts = PostsIn()
        self.files = self._out.files
        self.open_file = self._out.open_file
        self.reorder = self._out.reorder
        self.stop_file = self._out.stop_file
        self.drop_part = self._out.drop_part
        self.provide_chunks = self._out.provide_chunks
        self.provide_digest = self._out.provide_digest
        self.send_live = self._feeds.add

    # --- what the owner says

    def add_path(
        self,
        number: int,
        address: Address,
        now_ns: int,
        *,
        rtt_hint_ns: int | None = None,
        packet_bytes_max: int = USUAL_BYTES,
    ) -> Path:
        """Begin to use a path whose interface sends IP packets of that size at most. It is asked to answer at once."""
        path = super().add_path(number, address, now_ns, rtt_hint_ns=rtt_hint_ns)
        path.search = MtuSearch(packet_bytes_max)
        path.trains_left = TRAINS_AHEAD
        path.last_sent_ns = 0  # so a ping is due
        path.use_found_size()
        return path

    @property
    def redundant(self) -> bool:
        """Whether every byte goes by two paths."""
        return self._next.redundant

    @redundant.setter
    def redundant(self, redundant: bool) -> None:
        self._next.redundant = redundant

    @property
    def held_bytes(self) -> int:
        """File data in memory: on its way, ready to go, or being read."""
        return self._out.held_bytes

    @property
    def live_counts(self) -> dict[int, FeedCounts]:
        """What went of each feed that is taken."""
        return self._feeds.counts

    def open_feed(self, feed: int, about: bytes) -> None:
        """Offer a feed of live datagrams; `FeedAnswered` says whether it is taken. An older relay says nothing."""
        self._feeds.offer(feed)
        self.send_message(LiveFeed(feed, about))

    def close_feed(self, feed: int) -> None:
        """No more of it."""
        self._feeds.close(feed)
        self.send_message(LiveEnd(feed))

    def take_post(self, post: int) -> None:
        """Tell the relay that a post is durable here."""
        self.send_message(PostTaken(post))

    def close(self, code: str = "", text: str = "") -> None:
        """Tell the relay that the session ends."""
        self.closed = True
        self.send_message(Close(code, text))

    def poll_event(self) -> SenderEvent | None:
        """The next thing that the engine has to know or to do."""
        return self._events.popleft() if self._events else None

    # --- what the relay says

    def _on_message(self, message: Message, now_ns: int) -> None:
        match message:
            case Close(code, text):
                self.closed = True
                self._events.append(SessionClosed(code, text))
            case RelayRoom(free_bytes):
                self._events.append(RoomReported(free_bytes))
            case PostPart():
                data = self._posts.take(message)
                if data is not None:
                    self._events.append(PostArrived(message.post, data))
            case LiveAnswer(feed, received, missing, code, text):
                if self._feeds.on_answer(feed, is_taken=not code):
                    self._events.append(FeedAnswered(feed, received, missing, code, text))
            case FileOpen() | FileFinish() | FileStop() | PostTaken() | LiveFeed() | LiveEnd():
                return  # a relay does not say these
            case _:
                self._out.on_answer(message)

    def _on_window(self, window_chunks: int) -> None:
        self._out.on_window(window_chunks)

    def _on_data_acked(self, path: Path, tags: NDArray[np.int64], now_ns: int) -> None:
        largest = self._out.on_acked(path, tags)
        if path.search is not None and largest:
            path.search.on_data_acked(packet_bytes(path, largest), now_ns)
            path.use_found_size()

    def _on_data_lost(self, path: Path, tags: NDArray[np.int64], now_ns: int, *, is_run: bool) -> None:
        largest = self._out.on_lost(tags)
        if path.search is not None and largest and is_run:
            path.search.on_data_lost(packet_bytes(path, largest), len(tags))

    # --- sending

    def _wants_to_send(self, path: Path) -> bool:
        return super()._wants_to_send(path) or self._next.is_there_for(path)

    def _idle_due_ns(self, path: Path) -> int | None:
        return self._next.due_ns(path)

    def _has_live(self, path: Path) -> bool:
        return self._feeds.has_some_for(path)

    def _next_live(self, path: Path, now_ns: int) -> OutFrame | None:
        return self._feeds.next_frame(path, now_ns)

    def _on_live_resolved(self, number: int, acked: bool, now_ns: int) -> None:
        self._feeds.on_resolved(number, acked, now_ns)

    def _transmit_data(self, path: Path, now_ns: int, max_datagrams: int) -> Transmit | None:
        if not path.carries_data:
            return None
        has_nothing = self._out.queue.is_empty or not self._next.may_take(path)
        if path.trains_left and has_nothing and path.sender.wants_train(now_ns):
            path.trains_left -= 1
            return self._control.train(path, now_ns)
        picked, is_copy = self._next.pick(path, now_ns, max_datagrams)
        if not picked:
            return None
        if not is_copy:
            self._out.ask_for_chunks()
        observer = self._departures.observer
        if observer is not None:
            taken = [(slot.file, slot.chunk, len(slices)) for slot, slices in picked]
            observer.on_scheduled(now_ns, path, taken, is_copy=is_copy)
        return self._transmit_slices(path, picked, now_ns)

    def _transmit_slices(self, path: Path, picked: Picked, now_ns: int) -> Transmit:
        slice_bytes = picked[0][0].slice_bytes
        rows = self._departures.data_rows(slice_bytes)
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
        return self._departures.burst(path, slice_bytes, at, tags, now_ns)


def packet_bytes(path: Path, slice_bytes: int) -> int:
    """The IP packet in which a slice travels."""
    return slice_bytes + DATA_HEAD_BYTES + SEALED_OVERHEAD + path.overhead_bytes
