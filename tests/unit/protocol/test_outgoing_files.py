"""The life of files at the side that sends them: what is said to the relay, what the owner is asked."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from transfer_core.errors import NameRefused
from transfer_core.protocol.chunk_assembly import ChunkAssembly
from transfer_core.protocol.control_frames import MessageFrame, frames_of
from transfer_core.protocol.incoming_file import IncomingFile
from transfer_core.protocol.ordered_messages import Outbox
from transfer_core.protocol.outgoing_file import FileState
from transfer_core.protocol.outgoing_files import OutgoingFiles
from transfer_core.protocol.path import Path
from transfer_core.protocol.recovery.path_receiver import PathReceiver
from transfer_core.protocol.recovery.path_sender import PathSender
from transfer_core.protocol.sender_events import (
    ChunksWanted,
    DigestWanted,
    FileAccepted,
    FileArrived,
    FileProgress,
    FileRejected,
    FileWaits,
    SenderEvent,
)
from transfer_core.protocol.wire.chunk_record import new_record, seal_record
from transfer_core.protocol.wire.messages import (
    EARLY_CHUNKS,
    PATH_MAX,
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
    Message,
    decode_message,
)

CHUNK = 4096


class Stage:
    """Files with one path of 1,372 bytes a datagram, and what they say to both sides."""

    def __init__(self, window_chunks: int = 64) -> None:
        path = Path(3, ("10.0.0.1", 9000), PathSender(0), PathReceiver(), overhead_bytes=28, datagram_bytes=1372)
        self.path = path
        self.outbox = Outbox()
        self.events: deque[SenderEvent] = deque()
        self.files = OutgoingFiles(window_chunks, {3: path}, self.outbox, self.events)

    def open(self, name: str, chunks: int, *, resumed: bool = False, chunk_bytes: int = CHUNK) -> int:
        return self.files.open_file(
            file_id=name,
            path=name,
            size=chunks * chunk_bytes,
            chunk_bytes=chunk_bytes,
            mtime_ns=0,
            fingerprint=1,
            priority=5,
            position=0.0,
            resumed=resumed,
        )

    def told(self) -> list[SenderEvent]:
        found = list(self.events)
        self.events.clear()
        return found

    def wanted(self) -> list[tuple[int, int]]:
        asked = [event for event in self.told() if isinstance(event, ChunksWanted)]
        return [(each.file, chunk) for each in asked for chunk in range(each.first, each.first + each.count)]

    def said(self) -> list[Message]:
        frames, _ = self.outbox.take(1 << 20)
        found = frames_of(memoryview(b"".join(frames)))
        return [decode_message(frame.body) for frame in found if isinstance(frame, MessageFrame)]

    def provide(self, wanted: list[tuple[int, int]], chunk_bytes: int = CHUNK) -> None:
        for number, chunk in wanted:
            name = self.files.files[number].file_id
            record, place = new_record(name, chunk_bytes)
            place[:] = bytes(chunk_bytes)
            seal_record(record, name, chunk, chunk * chunk_bytes, chunk_bytes)
            self.files.provide_chunks(number, chunk, [record])

    def send_all(self) -> np.ndarray:
        """Tags of all that waits, which counts as sent."""
        picked = self.files.queue.take(0, (), 1 << 16, 1 << 16, may_cut=True)
        return np.concatenate([slot.tags(slices) for slot, slices in picked])


def test_a_file_goes_from_its_offer_to_the_relay_s_last_word() -> None:
    stage = Stage()
    number = stage.open("a", 2)
    assert stage.said() == [FileOpen(number, 5, 2 * CHUNK, CHUNK, 0, 1, "a", "a")]
    wanted = stage.wanted()
    assert wanted == [(number, 0), (number, 1)]
    stage.provide(wanted)
    assert stage.told() == [DigestWanted(number)]
    stage.files.provide_digest(number, "blake3:00")
    assert stage.said() == [FileFinish(number, "blake3:00")]
    stage.files.on_answer(FileReady(number))
    assert stage.told() == [FileAccepted(number, 0)]
    tags = stage.send_all()
    assert stage.files.on_acked(stage.path, tags) > CHUNK // 4
    assert stage.files.on_acked(stage.path, tags) == 0  # these had arrived
    file = stage.files.files[number]
    assert file.arrived_bytes == 2 * CHUNK
    assert file.chunk_paths.tolist() == [3, 3]
    stage.files.on_answer(FileStored(number, ((0, 2),)))
    assert file.stored.all()
    stage.files.on_answer(FileDone(number, "blake3:00", "a (1)"))
    assert stage.told() == [FileProgress(number), FileArrived(number, "blake3:00", "a (1)", file.path_bytes, 0)]
    assert stage.files.files == {}
    assert stage.files.held_bytes == 0


@pytest.mark.parametrize("tail_bytes", [1, 900, 1000, 2000, 4095])
def test_the_end_of_a_file_leaves_in_one_burst_with_the_beginning_of_the_next(tail_bytes: int) -> None:
    stage = Stage(window_chunks=512)
    content = np.random.default_rng(tail_bytes).bytes(20 * CHUNK + tail_bytes)
    for name in ("a", "b"):
        number = stage.files.open_file(
            file_id=name, path=name, size=len(content), chunk_bytes=CHUNK, mtime_ns=0, fingerprint=1, priority=5,
            position=0.0, resumed=False,
        )  # fmt: skip
        for chunk, at in enumerate(range(0, len(content), CHUNK)):
            part = content[at : at + CHUNK]
            record, place = new_record(name, len(part))
            place[:] = part
            seal_record(record, name, chunk, at, len(part))
            stage.files.provide_chunks(number, chunk, [record])
    picked = stage.files.queue.take(0, (), 1372, 1 << 16, may_cut=True)
    assert [(slot.file, slot.chunk) for slot, _ in picked] == [(file, chunk) for file in (1, 2) for chunk in range(21)]
    there = IncomingFile(2, "b", "b", len(content), CHUNK, 21, 0, 1, 5)
    slot, last = picked[-1][0], slice(0, picked[-1][0].slices)
    assembly = ChunkAssembly(1 << 20)
    partial = assembly.partial(there, 20, slot.slice_bytes)
    assert partial is not None
    partial.put(last, slot.rows[last])
    whole = assembly.finish(there, 20, partial)
    assert partial.left == 0
    assert whole is not None
    assert bytes(whole.data) == content[20 * CHUNK :]


def test_the_end_of_a_short_file_is_not_made_much_longer_than_it_is() -> None:
    stage = Stage()
    number = stage.files.open_file(
        file_id="a", path="a", size=CHUNK + 1, chunk_bytes=CHUNK, mtime_ns=0, fingerprint=1, priority=5, position=0.0,
        resumed=False,
    )  # fmt: skip
    for chunk, size in enumerate((CHUNK, 1)):
        record, _ = new_record("a", size)
        seal_record(record, "a", chunk, chunk * CHUNK, size)
        stage.files.provide_chunks(number, chunk, [record])
    first, last = (stage.files.queue.take(0, (), 1372, 64, may_cut=True)[0][0] for _ in range(2))
    assert (first.chunk, last.chunk) == (0, 1)
    assert last.slice_bytes < 64


def test_before_the_relay_has_answered_only_the_first_chunks_are_asked_for() -> None:
    stage = Stage()
    number = stage.open("a", 1000)
    assert stage.wanted() == [(number, chunk) for chunk in range(EARLY_CHUNKS)]
    resumed = stage.open("b", 1000, resumed=True)
    assert stage.wanted() == []
    stage.files.on_answer(FileHave(resumed, ((0, 997),)))
    stage.files.on_answer(FileReady(resumed))
    assert stage.wanted() == [(resumed, 997), (resumed, 998), (resumed, 999)]
    assert stage.files.files[resumed].arrived_bytes == 997 * CHUNK


def test_what_is_lost_goes_again_and_counts_as_sent_again() -> None:
    stage = Stage()
    number = stage.open("a", 1)
    stage.provide(stage.wanted())
    tags = stage.send_all()
    assert stage.files.queue.is_empty
    slice_bytes = stage.files.on_lost(tags[:2])
    assert not stage.files.queue.is_empty
    assert stage.send_all().tolist() == tags[:2].tolist()
    assert stage.files.files[number].resent_bytes == 2 * slice_bytes
    stage.files.on_acked(stage.path, tags)
    assert stage.files.on_lost(tags[:2]) == 0  # they are there after all


def test_a_chunk_that_is_wanted_again_is_read_again_once_its_slices_are_acknowledged() -> None:
    stage = Stage()
    number = stage.open("a", 1)
    stage.provide(stage.wanted())
    tags = stage.send_all()
    stage.told()
    stage.files.on_acked(stage.path, tags[:-1])
    stage.files.on_answer(FileAgain(number, ((0, 1),)))
    assert stage.wanted() == []
    stage.files.on_acked(stage.path, tags[-1:])
    assert stage.wanted() == [(number, 0)]
    assert stage.files.files[number].arrived_bytes == 0


def test_files_that_were_read_before_they_were_offered_are_asked_for_however_much_is_ready() -> None:
    stage = Stage()
    busy = stage.open("busy", 1000, chunk_bytes=65536)
    while wanted := stage.wanted():
        stage.provide(wanted, 65536)
    unread = stage.open("a", 1)
    assert stage.wanted() == []
    read = stage.files.open_file(
        file_id="b",
        path="b",
        size=CHUNK,
        chunk_bytes=CHUNK,
        mtime_ns=0,
        fingerprint=1,
        priority=5,
        position=0.0,
        resumed=False,
        is_read=True,
    )
    assert stage.wanted() == [(read, 0)]
    assert stage.files.files[busy].unread > 0
    assert stage.files.files[unread].unread == 1


def test_a_file_that_is_held_sends_nothing_and_goes_on_with_what_was_read() -> None:
    stage = Stage()
    number = stage.open("a", 2)
    stage.provide(stage.wanted())
    stage.told()
    stage.files.on_answer(FileHeld(number, "E_DISK_FULL", "full"))
    assert stage.told() == [FileWaits(number, "E_DISK_FULL", "full")]
    assert stage.files.files[number].state is FileState.HELD
    assert stage.files.queue.is_empty
    stage.files.on_answer(FileReady(number))
    assert stage.told() == [FileAccepted(number, 0)]
    assert not stage.files.queue.is_empty


def test_of_a_file_of_which_a_chunk_can_not_be_read_nothing_more_is_asked_for_or_sent() -> None:
    stage = Stage()
    bad = stage.open("bad", 3)
    stage.wanted()
    stage.files.provide_chunks(bad, 0, [None])
    stage.provide([(bad, 1), (bad, 2)])
    stage.files.ask_for_chunks()
    assert stage.told() == []
    assert stage.files.queue.is_empty
    good = stage.open("good", 1)
    assert stage.wanted() == [(good, 0)]


def test_a_wider_window_lets_more_be_read_at_once() -> None:
    stage = Stage(window_chunks=2)
    number = stage.open("a", 10, chunk_bytes=1 << 20)
    wanted = stage.wanted()
    assert wanted == [(number, 0)]  # there is always room for one
    stage.provide(wanted, 1 << 20)
    stage.send_all()
    stage.files.on_window(2)
    assert stage.wanted() == []
    stage.files.on_window(32)
    assert stage.wanted() == [(number, 1)]


@pytest.mark.parametrize("answer", [FileReady(9), FileDone(9, "d", "s"), FileStored(9, ((0, 1),)), FileHeld(9, "", "")])
def test_the_relay_s_word_on_a_file_that_is_gone_means_nothing(answer: FileReady) -> None:
    stage = Stage()
    number = stage.open("a", 1)
    stage.told()
    stage.files.on_answer(answer)
    assert stage.told() == []
    assert list(stage.files.files) == [number]


def test_a_file_that_is_refused_or_stopped_frees_its_memory_and_another_goes_on() -> None:
    stage = Stage()
    refused, stopped, last = (stage.open(name, 3) for name in "abc")
    stage.provide([each for each in stage.wanted() if each[0] != last])
    stage.told()
    stage.files.on_answer(FileFailed(refused, "E_NAME", "no"))
    assert FileRejected(refused, "E_NAME", "no") in stage.told()
    stage.said()
    stage.files.stop_file(stopped, discard=True)
    assert stage.said() == [FileStop(stopped, 1)]
    assert list(stage.files.files) == [last]
    assert stage.files.held_bytes == 3 * CHUNK  # what is being read of the last


def test_a_part_that_is_to_be_dropped_is_offered_and_stopped_in_the_same_breath() -> None:
    stage = Stage()
    stop = stage.files.drop_part("a", "a", 10, CHUNK)
    assert stage.said() == [FileOpen(1, 10, 10, CHUNK, 0, 0, "a", "a"), FileStop(1, 1)]
    assert not stage.outbox.is_delivered(stop)
    with pytest.raises(NameRefused):
        stage.files.drop_part("a", "a" * (PATH_MAX + 1), 10, CHUNK)
    assert stage.said() == []
