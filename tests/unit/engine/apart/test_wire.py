from __future__ import annotations

import io
import threading

import pytest

from transfer_core.engine.apart.wire import Call, Frame, FrameWriter, Kind, error_of, failure_of, pack, read_frame
from transfer_core.errors import (
    ConflictError,
    DrsError,
    EngineGone,
    SourceError,
    StateLocked,
    all_error_classes,
    error_from_code,
)
from transfer_core.sync.content import ChunkMissing
from transfer_core.sync.scanner import FolderGone


def test_frames_come_as_they_were_written() -> None:
    stream = io.BytesIO()
    writer = FrameWriter(stream)
    writer.write(Kind.CALL, 7, pack(Call("move", (["a", "b"], None), {"x": 1})))
    writer.write(Kind.RESULT, 1 << 40, b"")
    stream.seek(0)
    first = read_frame(stream)
    assert first is not None
    assert (first.kind, first.number) == (Kind.CALL, 7)
    assert first.open() == Call("move", (["a", "b"], None), {"x": 1})
    assert read_frame(stream) == Frame(Kind.RESULT, 1 << 40, b"")
    assert read_frame(stream) is None


def test_a_frame_that_is_cut_off_is_the_end() -> None:
    stream = io.BytesIO()
    FrameWriter(stream).write(Kind.RESULT, 1, pack("whole"))
    whole = stream.getvalue()
    for length in range(len(whole)):
        assert read_frame(io.BytesIO(whole[:length])) is None


def test_frames_of_many_threads_do_not_mix() -> None:
    stream = io.BytesIO()
    writer = FrameWriter(stream)
    bodies = {number: pack("x" * number * 97) for number in range(40)}
    threads = [threading.Thread(target=writer.write, args=(Kind.RESULT, *item)) for item in bodies.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stream.seek(0)
    found = {}
    while (frame := read_frame(stream)) is not None:
        found[frame.number] = frame.body
    assert found == bodies


def test_writing_to_who_has_gone_says_so() -> None:
    stream = io.BytesIO()
    stream.close()
    with pytest.raises(EngineGone):
        FrameWriter(stream).write(Kind.CALL, 1, b"")


def test_what_cannot_cross_is_an_error_of_the_tree() -> None:
    with pytest.raises(DrsError, match="process to process"):
        pack(threading.Lock())


@pytest.mark.parametrize("kind", all_error_classes().values(), ids=lambda kind: kind.__name__)
def test_every_error_crosses_with_code_words_and_hint(kind: type[DrsError]) -> None:
    if kind is ChunkMissing:
        pytest.skip("it takes a chunk, and says it as a SourceError")
    error = error_of(failure_of(kind("it broke", hint="mend it")))
    assert (error.code, error.message, error.hint) == (kind.code, "it broke", "mend it")


def test_an_error_that_the_window_does_not_know_is_of_the_nearest_class_above() -> None:
    error = error_of(failure_of(FolderGone("no such disk")))
    assert isinstance(error, ConflictError)
    assert error.code == "E_SYNC_FOLDER_GONE"
    missing = error_of(failure_of(ChunkMissing(b"\x01")))
    assert type(missing) is SourceError
    assert "01" in missing.message


def test_a_code_stands_for_the_class_that_brought_it() -> None:
    assert type(error_from_code("E_SOURCE", "gone")) is SourceError
    assert type(error_from_code("E_STATE_LOCKED", "held")) is StateLocked


def test_what_is_not_of_the_tree_becomes_an_error_with_its_words() -> None:
    error = error_of(failure_of(ZeroDivisionError("by zero")))
    assert type(error) is DrsError
    assert error.message == "ZeroDivisionError: by zero"
