"""The example in docs/protocol.md, put together again by the code that it describes."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest

from transfer_core.protocol.live_frame import Entry, LiveFrame, decode_frame, encode_frame
from transfer_core.protocol.recovery.ack import Ack, encode_ack
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.wire.chunk_record import new_record, open_record, record_bytes, seal_record
from transfer_core.protocol.wire.datagram import DATA_HEAD, DATA_HEAD_BYTES, OUTER, OUTER_BYTES, Kind
from transfer_core.protocol.wire.messages import (
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
    encode_message,
)

DOC = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")
EXAMPLE = {name: bytes.fromhex(text) for name, text in re.findall(r"^(\w+) +([0-9a-f]{20,})$", DOC, re.MULTILINE)}
SECRET = bytes([7]) * 32


def test_the_example_s_record_holds_its_five_bytes() -> None:
    record, place = new_record("a", 5)
    place[:] = b"hello"
    seal_record(record, "a", 0, 0, 5)
    assert bytes(record[: record_bytes("a", 5)]) == EXAMPLE["record"]
    head, data = open_record(memoryview(EXAMPLE["record"]))
    assert (head.file_id, head.chunk, head.offset, bytes(data)) == ("a", 0, 0, b"hello")


def test_the_example_s_datagram_opens_to_its_plain_text() -> None:
    datagram = EXAMPLE["datagram"]
    outer = np.frombuffer(datagram[:OUTER_BYTES], OUTER)[0]
    assert (outer["kind"], outer["path"], outer["session"]) == (Kind.DATA, 2, 0x01020304)
    nonce = struct.pack(">IQ", 2, 5)
    plain = PathKeys(SECRET).aead(2, 5).decrypt(nonce, datagram[OUTER_BYTES:], datagram[:OUTER_BYTES])
    assert plain == EXAMPLE["plain"]


def test_the_example_s_plain_text_is_a_head_and_the_record() -> None:
    plain = EXAMPLE["plain"]
    head = np.frombuffer(plain[:DATA_HEAD_BYTES], DATA_HEAD)[0]
    assert head.tolist() == (1, 1_000_000, 1, 0, 0, 1)
    assert plain[DATA_HEAD_BYTES:] == EXAMPLE["record"]


def test_the_example_s_acknowledgement_and_message_are_what_the_code_writes() -> None:
    received = np.array([1, 1, 1, 0, 1, 1], np.bool_)
    assert encode_ack(Ack(5, 1000, 20, 5, -7, 0, received, 512), 200) == EXAMPLE["ack"]
    assert encode_message(FileStored(1, ((0, 3), (7, 1)))) == EXAMPLE["file_stored"]


def test_the_example_s_live_frame_is_what_the_code_writes() -> None:
    frame = LiveFrame(3, 17, 2, (Entry(0, 1, ("10.0.0.7", 5001), 1000, b"hello"),))
    assert encode_frame(frame) == EXAMPLE["live"]
    assert decode_frame(memoryview(EXAMPLE["live"])) == frame


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("FILE_OPEN", FileOpen(1, 5, 3, 65536, 0, 0, "a", "p")),
        ("FILE_FINISH", FileFinish(1, "blake3:00")),
        ("FILE_STOP", FileStop(1, 0)),
        ("FILE_HAVE", FileHave(1, ())),
        ("FILE_READY", FileReady(1)),
        ("FILE_HELD", FileHeld(1, "E", "t")),
        ("FILE_STORED", FileStored(1, ())),
        ("FILE_AGAIN", FileAgain(1, ())),
        ("FILE_DONE", FileDone(1, "d", "s")),
        ("FILE_FAILED", FileFailed(1, "E", "t")),
        ("RELAY_ROOM", RelayRoom(1)),
        ("POST_PART", PostPart(1, 0, 1, b"")),
        ("POST_TAKEN", PostTaken(1)),
        ("LIVE_FEED", LiveFeed(1, b"{}")),
        ("LIVE_END", LiveEnd(1)),
        ("LIVE_ANSWER", LiveAnswer(1, 2, 3, "", "")),
        ("CLOSE", Close("", "")),
    ],
)
def test_the_document_names_each_message_s_kind(name: str, message: Message) -> None:
    assert f"| 0x{encode_message(message)[0]:02X} | {name} |" in DOC
