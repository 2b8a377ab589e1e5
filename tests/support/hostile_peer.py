"""One who holds a session's keys and sends whatever comes to mind: what an authenticated peer can do at worst."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import strategies as st

from transfer_core.protocol.association import Association
from transfer_core.protocol.endpoint import Received
from transfer_core.protocol.recovery.ack import Ack, Train, encode_ack
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.wire import messages as wire
from transfer_core.protocol.wire.datagram import Kind

ADDRESS = ("192.0.2.1", 9000)

small = st.integers(0, 5)
u8, u16, u32, u64 = (st.one_of(small, st.integers(0, (1 << bits) - 1)) for bits in (8, 16, 32, 64))
i64 = st.integers(-(1 << 63), (1 << 63) - 1)
texts = st.one_of(st.sampled_from(["a", "f1", "blake3:00", "../x", "", "\udcff", "é" * 300]), st.text(max_size=20))
wire_texts = texts.map(lambda text: text.encode("utf-8", "ignore").decode("utf-8", "surrogateescape"))
runs = st.lists(st.tuples(u32, u32), max_size=4).map(tuple)

from_agent = st.one_of(
    st.builds(
        wire.FileOpen,
        u32,
        u8,
        st.one_of(u64, st.integers(0, 300_000)),
        st.one_of(u32, st.sampled_from([4096, 65536, 1 << 20])),
        i64,
        u64,
        wire_texts,
        wire_texts,
    ),
    st.builds(wire.FileFinish, u32, wire_texts),
    st.builds(wire.FileStop, u32, u8),
)
from_relay = st.one_of(
    *(st.builds(each, u32, runs) for each in (wire.FileHave, wire.FileStored, wire.FileAgain)),
    st.builds(wire.FileReady, u32),
    *(st.builds(each, u32, wire_texts, wire_texts) for each in (wire.FileHeld, wire.FileDone, wire.FileFailed)),
    st.builds(wire.RelayRoom, u64),
)
anything = st.one_of(from_agent, from_relay, st.builds(wire.Close, wire_texts, wire_texts))


@st.composite
def acks(draw: st.DrawFn) -> bytes:
    """An acknowledgement that is well formed; whether it is true is another matter."""
    count = draw(st.integers(0, 200))
    floor = draw(st.one_of(small, st.integers(0, (1 << 47) - 300)))
    received = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), np.bool_)
    train = Train(*draw(st.tuples(u32, u32, u32, u32))) if draw(st.booleans()) else None
    ack = Ack(
        largest=max(floor + count - 1, 0) + draw(small),
        largest_rx_us=draw(u32),
        hold_us=draw(u32),
        received_total=draw(st.integers(0, (1 << 48) - 1)),
        min_owd_us=draw(st.integers(-(1 << 31), (1 << 31) - 1)),
        floor=floor,
        received=received,
        window_chunks=draw(u16),
        train=train,
    )
    body = encode_ack(ack, 1300)
    return struct.pack(">BBH", 1, draw(st.sampled_from([0, 0, 0, 1, 255])), len(body)) + body


class HostilePeer:
    """Seals what it is told to, with packet numbers that go up by one."""

    def __init__(self, keys: PathKeys, session: int) -> None:
        self._keys, self._session = keys, session
        self._next_pn: dict[int, int] = {}
        self._next_sequence = 0

    def datagram(self, kind: int, sealed: bytes, path: int = 0, skip: int = 0) -> bytes:
        """A datagram with this in it, prefix included."""
        pn = self._next_pn.get(path, 0) + skip
        self._next_pn[path] = pn + 1
        head = struct.pack(">BBIHI", kind, path, self._session, pn >> 32, pn & 0xFFFFFFFF)
        return head + self._keys.aead(path, pn).encrypt(struct.pack(">IQ", path, pn), sealed, head)

    def message(self, message: wire.Message) -> bytes:
        """The frame of a message, the next in order."""
        return self.raw_message(wire.encode_message(message))

    def raw_message(self, body: bytes) -> bytes:
        """The same with any body."""
        frame = struct.pack(">BIH", 2, self._next_sequence, len(body)) + body
        self._next_sequence += 1
        return frame

    def frames(self, body: bytes, path: int = 0, floor: int = 0) -> bytes:
        """A control datagram with these frames."""
        return self.datagram(Kind.CONTROL, struct.pack(">HI", floor, 0) + body, path)

    def data(self, file: int, chunk: int, index: int, data: bytes, path: int = 0) -> bytes:
        """A data datagram."""
        return self.datagram(Kind.DATA, struct.pack(">HIIIHB", 0, 0, file, chunk, index, 1) + data, path)


def give(side: Association, datagram: bytes, now_ns: int) -> None:
    """Let a session have a datagram."""
    path = datagram[1] if len(datagram) > 1 else 0
    side.receive_datagrams(path, Received(ADDRESS, memoryview(datagram), max(1, len(datagram))), now_ns)
