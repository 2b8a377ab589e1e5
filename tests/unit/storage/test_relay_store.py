from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from transfer_core.sim.manual_clock import ManualClock
from transfer_core.storage import arrivals
from transfer_core.storage.relay_store import PAGE_CHUNKS, Checkpoint, Completed, RelayStore, Verdict
from transfer_core.units import NS_PER_S

KEY, OTHER = b"k" * 32, b"o" * 32
SECRET = b"s" * 16


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall_ns=1000 * NS_PER_S)


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[RelayStore]:
    made = RelayStore(tmp_path, clock)
    yield made
    made.close()


def record(file_id: str = "f1", *, agent: bytes = KEY, size: int = 10**6, stored_as: str = "") -> Completed:
    digest = "blake3:1f" if stored_as else ""
    return Completed(agent, file_id, "day/lap.bin", size, 65_536, 2**64 - 1, stored_as, digest)


def pair(store: RelayStore, key: bytes = KEY, name: str = "Car 7", secret: bytes = SECRET) -> None:
    store.keep_token(secret, 2000)
    assert store.judge(key, 1, name, secret) is Verdict.ACCEPT


def bits(chunks: int, *done: int) -> np.ndarray:
    made = np.zeros(chunks, np.bool_)
    made[list(done)] = True
    return made


def test_a_stranger_meets_silence(store: RelayStore) -> None:
    assert store.judge(KEY, 1, "x", None) is Verdict.SILENCE
    assert store.judge(KEY, 1, "x", b"never issued 123") is Verdict.SILENCE
    assert store.agents() == []


def test_a_token_pairs_one_agent_once(store: RelayStore) -> None:
    pair(store)
    assert store.judge(OTHER, 1, "thief", SECRET) is Verdict.USED
    assert [(agent.name, agent.folder) for agent in store.agents()] == [("Car 7", "Car-7")]
    assert store.judge(KEY, 2, "Car 7", SECRET) is Verdict.ACCEPT  # its answer may have been lost


def test_a_token_ends_at_its_time(store: RelayStore, clock: ManualClock) -> None:
    store.keep_token(SECRET, 1010)
    clock.advance(11 * NS_PER_S)
    assert store.judge(KEY, 1, "x", SECRET) is Verdict.EXPIRED
    assert store.agents() == []


def test_an_old_hello_is_not_heard_twice(store: RelayStore) -> None:
    pair(store)
    assert [store.judge(KEY, counter, "Car 7", None) for counter in (1, 5, 5, 4, 6)] == [
        Verdict.SILENCE,
        Verdict.ACCEPT,
        Verdict.SILENCE,
        Verdict.SILENCE,
        Verdict.ACCEPT,
    ]


def test_a_revoked_agent_is_told_so_and_a_new_token_takes_it_back(store: RelayStore) -> None:
    pair(store)
    assert store.revoke("Car 7") == 1
    assert store.judge(KEY, 9, "Car 7", None) is Verdict.REVOKED
    store.keep_token(b"t" * 16, 2000)
    assert store.judge(KEY, 10, "Car 7", b"t" * 16) is Verdict.ACCEPT
    assert store.folder_of(KEY) == "Car-7"


def test_agents_of_one_name_get_folders_that_stay_two_on_every_system(store: RelayStore) -> None:
    for number, name in enumerate(["Car 7", "car 7", "CAR/7", "", "../..", "CON"]):
        pair(store, bytes([number]) * 32, name, bytes([number]) * 16)
    folders = [store.folder_of(bytes([number]) * 32) for number in range(6)]
    assert folders == ["Car-7", "car-7-2", "CAR-7-3", "agent", "agent-2", "%43ON"]


def test_only_the_hash_of_a_secret_is_kept(store: RelayStore, tmp_path: Path) -> None:
    store.keep_token(b"a secret of mine", 2000)
    assert not any(b"a secret of mine" in path.read_bytes() for path in tmp_path.iterdir())


def test_a_checkpoint_is_there_after_a_restart(store: RelayStore, tmp_path: Path, clock: ManualClock) -> None:
    chunks = 2 * PAGE_CHUNKS + 5
    number = store.begin(record(), "Car-7/day/lap.bin")
    store.save([Checkpoint(number, bits(chunks, 0, 3, PAGE_CHUNKS, chunks - 1), (0, 1, 2))], [])
    store.close()
    again = RelayStore(tmp_path, clock)
    found = again.find(KEY, "f1")
    assert found is not None
    assert (found.number, found.target, found.status, found.fingerprint) == (
        number,
        "Car-7/day/lap.bin",
        "uploading",
        2**64 - 1,
    )
    assert np.flatnonzero(again.have(number, chunks)).tolist() == [0, 3, PAGE_CHUNKS, chunks - 1]
    again.close()


