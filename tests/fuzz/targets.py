"""What is fuzzed: each target takes any bytes, and may raise nothing but the tree's errors, which it catches itself.

An input's first byte chooses the target, so that one corpus serves all of them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

from transfer_core.errors import ConfigError, DrsError, SecurityError, TokenInvalid
from transfer_core.protocol.association import Association
from transfer_core.protocol.endpoint import Received
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.protocol.receiver import ReceiverSession
from transfer_core.protocol.receiver_events import ChunkReady, FeedOffered, FileOffered, VerifyFile
from transfer_core.protocol.recovery.ack import decode_ack
from transfer_core.protocol.security.handshake import HELLO_BYTES, open_hello
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.tokens import PREFIX, parse_token
from transfer_core.protocol.sender import SenderSession
from transfer_core.protocol.sender_events import ChunksWanted, DigestWanted
from transfer_core.protocol.wire.bundle import open_bundle
from transfer_core.protocol.wire.chunk_record import new_record, open_record, seal_record
from transfer_core.protocol.wire.messages import decode_message
from transfer_core.sim.script import parse_simulation
from transfer_core.sim.seeded_entropy import SeededEntropy

S = 1_000_000_000
MS = 1_000_000
ADDRESS = ("192.0.2.1", 9000)
MINE, THEIRS = bytes([1]) * 32, bytes([2]) * 32
RELAY = KeyPair.generate(SeededEntropy(1))
FILE_BYTES_MAX = 4 << 20  # a file that claims more is not accepted here: it costs time and tells nothing
TURNS_MAX = 500


class Hang(AssertionError):
    """It never came to rest."""


def _pieces(data: bytes) -> list[bytes]:
    """Cut an input into datagrams, each behind its length."""
    found: list[bytes] = []
    at = 0
    while at + 2 <= len(data) and len(found) < 24:
        (length,) = struct.unpack_from(">H", data, at)
        found.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return found


def raw_datagrams(data: bytes) -> None:
    """Unsealed bytes to a session: the outside of a datagram."""
    side = ReceiverSession(
        my_index=7, peer_index=9, send_keys=PathKeys(MINE), receive_keys=PathKeys(THEIRS), window_chunks=8
    )
    for piece in _pieces(data):
        if piece:
            segment = 1 + piece[0] * 8
            side.receive_datagrams(piece[-1], Received(ADDRESS, memoryview(piece), segment), S)
    if side.paths or side.poll_event() is not None:
        raise AssertionError("bytes that nobody sealed changed something")


def _sealed(side: Association, data: bytes, serve: Callable[[], None]) -> None:
    """The pieces as the insides of datagrams that open: kind, path, then the rest."""
    keys = PathKeys(THEIRS)
    now_ns = S
    next_pn: dict[int, int] = {}
    for piece in _pieces(data):
        if len(piece) < 3:
            continue
        kind, path, pause = piece[0], piece[1] & 3, piece[2]
        pn = next_pn.get(path, 0) + (pause & 7)
        next_pn[path] = pn + 1
        now_ns += pause * MS
        head = struct.pack(">BBIHI", kind, path, 7, pn >> 32, pn & 0xFFFFFFFF)
        datagram = head + keys.aead(path, pn).encrypt(struct.pack(">IQ", path, pn), piece[3:], head)
        side.receive_datagrams(path, Received(ADDRESS, memoryview(datagram), len(datagram)), now_ns)
        serve()
        side.handle_timeout(now_ns)
        for _ in range(TURNS_MAX):
            if side.poll_transmit(now_ns) is None:
                break
        else:
            raise Hang("it never stops sending")
        side.next_timeout_ns()


def relay_session(data: bytes) -> None:
    """An agent that holds the keys and says anything."""
    side = ReceiverSession(
        my_index=7, peer_index=9, send_keys=PathKeys(MINE), receive_keys=PathKeys(THEIRS), window_chunks=8
    )

    def serve() -> None:
        for _ in range(TURNS_MAX):
            match side.poll_event():
                case None:
                    return
                case FeedOffered(feed):
                    side.take_feed(feed)
                case FileOffered(number):
                    file = side.files.get(number)  # it may have been stopped since
                    if file is not None and file.size <= FILE_BYTES_MAX:
                        side.accept_file(number)
                    elif file is not None:
                        side.hold_file(number, "E_DISK_FULL", "full")
                case ChunkReady(number, chunk):
                    side.chunk_written(number, chunk, ok=chunk % 3 != 2)
                    side.chunks_durable(number, ((chunk, 1),))
                case VerifyFile(number, digest):
                    side.finish_file(number, digest, "x")
        raise Hang("its events never end")

    _sealed(side, data, serve)


def agent_session(data: bytes) -> None:
    """A relay that holds the keys and says anything."""
    side = SenderSession(
        my_index=7, peer_index=9, send_keys=PathKeys(MINE), receive_keys=PathKeys(THEIRS), window_chunks=64
    )
    for path in range(2):
        side.add_path(path, ADDRESS, S, rtt_hint_ns=10 * MS)
    side.open_feed(3, b"{}")
    sizes: dict[int, int] = {}
    for size in (0, 1, 200_000):
        number = side.open_file(
            file_id="f",
            path="x",
            size=size,
            chunk_bytes=65536,
            mtime_ns=0,
            fingerprint=1,
            priority=5,
            position=0.0,
            resumed=False,
        )
        sizes[number] = size

    def serve() -> None:
        side.send_live(3, [LiveDatagram(ADDRESS, 1, bytes(1500))], S)
        for _ in range(TURNS_MAX * 4):
            match side.poll_event():
                case None:
                    return
                case ChunksWanted(number, first, count):
                    for chunk in range(first, first + count):
                        length = min(65536, sizes[number] - chunk * 65536)
                        record, _ = new_record("f", length)
                        seal_record(record, "f", chunk, chunk * 65536, length)
                        side.provide_chunks(number, chunk, [record])
                case DigestWanted(number):
                    side.provide_digest(number, "blake3:00")
        raise Hang("its events never end")

    _sealed(side, data, serve)


def message(data: bytes) -> None:
    """One message."""
    decode_message(data)


def acknowledgement(data: bytes) -> None:
    """One acknowledgement."""
    _, used = decode_ack(data)
    if used > len(data):
        raise AssertionError("more was read than there is")


def record(data: bytes) -> None:
    """One chunk record."""
    open_record(memoryview(data))


def hello(data: bytes) -> None:
    """A hello with a mac that fits."""
    body = data[: HELLO_BYTES - 16].ljust(HELLO_BYTES - 16, b"\0")
    key = hashlib.blake2s(b"drs-sync mac1" + RELAY.public).digest()
    try:
        open_hello(RELAY, body + hashlib.blake2s(body, key=key, digest_size=16).digest())
    except SecurityError:
        return
    raise AssertionError("a hello was sealed without its keys")


def token(data: bytes) -> None:
    """A pairing token, with and without its beginning."""
    text = data.decode("utf-8", "replace")
    for each in (text, PREFIX + text):
        try:
            parse_token(each)
        except TokenInvalid:
            continue


def simulation(data: bytes) -> None:
    """A simulation file."""
    try:
        parse_simulation(data.decode("utf-8", "replace"))
    except ConfigError:
        return


def bundle(data: bytes) -> None:
    """A bundle of small files."""
    for file, content in open_bundle(memoryview(data)):
        if len(content) != file.size:
            raise AssertionError("a file in a bundle is not as long as it says")


TARGETS: tuple[Callable[[bytes], None], ...] = (
    raw_datagrams,
    relay_session,
    agent_session,
    message,
    acknowledgement,
    record,
    hello,
    token,
    simulation,
    bundle,
)


def one_input(data: bytes) -> None:
    """Give an input to its target. The tree's errors are answers; everything else is a fault."""
    if not data:
        return
    try:
        TARGETS[data[0] % len(TARGETS)](data[1:])
    except DrsError:
        return
