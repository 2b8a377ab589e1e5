from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from transfer_core.errors import DiskFull, StateError
from transfer_core.storage.free_space import Room
from transfer_core.storage.room_ledger import SharedLedger, make_ledger

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes share a disk's room on Linux only")
GB = 10**9
WORKERS = 3
CHILD = """
import shutil, sys, types
from pathlib import Path
from transfer_core.errors import DiskFull
from transfer_core.storage.free_space import Room
from transfer_core.storage.room_ledger import SharedLedger
shutil.disk_usage = lambda _: types.SimpleNamespace(total=100 * 10**9, used=0, free=10 * 10**9)
fd, line, state = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
room = Room(state, 0, SharedLedger(fd, line, state))
print("there", flush=True)
sys.stdin.readline()
taken = 0
for number in range(400):
    try:
        room.claim(number, 10**8, "a frame")
        taken += 1
    except DiskFull:
        break
print(taken, flush=True)
sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    facts = SimpleNamespace(total=100 * GB, used=0, free=10 * GB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: facts)
    return facts


@pytest.fixture
def fd() -> Iterator[int]:
    made = make_ledger(WORKERS)
    yield made
    os.close(made)


@pytest.fixture
def ledgers(tmp_path: Path, fd: int) -> Iterator[list[SharedLedger]]:
    made = [SharedLedger(fd, line, tmp_path) for line in range(WORKERS)]
    yield made
    for each in made:
        each.close()


def test_what_one_promises_another_does_not_promise_again(tmp_path: Path, ledgers: list[SharedLedger]) -> None:
    rooms = [Room(tmp_path, GB, ledger) for ledger in ledgers]
    rooms[0].claim("a", 6 * GB, "a.bin")
    with pytest.raises(DiskFull, match=r"b.bin needs 6.0 GB, there are 3.0 GB free"):
        rooms[1].claim("b", 6 * GB, "b.bin")
    assert [room.free_bytes() for room in rooms] == [3 * GB] * 3
    rooms[0].release("a")
    rooms[1].claim("b", 6 * GB, "b.bin")
    assert rooms[2].claimed_bytes == 6 * GB


def test_a_claim_shrinks_for_all_as_the_disk_fills(
    tmp_path: Path, disk: SimpleNamespace, ledgers: list[SharedLedger]
) -> None:
    one, other = Room(tmp_path, GB, ledgers[0]), Room(tmp_path, GB, ledgers[1])
    one.claim("a", 6 * GB, "a.bin")
    disk.free -= 4 * GB
    one.written("a", 4 * GB)
    assert other.free_bytes() == 3 * GB
    one.claim("a", 5 * GB, "a.bin")  # its own claim is not in its way
    assert other.free_bytes() == 0


def test_the_promises_of_one_that_died_stand_until_it_runs_again(
    tmp_path: Path, fd: int, ledgers: list[SharedLedger]
) -> None:
    Room(tmp_path, 0, ledgers[0]).claim("a", 6 * GB, "a.bin")  # and nothing is ever released
    other = Room(tmp_path, 0, ledgers[1])
    assert other.free_bytes() == 4 * GB
    again = SharedLedger(fd, 0, tmp_path)
    assert other.free_bytes() == 10 * GB
    again.close()


def test_processes_that_promise_at_the_same_time_promise_no_more_than_there_is(tmp_path: Path, fd: int) -> None:
    words = [[sys.executable, "-c", CHILD, str(fd), str(line), str(tmp_path)] for line in range(WORKERS)]
    pipe = subprocess.PIPE
    children = [subprocess.Popen(each, stdin=pipe, stdout=pipe, text=True, pass_fds=[fd]) for each in words]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "there\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    taken = [int(child.stdout.readline()) for child in children if child.stdout is not None]
    for child in children:
        child.communicate("\n")
    assert sum(taken) == 100  # of 0.1 GB each, on a disk that has 10


def test_who_waits_for_the_turn_gets_it_when_it_is_over(ledgers: list[SharedLedger]) -> None:
    has_it = threading.Event()

    def wait() -> None:
        with ledgers[1].turn():
            has_it.set()

    thread = threading.Thread(target=wait)
    with ledgers[0].turn():
        thread.start()
        assert not has_it.wait(0.1)
    assert has_it.wait(60.0)
    thread.join()


def test_a_state_that_holds_no_turn_is_named(tmp_path: Path, fd: int) -> None:
    with pytest.raises(StateError, match=r"relay\.room can't be opened"):
        SharedLedger(fd, 0, tmp_path / "gone")