def test_a_checkpoint_writes_only_the_pages_that_it_names(store: RelayStore) -> None:
    chunks = 3 * PAGE_CHUNKS
    number = store.begin(record(), "x")
    store.save([Checkpoint(number, bits(chunks, 1, PAGE_CHUNKS + 1), (0, 1))], [])
    store.save([Checkpoint(number, bits(chunks, 2, PAGE_CHUNKS + 2, 2 * PAGE_CHUNKS), (1,))], [])
    assert np.flatnonzero(store.have(number, chunks)).tolist() == [1, PAGE_CHUNKS + 2]


def test_a_late_checkpoint_of_a_file_that_began_anew_is_lost_and_spoils_nothing(store: RelayStore) -> None:
    first = store.begin(record(), "x")
    second = store.begin(record(), "x")
    store.forget(KEY, "f1")
    third = store.begin(record("f2"), "y")
    assert len({first, second, third}) == 3
    store.save([Checkpoint(first, bits(10, 1), (0,)), Checkpoint(second, bits(10, 2), (0,))], [])
    assert not store.have(third, 10).any()


def test_completed_files_are_listed_newest_first_and_count_for_the_quota(store: RelayStore) -> None:
    pair(store)
    store.begin(record("f1"), "a")
    store.save([], [record("f1", stored_as="Car-7/a"), record("f2", size=5, stored_as="Car-7/b")])
    store.begin(record("f3", size=7), "c")
    listed = [(agent, each.file_id, each.status, each.stored_as, at) for agent, each, at in store.received()]
    at = "1970-01-01T00:16:40.000Z"
    assert listed == [
        ("Car 7", "f3", "uploading", "", None),
        ("Car 7", "f2", "completed", "Car-7/b", at),
        ("Car 7", "f1", "completed", "Car-7/a", at),
    ]
    assert store.bytes_of(KEY) == 10**6 + 5 + 7
    assert store.bytes_of(OTHER) == 0


def test_what_was_cleared_counts_for_no_quota_any_more(store: RelayStore) -> None:
    pair(store)
    names = ["Car-7/a.jpg", "Car-7/b.jpg", "Car-7/c.jpg"]
    store.save((), [record(name, size=100, stored_as=name) for name in names])
    store.begin(record("under way", size=7), "Car-7/d.jpg")
    gone = dict.fromkeys(names[:2], 100)
    assert store.forget_stored({**gone, "Car-7/d.jpg": 7, "nobody/knows.jpg": 1}) == 2
    assert store.bytes_of(KEY) == 107


def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_works(store: RelayStore) -> None:
    number = store.begin(record(), "x")
    with pytest.raises(IndexError):
        store.save([Checkpoint(number, bits(10, 1), (0,))], [record("f2", stored_as="y"), Broken()])  # type: ignore[list-item]
    assert not store.have(number, 10).any()
    assert store.find(KEY, "f2") is None
    store.save([Checkpoint(number, bits(10, 1), (0,))], [])
    assert store.have(number, 10)[1]


class Broken:
    @property
    def agent(self) -> bytes:
        raise IndexError("as scripted")


def test_many_threads_may_use_it(store: RelayStore) -> None:
    numbers = [store.begin(record(f"f{each}"), f"x{each}") for each in range(4)]
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for chunk in range(25):
                store.save([Checkpoint(number, bits(100, *range(chunk + 1)), (0,))], [])
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert [int(store.have(number, 100).sum()) for number in numbers] == [25] * 4


def test_rows_of_what_came_long_ago_go_and_still_count_for_the_quota(store: RelayStore, clock: ManualClock) -> None:
    pair(store)
    store.save((), [record(f"old{n}", size=100, stored_as=f"Car-7/old{n}.jpg") for n in range(3)])
    clock.advance(100 * NS_PER_S)
    store.save((), [record(f"new{n}", size=10, stored_as=f"Car-7/new{n}.jpg") for n in range(4)])
    under_way = store.begin(record("under way", size=7), "Car-7/d.jpg")
    assert store.let_age(kept=100, kept_s=1000) == 0
    assert store.let_age(kept=100, kept_s=50) == 3
    assert store.let_age(kept=2, kept_s=50) == 2
    assert [each.file_id for _, each, _ in store.received()] == ["under way", "new3", "new2"]
    assert store.find(KEY, "old0") is None
    assert store.find(KEY, "under way") is not None
    assert not store.have(under_way, 1).any()
    assert store.bytes_of(KEY) == 347
    assert store.forget_stored({"Car-7/old0.jpg": 100, "Car-7/new3.jpg": 10, "Car-7/d.jpg": 7}) == 1
    assert store.bytes_of(KEY) == 237


def test_many_old_rows_go_in_steps(store: RelayStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "AGED_AT_ONCE", 4)
    store.save((), [record(f"f{n}", stored_as=f"x/{n}") for n in range(10)])
    assert [store.let_age(kept=1, kept_s=1000) for _ in range(4)] == [4, 4, 1, 0]
