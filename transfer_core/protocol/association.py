"""What agent and relay share: sealed datagrams over numbered paths, acknowledgements, and reliable messages.

Theory of operation. Each path has its own packet numbers, loss detection, congestion control and pacer
(`recovery/`). A packet is never sent again; what it carried is: file data goes back to the role that sent it (by its
tag), messages go back to the head of the outbox. Messages have a sequence number of the session, so that they may
ride any path and be told apart when one arrives twice; they are delivered in order.

What comes is believed as `arrivals` says, packets without file data are those of `control_packets`, and all of them
leave by `departures`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transfer_core.errors import RemoteProtocolError
from transfer_core.protocol.arrivals import Arrivals, Run
from transfer_core.protocol.control_frames import AckFrame, MessageFrame, frames_of
from transfer_core.protocol.control_packets import LIVE_TAG, PING_TAG, ControlPackets
from transfer_core.protocol.departures import Departures
from transfer_core.protocol.endpoint import Address, Received, Transmit
from transfer_core.protocol.live import OutFrame
from transfer_core.protocol.live_frame import LiveFrame
from transfer_core.protocol.observer import SessionObserver
from transfer_core.protocol.ordered_messages import Inbox
from transfer_core.protocol.path import Counters, Path, new_path
from transfer_core.protocol.recovery.ack import Ack
from transfer_core.protocol.recovery.resolved import NOTHING_RESOLVED, Resolved
from transfer_core.protocol.sealing import SEAL_ROWS, Sealing, prefixes, seal_rows_max
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.wire.datagram import (
    DATA_HEAD,
    DATA_HEAD_BYTES,
    PREFIX_BYTES,
    SEALED_OVERHEAD,
    Kind,
)
from transfer_core.protocol.wire.messages import Message, decode_message, encode_message


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
        sealing = Sealing(peer_index, send_keys, receive_keys)
        self._arrivals = Arrivals(sealing, self.counters)
        self._departures = Departures(sealing)
        self._control = ControlPackets(self.paths, self._departures, ping_interval_ns)
        self._inbox = Inbox()
        self._live_went = False  # before messages that wait: each in turn

    @property
    def observer(self) -> SessionObserver | None:
        """Who sees what this session does, packet by packet."""
        return self._departures.observer

    @observer.setter
    def observer(self, observer: SessionObserver | None) -> None:
        self._departures.observer = observer

    # --- paths

    def add_path(self, number: int, address: Address, now_ns: int, *, rtt_hint_ns: int | None = None) -> Path:
        """Begin to use a path. Numbers are never used twice in a session, since they are part of the nonce."""
        path = new_path(number, address, now_ns, rtt_hint_ns)
        self.paths[number] = path
        if (observer := self._departures.observer) is not None:
            observer.on_path(now_ns, path)
        return path

    def remove_path(self, number: int, now_ns: int) -> None:
        """A path is gone: what is in flight on it is lost."""
        path = self.paths.pop(number)
        self._resolve(path, path.sender.abandon(), now_ns)
        if (observer := self._departures.observer) is not None:
            observer.on_path_gone(now_ns, path)

    # --- receiving

    def receive_datagrams(self, path: int, received: Received, now_ns: int) -> None:
        """Take what arrived. What can't be believed is counted and dropped."""
        for run in self._arrivals.runs(received.payload, received.segment_bytes):
            self._receive_run(run, received, now_ns)

    def _receive_run(self, run: Run, received: Received, now_ns: int) -> None:
        outside = run.outside
        is_mine = outside.session == self.my_index
        path = self.paths.get(outside.path)
        if path is None and is_mine:
            path = self._unknown_path(outside.path, received.address, now_ns)
        if path is None or not is_mine:
            self.counters.foreign += len(outside.pns)
            return
        opened = self._arrivals.open(run, path)
        if opened is None:
            self._forget_unproven(path)
            return
        pns, plain = opened
        path.note_heard(received.address, int(pns[-1]), len(pns), run.width, now_ns)
        are_all = len(pns) == len(outside.pns)
        stamps_us = received.stamps_us[run.first : run.first + len(pns)] if are_all else ()
        self._take_plain(path, outside.kind, pns, plain, stamps_us, now_ns)

    def _take_plain(
        self,
        path: Path,
        kind: int,
        pns: NDArray[np.int64],
        plain: NDArray[np.uint8],
        stamps_us: Sequence[int],
        now_ns: int,
    ) -> None:
        if (observer := self._departures.observer) is not None:
            size, bodies = plain.shape[1] + SEALED_OVERHEAD, plain[:, PREFIX_BYTES:]
            observer.on_received(now_ns, path, Kind(kind), pns, size, bodies)
        floors, tx_us = prefixes(plain, pns)
        if kind == Kind.DATA:
            if plain.shape[1] <= DATA_HEAD_BYTES:
                self.counters.malformed += len(pns)
                return
            if path.search is None:  # what comes this way goes the other way, too
                path.use_seen_size(plain.shape[1] + SEALED_OVERHEAD)
            head = plain[:, :DATA_HEAD_BYTES].view(DATA_HEAD)[:, 0]
            taken = self._take_data(path, head, plain[:, DATA_HEAD_BYTES:], now_ns)
            if not taken.all():
                self.counters.refused += len(pns) - int(np.count_nonzero(taken))
                pns, tx_us, floors, stamps_us = pns[taken], tx_us[taken], floors[taken], ()
            if len(pns):
                path.receiver.on_fresh(pns, tx_us, floors, now_ns, True, stamps_us)
            return
        path.receiver.on_fresh(pns, tx_us, floors, now_ns, kind == Kind.CONTROL, stamps_us)
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
        if (observer := self._departures.observer) is not None:
            observer.on_resolved(now_ns, path, resolved)
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
                else:
                    self._control.on_resolved(path, tag, now_ns, was_acked=was_acked)
            if was_acked and path.search is not None and len(data) < len(tags):
                path.search.on_small_acked(now_ns)
                path.use_found_size()

    # --- time

    def handle_timeout(self, now_ns: int) -> None:
        """Let paths notice silence and lost tails."""
        for path in self.paths.values():
            self._resolve(path, path.sender.on_timeout(now_ns), now_ns)
            if path.search is not None and path.sender.is_silent:
                path.search.on_silence(now_ns)
                path.use_found_size()

    def next_timeout_ns(self) -> int | None:
        """The earliest of all paths' deadlines, due acknowledgements and pings."""
        earliest = None if self.closed else self._control.again_due_ns()
        for path in self.paths.values():
            path.sender.set_demand(self._wants_to_send(path))
            for deadline in (
                path.sender.next_timeout_ns(),
                path.receiver.next_ack_ns(),
                self._control.ping_due_ns(path),
                self._idle_due_ns(path),
                path.search.due_ns if path.search is not None and not path.sender.is_silent else None,
            ):
                if deadline is not None and (earliest is None or deadline < earliest):
                    earliest = deadline
        return earliest

    def set_ping_interval_ns(self, interval_ns: int) -> None:
        """How long a path may be idle before it is pinged, from now on."""
        self._control.ping_interval_ns = interval_ns

    # --- sending

    def send_message(self, message: Message) -> int:
        """Deliver this message, once and in order; its number. LocalProtocolError if no datagram could ever hold it."""
        return self._control.outbox.add(encode_message(message))

    def is_delivered(self, message: int) -> bool:
        """Whether the peer has acknowledged the message of that number."""
        return self._control.outbox.is_delivered(message)

    @property
    def is_heard(self) -> bool:
        """Whether anything of the peer's has opened."""
        return any(path.last_heard_ns is not None for path in self.paths.values())

    @property
    def messages_pending(self) -> int:
        """Messages that the peer has not acknowledged."""
        return self._control.outbox.pending

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
            return self._control.acknowledgement(path, now_ns, self._window_chunks())
        says = self._control.has_messages_for(path)
        if (says or self._has_live(path)) and self._control.may_send(path, now_ns):
            live = None if says and self._live_went else self._next_live(path, now_ns)
            self._live_went = live is not None
            if live is not None:
                return self._control.live(path, live, now_ns)
            if says:
                return self._control.messages_or_ping(path, now_ns)
        if self._control.is_again_due(path, now_ns) and not self.closed:
            return self._control.messages_again(path, now_ns)
        if path.search is not None and not path.sender.is_silent:
            size = path.search.next_probe(now_ns, path.sender.loss)
            if size is not None and self._control.may_send(path, now_ns):
                return self._control.probe(path, path.search, size, now_ns)
        transmit = self._transmit_data(path, now_ns, min(max_datagrams, seal_rows_max(path.datagram_bytes)))
        if transmit is not None:
            return transmit
        ping_due = self._control.ping_due_ns(path)
        probing = path.sender.is_silent or (ping_due is not None and ping_due <= now_ns)
        if probing and not self.closed and self._control.may_send(path, now_ns):
            return self._control.messages_or_ping(path, now_ns)
        return None

    def say_again(self, path: Path, now_ns: int) -> Transmit | None:
        """The oldest messages that the peer has not acknowledged, once more and by this path, None if it has all:
        for last words, after which nobody is there to notice that they were lost."""
        return self._control.messages_again(path, now_ns)

    # --- what a role adds

    def _unknown_path(self, number: int, address: Address, now_ns: int) -> Path | None:
        """A datagram names a path that is not known: the relay learns paths like this, the agent refuses."""
        return None

    def _forget_unproven(self, path: Path) -> None:
        """Nothing opened: a path that was made for these datagrams alone is dropped again."""
        if path.last_heard_ns is None and self._control.ping_interval_ns is None:
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
        return probes or self._control.has_messages_for(path) or self._has_live(path)

    def _idle_due_ns(self, path: Path) -> int | None:
        """When the role wants to be asked for data of an idle path, though nothing happens meanwhile."""
        return None

    def _transmit_data(self, path: Path, now_ns: int, max_datagrams: int) -> Transmit | None:
        """The next datagrams with file data for this path."""
        return None
