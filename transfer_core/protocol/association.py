"""What agent and relay share: sealed datagrams over numbered paths, acknowledgements, and reliable messages.

Theory of operation. Each path has its own packet numbers, loss detection, congestion control and pacer
(`recovery/`). A packet is never sent again; what it carried is: file data goes back to the role that sent it (by its
tag), messages go back to the head of the outbox. Messages have a sequence number of the session, so that they may
ride any path and be told apart when one arrives twice; they are delivered in order.

A datagram is believed only after it opens under the key of its path and packet number, and only once: a packet number
that was seen, or that lies below the sender's floor, is dropped before any work is done for it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from transfer_core.errors import RemoteProtocolError
from transfer_core.protocol.control_frames import PING_FRAME, AckFrame, MessageFrame, ack_frame, frames_of
from transfer_core.protocol.endpoint import Address, Received, Transmit
from transfer_core.protocol.live import OutFrame
from transfer_core.protocol.live_frame import LiveFrame
from transfer_core.protocol.observer import SessionObserver
from transfer_core.protocol.ordered_messages import Inbox, Outbox
from transfer_core.protocol.path import Counters, Path
from transfer_core.protocol.recovery.ack import Ack
from transfer_core.protocol.recovery.congestion import TRAIN_PACKETS
from transfer_core.protocol.recovery.mtu import BASE_BYTES, MOST_BYTES, MtuSearch
from transfer_core.protocol.recovery.path_receiver import PathReceiver
from transfer_core.protocol.recovery.path_sender import NOTHING_RESOLVED, PathSender, Resolved
from transfer_core.protocol.sealing import SEAL_ROWS, Sealing, open_rows_max, prefixes, seal_rows_max
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.wire.datagram import (
    DATA_HEAD,
    DATA_HEAD_BYTES,
    IPV4_UDP_BYTES,
    IPV6_UDP_BYTES,
    PREFIX_BYTES,
    SEALED_OVERHEAD,
    DataRows,
    Kind,
)
from transfer_core.protocol.wire.messages import Message, decode_message, encode_message

COPIES_LOSS_MIN = 0.02  # below this loss a message is sent once
COPIES_FIRST = 2  # but for the first after a pause: a start hangs on it, and nothing behind it tells that it was lost
COPIES_MISS = 0.02  # above it so often that all copies are lost this rarely,
COPIES_MAX = 12  # but not more often,
COPIES_BYTES = 6000  # nor more than so much in all
CONTROL_PACKETS_FREE = 4
SRTT_UNKNOWN_NS = 1 << 62  # a path of which nothing is known is not the one that answers fastest
PING_TAG = -1
LIVE_TAG = -(1 << 62)  # less the number of the live frame, which no other control packet's tag ever gets down to


class Association:
    """One authenticated session, seen from one side. Roles extend it; touched by one thread alone."""

    def __init__(
        self,
        *,
        my_index: int,
        peer_index: int,
        send_keys: PathKeys,
        receive_keys: PathKeys,
        ping_interval_ns: int | None,
    ) -> None:
        self.my_index = my_index
        self.peer_index = peer_index
        self.paths: dict[int, Path] = {}
        self.counters = Counters()
        self.closed = False
        self.observer: SessionObserver | None = None
        self._ping_interval_ns = ping_interval_ns
        self._sealing = Sealing(peer_index, send_keys, receive_keys)
        self._outbox = Outbox()
        self._inbox = Inbox()
        self._probes: dict[int, int] = {}  # IP bytes of probes in flight, by tag
        self._next_control_tag = -2
        self._live_went = False  # before messages that wait: each in turn

    # --- paths

    def add_path(self, number: int, address: Address, now_ns: int, *, rtt_hint_ns: int | None = None) -> Path:
        """Begin to use a path. Numbers are never used twice in a session, since they are part of the nonce."""
        overhead = IPV6_UDP_BYTES if ":" in address[0] else IPV4_UDP_BYTES
        path = Path(
            number=number,
            address=address,
            sender=PathSender(now_ns, rtt_hint_ns=rtt_hint_ns, overhead_bytes=overhead),
            receiver=PathReceiver(),
            overhead_bytes=overhead,
            datagram_bytes=BASE_BYTES - overhead,
            last_sent_ns=now_ns,
        )
        if rtt_hint_ns is not None:
            path.receiver.set_rtt_hint_ns(rtt_hint_ns)
        self.paths[number] = path
        if self.observer is not None:
            self.observer.on_path(now_ns, path)
        return path

    def remove_path(self, number: int, now_ns: int) -> None:
        """A path is gone: what is in flight on it is lost."""
        path = self.paths.pop(number)
        self._resolve(path, path.sender.abandon(), now_ns)
        if self.observer is not None:
            self.observer.on_path_gone(now_ns, path)

    # --- receiving

    def receive_datagrams(self, path: int, received: Received, now_ns: int) -> None:
        """Take what arrived. What can't be believed is counted and dropped."""
        payload, width = received.payload, received.segment_bytes
        step = open_rows_max(width) * width
        for at in range(0, len(payload), step):
            part = payload[at : at + step]
            whole = len(part) // width
            if whole:
                self._receive_rows(part[: whole * width], whole, width, received.address, now_ns)
            if len(part) > whole * width:
                self._receive_rows(part[whole * width :], 1, len(part) - whole * width, received.address, now_ns)

    def _receive_rows(self, payload: memoryview, count: int, width: int, address: Address, now_ns: int) -> None:
        """Take `count` datagrams of `width` bytes each, of one kind, path and session, or else one by one."""
        outside = self._sealing.outside(payload, count, width)
        if outside is None:
            self.counters.malformed += count
            return
        if not outside.is_uniform:
            for at in range(0, len(payload), width):
                self._receive_rows(payload[at : at + width], 1, width, address, now_ns)
            return
        is_mine = outside.session == self.my_index
        path = self.paths.get(outside.path)
        if path is None and is_mine:
            path = self._unknown_path(outside.path, address, now_ns)
        if path is None or not is_mine:
            self.counters.foreign += count
            return
        pns = outside.pns
        wanted = path.receiver.is_fresh(pns)
        fresh = int(np.count_nonzero(wanted))
        plain, opened = self._sealing.open_rows(payload, outside, wanted, width)
        whole = int(np.count_nonzero(opened))
        self.counters.stale += count - fresh
        self.counters.forged += fresh - whole
        if not whole:
            self._forget_unproven(path)
            return
        if whole < count:
            pns, plain = pns[opened], plain[opened]
        self._heard(path, address, int(pns[-1]), whole, width, now_ns)
        self._take_plain(path, outside.kind, pns, plain, now_ns)

    def _heard(self, path: Path, address: Address, newest_pn: int, count: int, width: int, now_ns: int) -> None:
        """Note a proof of life; the peer's address follows the newest packet that opened."""
        if newest_pn > path.newest_pn:
            path.newest_pn = newest_pn
            path.address = address
        path.last_heard_ns = now_ns
        path.heard_datagrams += count
        path.heard_bytes += count * width

    def _take_plain(self, path: Path, kind: int, pns: NDArray[np.int64], plain: NDArray[np.uint8], now_ns: int) -> None:
        if self.observer is not None:
            size, bodies = plain.shape[1] + SEALED_OVERHEAD, plain[:, PREFIX_BYTES:]
            self.observer.on_received(now_ns, path, Kind(kind), pns, size, bodies)
        floors, tx_us = prefixes(plain, pns)
        if kind == Kind.DATA:
            if plain.shape[1] <= DATA_HEAD_BYTES:
                self.counters.malformed += len(pns)
                return
            if path.search is None:  # what comes this way goes the other way, too
                width = plain.shape[1] + SEALED_OVERHEAD + path.overhead_bytes
                path.datagram_bytes = min(max(width, BASE_BYTES), MOST_BYTES) - path.overhead_bytes
            head = plain[:, :DATA_HEAD_BYTES].view(DATA_HEAD)[:, 0]
            taken = self._take_data(path, head, plain[:, DATA_HEAD_BYTES:], now_ns)
            if not taken.all():
                self.counters.refused += len(pns) - int(np.count_nonzero(taken))
                pns, tx_us, floors = pns[taken], tx_us[taken], floors[taken]
            if len(pns):
                path.receiver.on_fresh(pns, tx_us, floors, now_ns, True)
            return
        path.receiver.on_fresh(pns, tx_us, floors, now_ns, kind == Kind.CONTROL)
        for row in plain:
            try:
                self._take_frames(memoryview(row)[PREFIX_BYTES:], now_ns)
            except RemoteProtocolError:
                self.counters.malformed += 1

    def _take_frames(self, body: memoryview, now_ns: int) -> None:
        for frame in frames_of(body):
            match frame:
                case AckFrame(number, ack):
                    self._take_ack(number, ack, now_ns)
                case MessageFrame(sequence, message):
                    self._take_message(sequence, message, now_ns)
                case LiveFrame():
                    self._take_live(frame, now_ns)

    def _take_ack(self, number: int, ack: Ack, now_ns: int) -> None:
        path = self.paths.get(number)
        if path is None:
            return
        self._on_window(ack.window_chunks)
        self._resolve(path, path.sender.on_ack(ack, now_ns), now_ns)
        if path.sender.srtt_ns is not None:
            path.receiver.set_rtt_hint_ns(path.sender.srtt_ns)

    def _take_message(self, sequence: int, body: bytes, now_ns: int) -> None:
        for ready in self._inbox.take(sequence, body):
            try:
                self._on_message(decode_message(ready), now_ns)
            except RemoteProtocolError:
                self.counters.malformed += 1  # those behind it are none the worse

    # --- resolving what was sent

    def _resolve(self, path: Path, resolved: Resolved, now_ns: int) -> None:
        if self.observer is not None:
            self.observer.on_resolved(now_ns, path, resolved)
        if resolved is NOTHING_RESOLVED:
            return
        is_run = not (resolved.acked_tags >= 0).any()  # no file data arrived that was sent among what was lost
        # what was given up and is there after all need not go again; and it was sent before the rest
        for tags, was_acked in ((resolved.late_tags, True), (resolved.acked_tags, True), (resolved.lost_tags, False)):
            if not len(tags):
                continue
            data = tags[tags >= 0]
            if len(data):
                if was_acked:
                    self._on_data_acked(path, data, now_ns)
                else:
                    self._on_data_lost(path, data, now_ns, is_run=is_run)
            for tag in tags[tags < PING_TAG].tolist():
                if tag <= LIVE_TAG:
                    self._on_live_resolved(LIVE_TAG - tag, was_acked, now_ns)
                elif tag in self._probes:
                    self._resolve_probe(path, self._probes.pop(tag), was_acked, now_ns)
                else:
                    self._outbox.resolve(tag, was_acked=was_acked)
            if was_acked and path.search is not None and len(data) < len(tags):
                path.search.on_small_acked(now_ns)
                self._use_size(path)

    def _resolve_probe(self, path: Path, size: int, was_acked: bool, now_ns: int) -> None:
        if path.search is None:
            return
        if was_acked:
            path.search.on_probe_acked(size, now_ns)
        else:
            path.search.on_probe_lost(size, now_ns)
        self._use_size(path)

    def _use_size(self, path: Path) -> None:
        """What the search knows now is the size of datagrams from now on."""
        if path.search is not None:
            path.datagram_bytes = path.search.packet_bytes - path.overhead_bytes

    # --- time

    def handle_timeout(self, now_ns: int) -> None:
        """Let paths notice silence and lost tails."""
        for path in self.paths.values():
            self._resolve(path, path.sender.on_timeout(now_ns), now_ns)
            if path.search is not None and path.sender.is_silent:
                path.search.on_silence(now_ns)
                self._use_size(path)

    def next_timeout_ns(self) -> int | None:
        """The earliest of all paths' deadlines, due acknowledgements and pings."""
        earliest: int | None = None
        for path in self.paths.values():
            path.sender.set_demand(self._wants_to_send(path))
            for deadline in (
                path.sender.next_timeout_ns(),
                path.receiver.next_ack_ns(),
                self._ping_due_ns(path),
                self._idle_due_ns(path),
                path.search.due_ns if path.search is not None and not path.sender.is_silent else None,
            ):
                if deadline is not None and (earliest is None or deadline < earliest):
                    earliest = deadline
        return earliest

    def set_ping_interval_ns(self, interval_ns: int) -> None:
        """How long a path may be idle before it is pinged, from now on."""
        self._ping_interval_ns = interval_ns

    def _ping_due_ns(self, path: Path) -> int | None:
        """None while as much is on its way as asks for an answer anyway, which may be more than the path may send."""
        sender = path.sender
        if self._ping_interval_ns is None or sender.is_silent or sender.in_flight_packets >= CONTROL_PACKETS_FREE:
            return None
        return path.last_sent_ns + self._ping_interval_ns

    # --- sending

    def send_message(self, message: Message) -> int:
        """Deliver this message, once and in order; its number. LocalProtocolError if no datagram could ever hold it."""
        return self._outbox.add(encode_message(message))

    def is_delivered(self, message: int) -> bool:
        """Whether the peer has acknowledged the message of that number."""
        return self._outbox.is_delivered(message)

    @property
    def is_heard(self) -> bool:
        """Whether anything of the peer's has opened."""
        return any(path.last_heard_ns is not None for path in self.paths.values())

    @property
    def messages_pending(self) -> int:
        """Messages that the peer has not acknowledged."""
        return self._outbox.pending

    def poll_transmit(self, now_ns: int, max_datagrams: int = SEAL_ROWS) -> Transmit | None:
        """The next datagrams of whichever path has something to say; None when none has, just now."""
        for path in self.paths.values():
            transmit = self.poll_path(path, now_ns, max_datagrams)
            if transmit is not None:
                return transmit
        return None

    def poll_path(self, path: Path, now_ns: int, max_datagrams: int) -> Transmit | None:
        """The next datagrams of one path: acknowledgements first, then what is live and messages in turn, then file
        data, and a ping if idle."""
        ack_due = path.receiver.next_ack_ns()
        if ack_due is not None and ack_due <= now_ns:
            return self._transmit_control(path, now_ns, with_ack=True)
        says = self._outbox.is_waiting and path is self._message_path()
        if (says or self._has_live(path)) and self._may_send(path, now_ns):
            live = None if says and self._live_went else self._next_live(path, now_ns)
            self._live_went = live is not None
            if live is not None:
                return self._seal_control(path, Kind.CONTROL, live.body, LIVE_TAG - live.number, now_ns)
            if says:
                return self._transmit_control(path, now_ns, with_ack=False)
        if path.search is not None and not path.sender.is_silent:
            size = path.search.next_probe(now_ns, path.sender.loss)
            if size is not None and self._may_send(path, now_ns):
                return self._transmit_probe(path, path.search, size, now_ns)
        transmit = self._transmit_data(path, now_ns, min(max_datagrams, seal_rows_max(path.datagram_bytes)))
        if transmit is not None:
            return transmit
        ping_due = self._ping_due_ns(path)
        probing = path.sender.is_silent or (ping_due is not None and ping_due <= now_ns)
        if probing and not self.closed and self._may_send(path, now_ns):
            return self._transmit_control(path, now_ns, with_ack=False)
        return None

    def _may_send(self, path: Path, now_ns: int) -> bool:
        """Whether a control packet may go: a few may always, since so little tells nothing of the rate."""
        sender = path.sender
        is_little = not sender.is_silent and sender.in_flight_packets < CONTROL_PACKETS_FREE
        return is_little or sender.budget_datagrams(now_ns, path.datagram_bytes) > 0

    def _message_path(self) -> Path | None:
        """Messages ride the path that answers fastest; a silent one only when all are."""
        if not self.paths:
            return None
        return min(
            self.paths.values(),
            key=lambda path: (
                path.sender.is_silent,
                path.last_heard_ns is None,
                path.sender.srtt_ns or SRTT_UNKNOWN_NS,
            ),
        )

    def _transmit_control(self, path: Path, now_ns: int, *, with_ack: bool) -> Transmit:
        room = path.datagram_bytes - SEALED_OVERHEAD - PREFIX_BYTES
        parts: list[bytes] = []
        if with_ack:
            ack = path.receiver.build_ack(now_ns, self._window_chunks())
            parts.append(ack_frame(path.number, ack, room))
            room -= len(parts[0])
        sequences: list[int] = []
        if self._outbox.is_waiting and path is self._message_path() and (not with_ack or self._may_send(path, now_ns)):
            messages, sequences = self._outbox.take(room)
            parts += messages
        if not sequences and not with_ack:
            parts.append(PING_FRAME)
        frames = b"".join(parts)
        if not sequences:
            return self._seal_control(path, Kind.ACK if with_ack else Kind.CONTROL, frames, PING_TAG, now_ns)
        sealed = [
            self._seal_control(path, Kind.CONTROL, frames, self._tag_messages(sequences), now_ns)
            for _ in range(self._message_copies(path, len(frames)))
        ]
        return sealed[0] if len(sealed) == 1 else _join(sealed)

    def _transmit_probe(self, path: Path, search: MtuSearch, size: int, now_ns: int) -> Transmit:
        """A ping of that size, to find out whether the way carries it."""
        frames = PING_FRAME.ljust(size - path.overhead_bytes - SEALED_OVERHEAD - PREFIX_BYTES, b"\0")
        search.on_probe_sent(size)
        return self._seal_control(path, Kind.CONTROL, frames, self._tag_probe(size), now_ns)

    def _transmit_train(self, path: Path, now_ns: int) -> Transmit:
        """Pings as large as file data, back to back: how they are spread at the other end tells the path's rate."""
        path.sender.begin_train(now_ns)
        size = path.datagram_bytes + path.overhead_bytes
        frames = PING_FRAME.ljust(path.datagram_bytes - SEALED_OVERHEAD - PREFIX_BYTES, b"\0")
        return _join(
            [
                self._seal_control(path, Kind.CONTROL, frames, self._tag_probe(size), now_ns)
                for _ in range(TRAIN_PACKETS)
            ]
        )

    def _tag_probe(self, size: int) -> int:
        """A tag for a ping of so many IP bytes, which tells that the way carries them if it arrives."""
        tag = self._next_control_tag
        self._next_control_tag -= 1
        self._probes[tag] = size
        return tag

    def _tag_messages(self, sequences: list[int]) -> int:
        """A tag for one more packet that carries these messages."""
        tag = self._next_control_tag
        self._next_control_tag -= 1
        self._outbox.sent(tag, sequences)
        return tag

    def _message_copies(self, path: Path, frames_bytes: int) -> int:
        """How often a packet with messages is sent at once: a lost one would cost a round trip and more."""
        loss = max(path.sender.loss, path.receiver.loss)
        if loss < COPIES_LOSS_MIN:
            is_first = all(each.sender.in_flight_packets == 0 for each in self.paths.values())
            return COPIES_FIRST if is_first else 1
        wanted = math.ceil(math.log(COPIES_MISS) / math.log(min(loss, 0.95)))
        return max(1, min(wanted, COPIES_BYTES // frames_bytes, COPIES_MAX))

    def say_again(self, path: Path, now_ns: int) -> Transmit | None:
        """The oldest messages that the peer has not acknowledged, once more and by this path, None if it has all:
        for last words, after which nobody is there to notice that they were lost."""
        frames, sequences = self._outbox.take_again(path.datagram_bytes - SEALED_OVERHEAD - PREFIX_BYTES)
        if not sequences:
            return None
        return self._seal_control(path, Kind.CONTROL, b"".join(frames), self._tag_messages(sequences), now_ns)

    def _seal_control(self, path: Path, kind: Kind, frames: bytes, tag: int, now_ns: int) -> Transmit:
        sender, pn = path.sender, path.sender.next_pn
        datagram = self._sealing.seal_one(kind, path.number, pn, sender.floor, frames, now_ns)
        sender.on_sent(now_ns, 1, len(datagram), np.array([tag], np.int64), ack_eliciting=kind == Kind.CONTROL)
        path.last_sent_ns = now_ns
        if self.observer is not None:
            self.observer.on_sent(now_ns, path, kind, pn, 1, len(datagram), frames)
        return Transmit(path.number, path.address, memoryview(datagram), len(datagram))

    def seal_burst(self, path: Path, slice_bytes: int, count: int, tags: NDArray[np.int64], now_ns: int) -> Transmit:
        """Seal the first `count` rows of `data_rows(slice_bytes)`, which are filled."""
        sender = path.sender
        payload, datagram_bytes = self._sealing.seal_rows(
            path.number, DATA_HEAD_BYTES + slice_bytes, count, sender.next_pn, sender.floor, now_ns
        )
        first_pn = sender.on_sent(now_ns, count, datagram_bytes, tags)
        path.last_sent_ns = now_ns
        if self.observer is not None:
            self.observer.on_sent(now_ns, path, Kind.DATA, first_pn, count, datagram_bytes, b"")
        return Transmit(path.number, path.address, payload, datagram_bytes)

    def data_rows(self, slice_bytes: int) -> DataRows:
        """Rows to be filled with slices and whose they are, for `seal_burst`."""
        return self._sealing.data_rows(DATA_HEAD_BYTES + slice_bytes)

    # --- what a role adds

    def _unknown_path(self, number: int, address: Address, now_ns: int) -> Path | None:
        """A datagram names a path that is not known: the relay learns paths like this, the agent refuses."""
        return None

    def _forget_unproven(self, path: Path) -> None:
        """Nothing opened: a path that was made for these datagrams alone is dropped again."""
        if path.last_heard_ns is None and self._ping_interval_ns is None:
            self.paths.pop(path.number, None)

    def _take_data(self, path: Path, head: NDArray[np.void], data: NDArray[np.uint8], now_ns: int) -> NDArray[np.bool_]:
        """File data arrived; gives which rows are taken (only those are acknowledged)."""
        return np.zeros(len(head), np.bool_)

    def _on_message(self, message: Message, now_ns: int) -> None:
        raise NotImplementedError

    def _on_window(self, window_chunks: int) -> None:
        """The peer says how many chunk buffers it spares."""

    def _window_chunks(self) -> int:
        """How many chunk buffers this side spares."""
        return 0

    def _on_data_acked(self, path: Path, tags: NDArray[np.int64], now_ns: int) -> None:
        """File data has arrived at the peer."""

    def _on_data_lost(self, path: Path, tags: NDArray[np.int64], now_ns: int, *, is_run: bool) -> None:
        """File data was lost on the way. `is_run`: none of it arrived meanwhile."""

    def _take_live(self, frame: LiveFrame, now_ns: int) -> None:
        """Live datagrams arrived."""
        raise RemoteProtocolError("live datagrams come from agents alone")

    def _has_live(self, path: Path) -> bool:
        """Whether a live frame waits that this path may carry."""
        return False

    def _next_live(self, path: Path, now_ns: int) -> OutFrame | None:
        """The next live frame for this path."""
        return None

    def _on_live_resolved(self, number: int, acked: bool, now_ns: int) -> None:
        """A packet with that live frame has arrived, or is given up."""

    def _wants_to_send(self, path: Path) -> bool:
        """Whether this path has something to send as soon as it may."""
        probes = path.search is not None and path.search.has_probes
        return probes or (self._outbox.is_waiting and path is self._message_path()) or self._has_live(path)

    def _idle_due_ns(self, path: Path) -> int | None:
        """When the role wants to be asked for data of an idle path, though nothing happens meanwhile."""
        return None

    def _transmit_data(self, path: Path, now_ns: int, max_datagrams: int) -> Transmit | None:
        """The next datagrams with file data for this path."""
        return None


def _join(parts: list[Transmit]) -> Transmit:
    """Equal datagrams as one burst."""
    return Transmit(
        parts[0].path, parts[0].address, memoryview(b"".join(part.payload for part in parts)), parts[0].segment_bytes
    )
