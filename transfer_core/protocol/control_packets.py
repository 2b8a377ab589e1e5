"""The packets of a session that carry no file data: what goes into each, by which path, and what its tag tells later.

    acknowledgement     of the path that it goes by, with messages if these ride that path
    messages            by the path that answers fastest, several copies at once where much is lost
    ping                of an idle path, so that its round trip and loss stay known
    probe               a ping as large as the path is thought to carry
    train               pings as large as file data, back to back
    live                one frame of live datagrams

What a packet carried is known by its tag, below 0 where file data has tags from 0:

    -1                  nothing that would have to go again
    down to LIVE_TAG    messages, or a probe
    LIVE_TAG and less   the live frame of the number LIVE_TAG - tag
"""

from __future__ import annotations

from collections.abc import Mapping

from transfer_core.protocol.control_frames import PING_FRAME, ack_frame
from transfer_core.protocol.departures import Departures
from transfer_core.protocol.endpoint import Transmit
from transfer_core.protocol.live import OutFrame
from transfer_core.protocol.message_copies import message_copies
from transfer_core.protocol.ordered_messages import Outbox
from transfer_core.protocol.path import Path
from transfer_core.protocol.recovery.congestion import TRAIN_PACKETS
from transfer_core.protocol.recovery.mtu import MtuSearch
from transfer_core.protocol.wire.datagram import PREFIX_BYTES, SEALED_OVERHEAD, Kind

CONTROL_PACKETS_FREE = 4
SRTT_UNKNOWN_NS = 1 << 62  # a path of which nothing is known is not the one that answers fastest
TIMES_DOUBLED = 6
PING_TAG = -1
LIVE_TAG = -(1 << 62)  # less the number of the live frame, which no other control packet's tag ever gets down to


