from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_core.errors import RemoteProtocolError
from transfer_core.protocol.wire import messages as wire
from transfer_core.protocol.wire.messages import PATH_MAX, RUNS_MAX, TEXT_MAX, decode_message, encode_message, to_runs

U8, U16, U32, U64 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32, 64))
TEXT = st.text(max_size=TEXT_MAX // 4)
PATH = st.binary(max_size=PATH_MAX).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
RUNS = st.lists(st.tuples(U32, U32), max_size=RUNS_MAX).map(tuple)
MESSAGES = st.one_of(
    st.builds(wire.FileOpen, U32, U8, U64, U32, st.integers(-(1 << 63), (1 << 63) - 1), U64, TEXT, PATH),
    st.builds(wire.FileFinish, U32, TEXT),
    st.builds(wire.FileStop, U32, U8),
    *(st.builds(each, U32, RUNS) for each in (wire.FileHave, wire.FileStored, wire.FileAgain)),
    st.builds(wire.FileReady, U32),
    *(st.builds(each, U32, TEXT, TEXT) for each in (wire.FileHeld, wire.FileDone, wire.FileFailed)),
    st.builds(wire.RelayRoom, U64),
    st.builds(wire.PostPart, U32, U32, U32, st.binary(max_size=1200)),
    st.builds(wire.PostTaken, U32),
    st.builds(wire.LiveFeed, U16, st.binary(max_size=1200)),
    st.builds(wire.LiveEnd, U16),
    st.builds(wire.LiveAnswer, U16, U64, U64, TEXT, TEXT),
    st.builds(wire.Close, TEXT, TEXT),
)


@given(message=MESSAGES)
@settings(max_examples=300)
def test_a_message_comes_back_as_it_was_said_and_fits_a_datagram(message: wire.Message) -> None:
    body = encode_message(message)
    assert decode_message(body) == message
    assert len(body) <= 1300


def test_every_kind_of_message_is_tried() -> None:
    tried = {type(wire.decode_message(wire.encode_message(each))) for each in EXAMPLES}
    assert tried == set(wire.Message.__args__)


EXAMPLES: tuple[wire.Message, ...] = (
    wire.FileOpen(1, 2, 3, 4, -5, 6, "id", "a/ü"),
    wire.FileFinish(1, "blake3:00"),
    wire.FileStop(1, 1),
    wire.FileHave(1, ((0, 3), (9, 1))),
    wire.FileReady(1),
    wire.FileHeld(1, "E_DISK_FULL", "full"),
    wire.FileStored(1, ()),
    wire.FileAgain(1, ((7, 1),)),
    wire.FileDone(1, "blake3:00", "a/ü"),
    wire.FileFailed(1, "E_NAME_REFUSED", "no"),
    wire.RelayRoom(1 << 40),
    wire.PostPart(1, 0, 2, b"abc"),
    wire.PostTaken(1),
    wire.LiveFeed(1, b"{}"),
    wire.LiveEnd(1),
    wire.LiveAnswer(1, 7, 2, "", ""),
    wire.Close("", ""),
)


@given(body=st.binary(max_size=200))
@settings(max_examples=500)
def test_any_bytes_are_a_message_or_a_remote_protocol_error(body: bytes) -> None:
    try:
        message = decode_message(body)
    except RemoteProtocolError:
        return
    assert dataclasses.is_dataclass(message)


@given(message=st.sampled_from(EXAMPLES), data=st.data())
@settings(max_examples=500)
def test_a_damaged_message_is_a_message_or_a_remote_protocol_error(message: wire.Message, data: st.DataObject) -> None:
    body = bytearray(encode_message(message))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(U8)
    cut = data.draw(st.integers(0, len(body)))
    try:
        decode_message(bytes(body[:cut]))
    except RemoteProtocolError:
        return


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_every_cut_and_every_byte_too_many_is_noticed(message: wire.Message) -> None:
    body = encode_message(message)
    for end in range(len(body)):
        with pytest.raises(RemoteProtocolError):
            decode_message(body[:end])
    with pytest.raises(RemoteProtocolError, match="too many"):
        decode_message(body + b"\0")


def test_a_count_of_runs_that_are_not_there_reserves_nothing() -> None:
    with pytest.raises(RemoteProtocolError):
        decode_message(bytes([0x11]) + bytes(4) + b"\xff\xff")


def test_a_name_that_is_no_utf_8_comes_back_byte_for_byte_and_a_text_can_always_be_shown() -> None:
    raw = b"lap\xff.bin".decode("utf-8", "surrogateescape")
    opened = decode_message(encode_message(wire.FileOpen(1, 5, 1, 4096, 0, 0, "id", raw)))
    assert isinstance(opened, wire.FileOpen)
    assert opened.path == raw
    failed = decode_message(encode_message(wire.FileFailed(1, "E_QUOTA", f"{raw} does not fit")))
    assert isinstance(failed, wire.FileFailed)
    assert failed.text == "lap\ufffd.bin does not fit"
    failed.text.encode()


@given(chunks=st.sets(st.integers(0, 300)))
def test_runs_name_exactly_the_chunks(chunks: set[int]) -> None:
    runs = to_runs(sorted(chunks))
    assert {chunk for first, count in runs for chunk in range(first, first + count)} == chunks
    assert all(a + n < b for (a, n), (b, _) in itertools.pairwise(runs))
