"""Another process rings, and the agent looks at once."""

from __future__ import annotations

import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from transfer_core.engine import clerk
from transfer_core.engine.doorbell import NAME, Doorbell, ring
from transfer_core.engine.local_service import LocalService
from transfer_core.engine.system import SystemClock
from transfer_core.engine.watches import desk
from transfer_core.events.watches import WatchSpec
from transfer_core.jobs.store import Destination, JobStore
from transfer_core.units import NS_PER_S

WAIT_S = 60.0
LONG_S = 600.0  # a beat that nobody waits for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no local datagram sockets there")


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A socket's name may have a hundred bytes, which a test's own folder can be longer than."""
    with tempfile.TemporaryDirectory(prefix="b") as name:
        yield Path(name)


@pytest.fixture
def heard() -> threading.Semaphore:
    return threading.Semaphore(0)


@pytest.fixture
def bell(short_dir: Path, heard: threading.Semaphore) -> Iterator[Doorbell]:
    made = Doorbell(short_dir, heard.release)
    made.start()
    yield made
    made.stop()


def test_each_ring_is_heard(short_dir: Path, bell: Doorbell, heard: threading.Semaphore) -> None:
    for _ in range(3):
        ring(short_dir)
        assert heard.acquire(timeout=WAIT_S)


def test_many_rings_at_once_make_neither_side_wait_and_the_next_one_is_heard(
    short_dir: Path, bell: Doorbell, heard: threading.Semaphore
) -> None:
    for _ in range(2000):
        ring(short_dir)
    assert heard.acquire(timeout=WAIT_S)
    while heard.acquire(timeout=0.2):
        pass
    ring(short_dir)
    assert heard.acquire(timeout=WAIT_S)


def test_only_its_owner_may_ring(short_dir: Path, bell: Doorbell) -> None:
    assert stat.S_IMODE((short_dir / NAME).stat().st_mode) == 0o600


def test_nobody_is_there_after_it_was_taken_down(short_dir: Path, bell: Doorbell, heard: threading.Semaphore) -> None:
    bell.stop()
    assert not (short_dir / NAME).exists()
    ring(short_dir)
    assert not heard.acquire(blocking=False)


def test_what_a_killed_agent_left_is_in_nobody_s_way(short_dir: Path, heard: threading.Semaphore) -> None:
    left = Doorbell(short_dir, heard.release)  # never started, never stopped
    again = Doorbell(short_dir, heard.release)
    again.start()
    try:
        ring(short_dir)
        assert heard.acquire(timeout=WAIT_S)
    finally:
        again.stop()
        left.stop()


def test_a_directory_whose_name_is_too_long_for_a_socket_has_none(tmp_path: Path, heard: threading.Semaphore) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    made = Doorbell(deep, heard.release)
    made.start()
    ring(deep)
    made.stop()
    assert not (deep / NAME).exists()
    assert not heard.acquire(blocking=False)


def test_an_agent_hears_of_a_change_by_another_process_long_before_its_next_beat(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = short_dir / "links.toml"
    links.write_text('[[link]]\nname = "wifi"\nrate_mbps = 20\ndelay_ms = 5\n')
    agent, other = LocalService(short_dir / "s", simulation=links), LocalService(short_dir / "s")
    monkeypatch.setattr(clerk, "TURN_S", LONG_S)
    try:
        agent.start()
        for wanted, ask in [(True, other.pause_all), (False, other.resume_all)] * 3:
            ask()
            end = time.monotonic() + WAIT_S
            while agent.engine().paused is not wanted:
                assert time.monotonic() < end
                time.sleep(0.01)
    finally:
        other.stop()
        agent.stop()


def test_an_agent_hears_of_a_watch_that_another_process_changed_long_before_it_looks_by_itself(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = short_dir / "links.toml"
    links.write_text('[[link]]\nname = "wifi"\nrate_mbps = 20\ndelay_ms = 5\n')
    (short_dir / "camera01").mkdir()
    monkeypatch.setattr(desk, "FOLLOW_NS", int(LONG_S * NS_PER_S))
    agent, other = LocalService(short_dir / "s", simulation=links), LocalService(short_dir / "s")
    store = JobStore(short_dir / "s", SystemClock())
    store.keep_destination(Destination("pit", "relay", ("127.0.0.1:1",), b"k" * 32))
    store.close()
    try:
        agent.start()
        other.watches.add(WatchSpec("camera01", str(short_dir / "camera01"), "pit"))
        end = time.monotonic() + WAIT_S
        while agent.watches.desk is None or not agent.watches.desk.views():
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        other.stop()
        agent.stop()