class ControlPackets:
    """See the module; `paths` are those of the session. `ping_interval_ns`: None if this side never pings."""

    def __init__(self, paths: Mapping[int, Path], departures: Departures, ping_interval_ns: int | None) -> None:
        self.outbox = Outbox()
        self.ping_interval_ns = ping_interval_ns
        self._paths = paths
        self._departures = departures
        self._probes: dict[int, int] = {}  # IP bytes of probes in flight, by tag
        self._next_tag = PING_TAG - 1
        self._said_ns = 0  # when messages went last
        self._times_again = 0  # that they did since one was acknowledged

    # --- what may go

    def may_send(self, path: Path, now_ns: int) -> bool:
        """Whether a control packet may go: a few may always, since so little tells nothing of the rate."""
        sender = path.sender
        is_little = not sender.is_silent and sender.in_flight_packets < CONTROL_PACKETS_FREE
        return is_little or sender.budget_datagrams(now_ns, path.datagram_bytes) > 0

    def has_messages_for(self, path: Path) -> bool:
        """Whether messages wait that ride this path."""
        return self.outbox.is_waiting and path is self._message_path()

    def again_due_ns(self) -> int | None:
        """When the oldest messages go again, since word of the newest should have come: nothing behind it tells that it
        was lost. Each time twice as long after the last, whatever else waits (RFC 9002 section 6.2)."""
        if not self.outbox.in_flight or self.outbox.is_waiting:
            return None
        path = self._message_path()
        wait_ns = None if path is None or path.sender.is_silent else path.sender.probe_timeout_ns
        return None if wait_ns is None else self._said_ns + (wait_ns << min(self._times_again, TIMES_DOUBLED))

    def is_again_due(self, path: Path, now_ns: int) -> bool:
        """Whether they do now, and by this path."""
        due_ns = self.again_due_ns()
        return due_ns is not None and due_ns <= now_ns and path is self._message_path()

    def ping_due_ns(self, path: Path) -> int | None:
        """None while as much is on its way as asks for an answer anyway, which may be more than the path may send."""
        sender = path.sender
        if self.ping_interval_ns is None or sender.is_silent or sender.in_flight_packets >= CONTROL_PACKETS_FREE:
            return None
        return path.last_sent_ns + self.ping_interval_ns

    def _message_path(self) -> Path | None:
        """Messages ride the path that answers fastest; a silent one only when all are."""
        if not self._paths:
            return None
        return min(
            self._paths.values(),
            key=lambda path: (
                path.sender.is_silent,
                path.last_heard_ns is None,
                path.sender.srtt_ns or SRTT_UNKNOWN_NS,
            ),
        )

    # --- packets

    def acknowledgement(self, path: Path, now_ns: int, window_chunks: int) -> Transmit:
        """What has come by this path, and that this side spares so many chunk buffers; messages if there is room."""
        ack = ack_frame(path.number, path.receiver.build_ack(now_ns, window_chunks), _room_bytes(path))
        if self.has_messages_for(path) and self.may_send(path, now_ns):
            messages, sequences = self.outbox.take(_room_bytes(path) - len(ack))
            if sequences:
                return self._messages(path, ack + b"".join(messages), sequences, now_ns)
        return self._departures.control(path, Kind.ACK, ack, PING_TAG, now_ns)

    def messages_or_ping(self, path: Path, now_ns: int) -> Transmit:
        """The messages that ride this path, or else only a wish for an answer."""
        if self.has_messages_for(path):
            messages, sequences = self.outbox.take(_room_bytes(path))
            if sequences:
                return self._messages(path, b"".join(messages), sequences, now_ns)
        return self._departures.control(path, Kind.CONTROL, PING_FRAME, PING_TAG, now_ns)

    def messages_again(self, path: Path, now_ns: int) -> Transmit | None:
        """The oldest messages that the peer has not acknowledged, once more and by this path; None if it has all."""
        frames, sequences = self.outbox.take_again(_room_bytes(path))
        if not sequences:
            return None
        self._said_ns, self._times_again = now_ns, self._times_again + 1
        tag = self._tag_messages(sequences)
        return self._departures.control(path, Kind.CONTROL, b"".join(frames), tag, now_ns)

    def live(self, path: Path, frame: OutFrame, now_ns: int) -> Transmit:
        """One live frame."""
        return self._departures.control(path, Kind.CONTROL, frame.body, LIVE_TAG - frame.number, now_ns)

    def probe(self, path: Path, search: MtuSearch, size: int, now_ns: int) -> Transmit:
        """A ping of so many IP bytes, to find out whether the way carries it."""
        frames = PING_FRAME.ljust(size - path.overhead_bytes - SEALED_OVERHEAD - PREFIX_BYTES, b"\0")
        search.on_probe_sent(size)
        return self._departures.control(path, Kind.CONTROL, frames, self._tag_probe(size), now_ns)

    def train(self, path: Path, now_ns: int) -> Transmit:
        """Pings as large as file data, back to back: how they are spread at the other end tells the path's rate."""
        path.sender.begin_train(now_ns)
        size = path.datagram_bytes + path.overhead_bytes
        frames = PING_FRAME.ljust(_room_bytes(path), b"\0")
        return _join(
            [
                self._departures.control(path, Kind.CONTROL, frames, self._tag_probe(size), now_ns)
                for _ in range(TRAIN_PACKETS)
            ]
        )

    def _messages(self, path: Path, frames: bytes, sequences: list[int], now_ns: int) -> Transmit:
        self._said_ns = now_ns
        loss = max(path.sender.loss, path.receiver.loss)
        sealed = [
            self._departures.control(path, Kind.CONTROL, frames, self._tag_messages(sequences), now_ns)
            for _ in range(message_copies(loss, len(frames), self.outbox.in_flight))
        ]
        return sealed[0] if len(sealed) == 1 else _join(sealed)

    # --- tags

    def _tag_messages(self, sequences: list[int]) -> int:
        """A tag for one more packet that carries these messages."""
        tag = self._next_tag
        self._next_tag -= 1
        self.outbox.sent(tag, sequences)
        return tag

    def _tag_probe(self, size: int) -> int:
        """A tag for a ping of so many IP bytes, which tells that the way carries them if it arrives."""
        tag = self._next_tag
        self._next_tag -= 1
        self._probes[tag] = size
        return tag

    def on_resolved(self, path: Path, tag: int, now_ns: int, *, was_acked: bool) -> None:
        """A packet with messages, or a probe, has arrived or is lost."""
        size = self._probes.pop(tag, None)
        if size is None:
            self.outbox.resolve(tag, was_acked=was_acked)
            self._times_again = 0 if was_acked else self._times_again
        elif path.search is not None:
            if was_acked:
                path.search.on_probe_acked(size, now_ns)
            else:
                path.search.on_probe_lost(size, now_ns)
            path.use_found_size()


def _room_bytes(path: Path) -> int:
    """For frames, in a datagram of this path."""
    return path.datagram_bytes - SEALED_OVERHEAD - PREFIX_BYTES


def _join(parts: list[Transmit]) -> Transmit:
    """Equal datagrams as one burst."""
    return Transmit(
        parts[0].path, parts[0].address, memoryview(b"".join(part.payload for part in parts)), parts[0].segment_bytes
    )
