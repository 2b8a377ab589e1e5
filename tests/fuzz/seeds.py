"""Writes the first corpus: one well-formed input for each thing that can be said. `python -m tests.fuzz.seeds`."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from tests.fuzz import targets
from transfer_core.protocol.live_frame import Entry, LiveFrame, encode_frame
from transfer_core.protocol.recovery.ack import Ack, Train, encode_ack
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.tokens import PREFIX, PairingToken, encode_token
from transfer_core.protocol.wire import messages as wire
from transfer_core.protocol.wire.bundle import BundledFile, bundle_head
from transfer_core.protocol.wire.chunk_record import new_record, seal_record
from transfer_core.protocol.wire.datagram import Kind
from transfer_core.sim.seeded_entropy import SeededEntropy

CORPUS = Path(__file__).parent / "corpus"
EMPTY_PREFIX = bytes(6)
SIMULATION = b"""[[link]]
name = "lte"
rate_mbps = 20
loss = 0.01
[[step]]
at_s = 4.0
link = "lte"
kill = true
"""


def _piece(kind: int, sealed: bytes, path: int = 0, pause: int = 3 << 3) -> bytes:
    body = bytes((kind, path, pause)) + sealed
    return struct.pack(">H", len(body)) + body


def _control(*frames: bytes) -> bytes:
    return _piece(Kind.CONTROL, EMPTY_PREFIX + b"".join(frames))


def _message(sequence: int, message: wire.Message) -> bytes:
    body = wire.encode_message(message)
    return struct.pack(">BIH", 2, sequence, len(body)) + body


def _ack(count: int, window: int = 64) -> bytes:
    received = np.ones(count, np.bool_)
    received[count // 2] = count < 4
    body = encode_ack(Ack(count - 1, 0, 0, count, 0, 0, received, window, Train(0, 1, count - 1, 9)), 1300)
    return struct.pack(">BBH", 1, 0, len(body)) + body


def _live(feed: int, first: int, count: int) -> bytes:
    entries = tuple(Entry(0, 1, ("10.0.0.7", 5001), 9 + number, b"hello") for number in range(count))
    return encode_frame(LiveFrame(feed, first, 0, entries))


def _data(file: int, chunk: int, index: int, data: bytes) -> bytes:
    return _piece(Kind.DATA, EMPTY_PREFIX + struct.pack(">IIHB", file, chunk, index, 1) + data)


def _bundle() -> bytes:
    files = [BundledFile(f"id-{size}", f"camera/{size}.jpg", size, 1, 2, bytes(32)) for size in (3, 40)]
    return bundle_head(files) + bytes(43)


def seeds() -> dict[str, tuple[object, bytes]]:
    """Target and input by name."""
    record, place = new_record("f", 300)
    place[:] = bytes(300)
    seal_record(record, "f", 0, 0, 300)
    offer = wire.FileOpen(1, 5, 300, 65536, 0, 1, "f", "a/b.bin")
    whole = _control(_message(0, offer)) + _data(1, 0, 0, bytes(record[:200])) + _data(1, 0, 1, bytes(record[200:400]))
    said = (wire.FileHave(3, ((0, 1),)), wire.FileReady(3), wire.FileAgain(3, ((1, 2),)), wire.FileStored(3, ((0, 4),)))
    held = (wire.FileHeld(2, "E_DISK_FULL", "full"), wire.FileReady(2), wire.FileDone(2, "blake3:00", "x"))
    token = encode_token(PairingToken(KeyPair.generate(SeededEntropy(2)).public, bytes(16), 10, ("192.0.2.1:9000",)))
    found: dict[str, tuple[object, bytes]] = {
        "raw": (targets.raw_datagrams, whole),
        "relay-file": (targets.relay_session, whole + _control(_message(1, wire.FileFinish(1, "blake3:00")))),
        "relay-stop": (targets.relay_session, whole + _control(_message(1, wire.FileStop(1, 1)), _message(2, offer))),
        "relay-close": (targets.relay_session, _control(_message(0, offer), _message(1, wire.Close("", "")), b"\3")),
        "relay-live": (
            targets.relay_session,
            _control(
                _message(0, wire.LiveFeed(3, b"{}")), _live(3, 0, 2), _live(3, 4, 1), _message(1, wire.LiveEnd(3))
            ),
        ),
        "agent-live": (targets.agent_session, _control(_message(0, wire.LiveAnswer(3, 1, 0, "", "")), _live(3, 0, 1))),
        "agent-acks": (targets.agent_session, _control(_ack(3)) + _control(_ack(40)) + _control(_ack(90, 2))),
        "agent-file": (
            targets.agent_session,
            b"".join(_control(_message(i, each)) for i, each in enumerate(said)) + _control(_ack(60)),
        ),
        "agent-held": (
            targets.agent_session,
            b"".join(_control(_message(i, each), _ack(20 + i)) for i, each in enumerate(held)),
        ),
        "record": (targets.record, bytes(record)),
        "ack": (targets.acknowledgement, _ack(50)[4:]),
        "hello": (targets.hello, b"\1\1" + bytes(range(200))),
        "token": (targets.token, token.encode()),
        "token-body": (targets.token, token.removeprefix(PREFIX).encode()),
        "simulation": (targets.simulation, SIMULATION),
        "bundle": (targets.bundle, _bundle()),
    }
    messages = (
        offer,
        *said,
        *held,
        wire.FileFinish(1, "x"),
        wire.FileStop(1, 0),
        wire.RelayRoom(9),
        wire.LiveFeed(3, b"{}"),
        wire.LiveEnd(3),
        wire.LiveAnswer(3, 7, 1, "", ""),
        wire.Close("", ""),
    )
    for each in messages:
        found[f"message-{type(each).__name__}"] = (targets.message, wire.encode_message(each))
    return found


def main() -> None:
    """Write them."""
    CORPUS.mkdir(exist_ok=True)
    for name, (target, data) in seeds().items():
        place = targets.TARGETS.index(target)  # type: ignore[arg-type]
        (CORPUS / name).write_bytes(bytes((place,)) + data)


if __name__ == "__main__":
    main()
