"""The relay's disk side: names, room, quotas, checkpoints that can't be saved, agents that go."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import blake3
import numpy as np
import pytest

from transfer_core.config import RelayConfig
from transfer_core.errors import (
    DiskFull,
    DrsError,
    FileHashMismatch,
    NameRefused,
    QuotaExceeded,
    StateError,
    WriteFailed,
)
from transfer_core.server.arriving import Arriving, Offer, Stored
from transfer_core.server.intake import Intake, Looked
from transfer_core.sim.manual_clock import ManualClock
from transfer_core.storage.incoming import IncomingFile
from transfer_core.storage.relay_store import RelayStore, Verdict

CHUNK = 65536
MB = 1 << 20
AGENT, OTHER = b"a" * 32, b"b" * 32


class FailingStore(RelayStore):
    """A database whose disk fails as long as it is told to."""

    fails = False

    def save(self, *values: object) -> None:
        if self.fails:
            raise StateError("the database can't be written: disk I/O error")
        super().save(*values)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FailingStore]:
    store = FailingStore(tmp_path / "state", ManualClock())
    for number, agent in enumerate((AGENT, OTHER)):
        secret = bytes([number]) * 16
        store.keep_token(secret, 1 << 40)
        assert store.judge(agent, 1, f"car{number}", secret) is Verdict.ACCEPT
    yield store
    store.close()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    facts = SimpleNamespace(total=1000 * MB, used=0, free=20 * MB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: facts)
    return facts


def make(tmp_path: Path, store: RelayStore, **values: int) -> Intake:
    root = tmp_path / "in"
    root.mkdir(exist_ok=True)
    return Intake(root, store, RelayConfig(**{"keep_free_bytes": 0, **values}))


def offer(file_id: str = "f1", path: str = "lap.bin", size: int = 3 * MB, agent: bytes = AGENT, mark: int = 1) -> Offer:
    return Offer(agent, file_id, path, size, CHUNK, 0, mark)


def data_of(size: int) -> bytes:
    return np.random.default_rng(size).bytes(size)


def opened(intake: Intake, wanted: Offer) -> Arriving:
    arriving = intake.open(wanted)
    assert isinstance(arriving, Arriving)
    return arriving


def write(intake: Intake, arriving: Arriving, first: int, end: int) -> None:
    data = data_of(arriving.offer.size)
    for chunk in range(first, end):
        piece = data[chunk * CHUNK : (chunk + 1) * CHUNK]
        intake.write(arriving, chunk, chunk * CHUNK, memoryview(piece))


def sync(intake: Intake) -> tuple[list[int], list[DrsError]]:
    """What is announced as stored, and what is given up."""
    stored: list[int] = []
    given_up: list[DrsError] = []
    intake.sync(
        lambda _, runs: stored.extend(chunk for first, count in runs for chunk in range(first, first + count)),
        lambda _, error: given_up.append(error),
    )
    return stored, given_up


def finish(intake: Intake, arriving: Arriving, digest: str | None = None) -> Stored | DrsError:
    wanted = digest or "blake3:" + blake3.blake3(data_of(arriving.offer.size)).hexdigest()
    ((_, result),) = intake.finish([(arriving, wanted)])
    return result


def test_chunks_that_came_early_are_hashed_behind_later_ones_and_not_all_at_the_end(
    tmp_path: Path, store: FailingStore
) -> None:
    intake = make(tmp_path, store)
    arriving = opened(intake, offer(size=80 * CHUNK))
    for first, end in ((1, 40), (0, 1), (40, 80)):
        write(intake, arriving, first, end)
    assert arriving.digest.is_complete
    assert isinstance(finish(intake, arriving), Stored)


def test_what_is_left_to_hash_is_read_a_bounded_piece_at_a_time(tmp_path: Path, store: FailingStore) -> None:
    intake = make(tmp_path, store)
    arriving = opened(intake, offer(size=150 * CHUNK))
    for first, end in ((1, 150), (0, 1)):
        write(intake, arriving, first, end)
    assert [arriving.hash_on() for _ in range(3)] == [False, False, True]
    assert isinstance(finish(intake, arriving), Stored)


def test_a_part_that_can_not_be_read_while_chunks_come_is_said_at_the_end(
    tmp_path: Path, store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bytearray:
        raise WriteFailed("the disk does not give it")

    intake = make(tmp_path, store)
    arriving = opened(intake, offer(size=9 * CHUNK))
    monkeypatch.setattr(IncomingFile, "read", refuse)
    for first, end in ((1, 5), (0, 1), (5, 9)):
        write(intake, arriving, first, end)
    result = finish(intake, arriving)
    assert isinstance(result, WriteFailed)


def test_two_files_that_would_each_fit_do_not_get_the_same_room(
    tmp_path: Path, store: FailingStore, disk: SimpleNamespace
) -> None:
    intake = make(tmp_path, store)
    first = opened(intake, offer("f1", "a.bin", 12 * MB))
    with pytest.raises(DiskFull, match=r"b\.bin needs 12\.6 MB, there are 8\.4 MB free"):
        intake.open(offer("f2", "b.bin", 12 * MB, OTHER))
    opened(intake, offer("f3", "c.bin", 8 * MB, OTHER))
    intake.discard(AGENT, "f1")
    assert not first.file.part.exists()
    opened(intake, offer("f2", "b.bin", 12 * MB, OTHER))


def test_a_file_that_goes_on_needs_only_the_room_of_what_is_missing(
    tmp_path: Path, store: FailingStore, disk: SimpleNamespace
) -> None:
    intake = make(tmp_path, store)
    arriving = opened(intake, offer(size=16 * MB))
    write(intake, arriving, 0, 128)
    assert len(sync(intake)[0]) == 128
    intake.close()
    disk.free = 9 * MB
    again = opened(make(tmp_path, store), offer(size=16 * MB))
    assert int(again.written.sum()) == 128


def test_a_name_that_is_refused_keeps_no_room(tmp_path: Path, store: FailingStore, disk: SimpleNamespace) -> None:
    intake = make(tmp_path, store)
    with pytest.raises(NameRefused):
        intake.open(offer("f1", "../evil", 19 * MB))
    opened(intake, offer("f2", "b.bin", 19 * MB))


def test_an_agent_that_goes_gives_its_room_to_others_and_goes_on_from_what_was_stored(
    tmp_path: Path, store: FailingStore, disk: SimpleNamespace
) -> None:
    intake = make(tmp_path, store)
    arriving = opened(intake, offer(size=16 * MB))
    write(intake, arriving, 0, 10)
    sync(intake)
    left = intake.opened(AGENT)
    intake.leave(left)
    opened(intake, offer("f2", "b.bin", 16 * MB, OTHER))
    intake.discard(OTHER, "f2")
    assert int(opened(intake, offer(size=16 * MB)).written.sum()) == 10


def test_an_agent_that_is_back_already_keeps_its_file(tmp_path: Path, store: FailingStore) -> None:
    intake = make(tmp_path, store)
    arriving = opened(intake, offer())
    left = intake.opened(AGENT)
    assert opened(intake, offer()) is arriving
    intake.leave(left)
    write(intake, arriving, 0, 48)
    assert isinstance(finish(intake, arriving), Stored)


def test_the_quota_counts_what_is_there_and_what_is_on_its_way(tmp_path: Path, store: FailingStore) -> None:
    intake = make(tmp_path, store, quota_bytes_per_agent=5 * MB)
    opened(intake, offer("f1", "a.bin", 3 * MB))
    with pytest.raises(QuotaExceeded, match=r"b\.bin needs 3\.1 MB, the agent's quota has 2\.1 MB left"):
        intake.open(offer("f2", "b.bin", 3 * MB))
    opened(intake, offer("f2", "b.bin", 3 * MB, OTHER))
    opened(intake, offer("f1", "a.bin", 4 * MB, mark=2))  # the changed file takes its own place


def test_nothing_is_called_stored_before_its_checkpoint_is_saved(tmp_path: Path, store: FailingStore) -> None:
    intake = make(tmp_path, store)
    arriving = opened(intake, offer())
    write(intake, arriving, 0, 5)
    store.fails = True
    announced: list[object] = []
    with pytest.raises(StateError):
        intake.sync(lambda *_: announced.append(_), lambda *_: announced.append(_))
    assert not announced
    write(intake, arriving, 5, 7)
    store.fails = False
    assert sync(intake) == (list(range(7)), [])
    assert arriving.number is not None
    assert store.have(arriving.number, 48).nonzero()[0].tolist() == list(range(7))


def test_a_file_that_can_not_be_synced_is_given_up_and_goes_on_from_its_checkpoint_once_it_is_closed(
    tmp_path: Path, store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake, failure = make(tmp_path, store), WriteFailed("the disk does not take it")

    def refuse(_: IncomingFile) -> None:
        raise failure

    arriving = opened(intake, offer())
    write(intake, arriving, 0, 5)
    sync(intake)
    write(intake, arriving, 5, 7)
    with monkeypatch.context() as patched:
        patched.setattr(IncomingFile, "sync", refuse)
        assert sync(intake) == ([], [failure])
    write(intake, arriving, 7, 8)  # the write thread does not know of it yet
    arriving.close(delete=False)
    again = opened(intake, offer())
    assert int(again.written.sum()) == 5
    write(intake, again, 5, 48)
    assert isinstance(finish(intake, again), Stored)


def test_a_file_that_can_not_be_recorded_is_not_called_done_and_arrives_once_when_it_is_sent_again(
    tmp_path: Path, store: FailingStore
) -> None:
    intake = make(tmp_path, store)
    arriving = opened(intake, offer())
    write(intake, arriving, 0, 48)
    store.fails = True
    assert isinstance(finish(intake, arriving), StateError)
    store.fails = False
    again = opened(intake, offer())
    assert not again.written.any()
    write(intake, again, 0, 48)
    stored = finish(intake, again)
    assert isinstance(stored, Stored)
    found = [path for path in intake.root.rglob("*") if path.is_file()]
    assert found == [intake.root / stored.stored_as]
    assert found[0].read_bytes() == data_of(3 * MB)


def test_what_is_not_what_was_sent_is_thrown_away_and_begins_anew(tmp_path: Path, store: FailingStore) -> None:
    intake = make(tmp_path, store)
    arriving = opened(intake, offer())
    write(intake, arriving, 0, 48)
    assert isinstance(finish(intake, arriving, "blake3:00"), FileHashMismatch)
    assert not [path for path in intake.root.rglob("*") if path.is_file()]
    assert not opened(intake, offer()).written.any()


@pytest.mark.parametrize(
    "name",
    ["laptime 🏎.csv", "x" * 255, "two\nlines", "dot.", "NUL", "aux.txt", "lap\udcff.bin", "tele.part", "a" * 300],
)
def test_any_name_arrives_and_can_be_listed(tmp_path: Path, store: FailingStore, name: str) -> None:
    for size in (0, 1, 3 * MB):
        intake = make(tmp_path, store)
        arriving = opened(intake, offer(f"f{size}", f"{size}/{name}", size))
        write(intake, arriving, 0, -(-size // CHUNK))
        stored = finish(intake, arriving)
        assert isinstance(stored, Stored), stored
        assert (intake.root / stored.stored_as).read_bytes() == data_of(size)
        intake.close()
    for _, record, _ in store.received():
        assert record.status == "completed"
        record.wire_path.encode()


def test_two_files_of_one_name_are_both_kept(tmp_path: Path, store: FailingStore) -> None:
    intake = make(tmp_path, store)
    both = [opened(intake, offer(f"f{i}", "lap.bin", 2 * MB + i, mark=i)) for i in range(2)]
    for arriving in both:
        write(intake, arriving, 0, -(-arriving.offer.size // CHUNK))
    names = {finish(intake, arriving).stored_as for arriving in both}  # type: ignore[union-attr]
    assert names == {"car0/lap.bin", "car0/lap (2).bin"}


def test_a_part_file_that_somebody_deleted_begins_anew_whatever_the_checkpoint_says(
    tmp_path: Path, store: FailingStore
) -> None:
    intake = make(tmp_path, store)
    arriving = opened(intake, offer())
    write(intake, arriving, 0, 20)
    assert sync(intake) == (list(range(20)), [])
    intake.leave(intake.opened(AGENT, "f1"))
    arriving.file.part.unlink()
    again = opened(make(tmp_path, store), offer())
    assert not again.written.any()
    assert not again.durable.any()
    write(intake, again, 0, 48)
    result = finish(intake, again)
    assert isinstance(result, Stored)
    assert (tmp_path / "in" / result.stored_as).read_bytes() == data_of(3 * MB)


@pytest.mark.parametrize("left", [None, b"another length"])
def test_a_file_that_was_taken_in_and_is_there_no_more_is_taken_in_again(
    tmp_path: Path, store: FailingStore, left: bytes | None
) -> None:
    intake = make(tmp_path, store)
    arriving = opened(intake, offer())
    write(intake, arriving, 0, 48)
    stored = finish(intake, arriving)
    assert isinstance(stored, Stored)
    assert intake.open(offer()) == stored  # it is not sent twice while it is there
    place = tmp_path / "in" / stored.stored_as
    place.unlink()
    if left is not None:
        place.write_bytes(left)
    again = opened(make(tmp_path, store), offer())
    assert not again.written.any()
    write(intake, again, 0, 48)
    stored = finish(intake, again)
    assert isinstance(stored, Stored)
    assert (tmp_path / "in" / stored.stored_as).read_bytes() == data_of(3 * MB)
    assert left is None or place.read_bytes() == left  # what is somebody else's by now stays


def whole(intake: Intake, content: bytes, file_id: str, path: str, looked: Looked | None = None) -> Arriving | Stored:
    wanted = offer(file_id, path, len(content))
    return intake.open_whole(wanted, memoryview(content), looked or intake.look_up(AGENT, [file_id]))


def test_files_that_came_whole_share_the_room_that_there_is(
    tmp_path: Path, store: FailingStore, disk: SimpleNamespace
) -> None:
    disk.free = 100_000
    intake = make(tmp_path, store)
    looked = intake.look_up(AGENT, ["f1", "f2"])
    first = whole(intake, data_of(60_000), "f1", "a.jpg", looked)
    with pytest.raises(DiskFull):
        whole(intake, data_of(60_000), "f2", "b.jpg", looked)
    assert isinstance(first, Arriving)
    assert isinstance(finish(intake, first), Stored)
    assert [each.name for each in (intake.root / "car0").iterdir()] == ["a.jpg"]
    assert isinstance(whole(intake, data_of(60_000), "f2", "b.jpg"), Arriving)


def test_a_file_that_came_whole_takes_the_place_of_what_a_killed_relay_left(
    tmp_path: Path, store: FailingStore
) -> None:
    intake = make(tmp_path, store)
    (intake.root / "car0").mkdir()
    (intake.root / "car0" / "a.jpg.part").write_bytes(b"half of an older one, which was longer" * 1000)
    taken = whole(intake, data_of(5000), "f1", "a.jpg")
    assert isinstance(taken, Arriving)
    assert finish(intake, taken) == Stored(blake3_of(data_of(5000)), "car0/a.jpg")
    assert (intake.root / "car0" / "a.jpg").read_bytes() == data_of(5000)


def test_two_files_of_one_name_that_came_whole_are_both_kept(tmp_path: Path, store: FailingStore) -> None:
    intake = make(tmp_path, store)
    looked = intake.look_up(AGENT, ["f1", "f2"])
    taken = [whole(intake, data_of(size), f"f{size}", "camera/a.jpg", looked) for size in (1000, 2000)]
    results = [finish(intake, each) for each in taken if isinstance(each, Arriving)]
    assert [each.stored_as for each in results if isinstance(each, Stored)] == [
        "car0/camera/a.jpg",
        "car0/camera/a (2).jpg",
    ]
    assert (intake.root / "car0/camera/a.jpg").read_bytes() == data_of(1000)
    assert (intake.root / "car0/camera/a (2).jpg").read_bytes() == data_of(2000)


def test_a_file_that_came_whole_and_is_not_what_was_sent_is_thrown_away(tmp_path: Path, store: FailingStore) -> None:
    intake = make(tmp_path, store)
    taken = whole(intake, b"not it", "f1", "a.jpg")
    assert isinstance(taken, Arriving)
    assert isinstance(finish(intake, taken), FileHashMismatch)
    assert list((intake.root / "car0").iterdir()) == []


def blake3_of(content: bytes) -> str:
    return f"blake3:{blake3.blake3(content).hexdigest()}"


def test_a_part_that_a_later_file_of_that_name_has_taken_is_not_its_to_drop(
    tmp_path: Path, store: FailingStore
) -> None:
    intake = make(tmp_path, store)
    write(intake, opened(intake, offer("f1")), 0, 20)
    sync(intake)
    intake.leave(intake.opened(AGENT, "f1"))
    later = opened(intake, offer("f2", mark=2))
    write(intake, later, 0, 48)
    intake.discard(AGENT, "f1")  # long removed, and told of only now
    result = finish(intake, later)
    assert isinstance(result, Stored)
    assert (tmp_path / "in" / result.stored_as).read_bytes() == data_of(3 * MB)


def test_a_file_whose_part_a_later_one_of_that_name_has_taken_begins_anew_beside_it(
    tmp_path: Path, store: FailingStore
) -> None:
    intake = make(tmp_path, store)
    write(intake, opened(intake, offer("f1")), 0, 20)
    sync(intake)
    intake.leave(intake.opened(AGENT, "f1"))
    later = opened(intake, offer("f2", mark=2))
    again = opened(intake, offer("f1"))
    assert not again.written.any()
    for arriving in (later, again):
        write(intake, arriving, 0, 48)
        assert isinstance(finish(intake, arriving), Stored)
