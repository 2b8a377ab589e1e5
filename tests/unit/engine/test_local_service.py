"""The agent as its listeners see it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from transfer_core.engine import clerk, local_service
from transfer_core.engine.local_service import LocalService
from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.errors import ConflictError, NotFoundError, UsageError
from transfer_core.events import JobState, LinkMarked
from transfer_core.jobs.store import JobStore, NewJob
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.tokens import PairingToken, encode_token
from transfer_core.units import NS_PER_S

WAIT_S = 60.0
LINKS = """
[[link]]
name = "wifi"
rate_mbps = 20
delay_ms = 5
"""


def kill(service: LocalService, link: str) -> None:
    """As soon as it is in use, which the first scan finds."""
    end = time.monotonic() + WAIT_S
    while True:
        try:
            return service.kill_link(link)
        except NotFoundError:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_who_begins_to_listen_is_told_what_happened_to_links_before(tmp_path: Path) -> None:
    (tmp_path / "links.toml").write_text(LINKS)
    service = LocalService(tmp_path / "state", simulation=tmp_path / "links.toml")
    try:
        service.start()
        kill(service, "wifi")
        subscription = service.subscribe()
        service.restore_link("wifi")
        marks = [event.mark.what for event in subscription.drain() if isinstance(event, LinkMarked)]
        assert marks == ["kill", "restore"]
        subscription.close()
    finally:
        service.stop()


class SettableClock(SystemClock):
    """The system's, whose wall clock somebody sets."""

    def __init__(self) -> None:
        self.set_by_ns = 0

    def wall_ns(self) -> int:
        return super().wall_ns() + self.set_by_ns


def put_off(state: Path, clock: SettableClock, delay_s: int) -> None:
    """A job that failed, and is to be tried again later."""
    store = JobStore(state, clock)
    store.add_many([NewJob("a" * 32, "/data/lap.bin", 1000, 5, "pit", "lap.bin", "cli")])
    store.claim("an agent that is gone", 1, ["pit"])
    store.wait("a" * 32, "E_WRITE", "no", delay_ns=delay_s * NS_PER_S)
    store.close()


def waits(service: LocalService) -> bool:
    return service.jobs()[0].next_try_at is not None


def test_a_job_does_not_wait_for_ever_if_the_clock_was_set_back_while_no_agent_ran(tmp_path: Path) -> None:
    clock = SettableClock()
    put_off(tmp_path, clock, 200)
    clock.set_by_ns = -3600 * NS_PER_S
    service = LocalService(tmp_path, clock=clock, links=("none",))  # a link that comes up ends all delays
    try:
        assert waits(service)
        service.start()
        assert not waits(service)
    finally:
        service.stop()


def test_a_job_does_not_wait_for_ever_if_the_clock_is_set_back_while_the_agent_runs(tmp_path: Path) -> None:
    clock = SettableClock()
    put_off(tmp_path, clock, 200)
    service = LocalService(tmp_path, clock=clock, links=("none",))  # a link that comes up ends all delays
    try:
        service.start()
        assert waits(service)
        clock.set_by_ns = -3600 * NS_PER_S
        end = time.monotonic() + WAIT_S
        while waits(service):
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        service.stop()


FAR = """
[[link]]
name = "satellite"
rate_mbps = 20
delay_ms = 300
"""


def start_within_time(service: LocalService) -> None:
    starting = threading.Thread(target=service.start)
    starting.start()
    starting.join(WAIT_S)
    assert not starting.is_alive()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_service, "HEAD_START_S", 1000.0)


@contextmanager
def started_with_work(folder: Path, links: str, size: int = 20_000_000) -> Iterator[tuple[LocalService, LocalService]]:
    """An agent that was started with a file in its queue, and is up once the relay takes that; and the relay."""
    (folder / "links.toml").write_text(links)
    (folder / "lap.bin").write_bytes(bytes(size))
    host = LocalService(folder / "host")
    service = LocalService(folder / "state", simulation=folder / "links.toml")
    try:
        host.start_relay(str(folder / "in"), "127.0.0.1:0")
        service.pair(host.relay_token().text)
        service.add_paths([str(folder / "lap.bin")])
        start_within_time(service)
        yield service, host
    finally:
        service.stop()
        host.stop()


@pytest.mark.usefixtures("patient")
def test_an_agent_with_work_left_is_up_with_all_its_rooms_once_the_relay_takes_a_file(tmp_path: Path) -> None:
    with started_with_work(tmp_path, FAR) as (_, host):
        assert [file.path for file in host.incoming()] == ["lap.bin"]


@pytest.mark.usefixtures("patient")
def test_nothing_between_an_agent_s_start_and_its_first_file_waits_for_the_clerk_s_beat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clerk, "TURN_S", 1000.0)
    with started_with_work(tmp_path, LINKS):
        pass  # it is up, and within time


DEAD_FROM_THE_START = (
    LINKS
    + """
[[link]]
name = "lte"
rate_mbps = 20
delay_ms = 5
[[step]]
at_s = 0
link = "lte"
kill = true
"""
)


def test_a_link_that_a_simulation_kills_at_its_first_moment_carries_nothing(tmp_path: Path) -> None:
    with started_with_work(tmp_path, DEAD_FROM_THE_START, size=2_000_000) as (service, _):
        end = time.monotonic() + WAIT_S
        while not (job := service.jobs()[0]).status.is_final:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert (job.status, list(job.links)) == (JobState.COMPLETED, ["wifi"])


@pytest.mark.usefixtures("patient")
def test_an_agent_with_nothing_left_to_send_does_not_wait_for_any_relay(tmp_path: Path) -> None:
    service = LocalService(tmp_path, links=("none",))
    try:
        start_within_time(service)
    finally:
        service.stop()


def test_a_link_that_is_not_there_is_said_at_once_with_those_that_are(tmp_path: Path) -> None:
    service = LocalService(tmp_path, links=("lo", "nope"))
    try:
        service.start()
        (said,) = [notice.text for notice in service.notices() if notice.topic == "link"]
        assert said.startswith("no link here is called nope, ")
        assert "lo" in said.partition("there are ")[2].split(", ")
    finally:
        service.stop()


def test_a_link_that_a_simulation_has_not_got_is_refused(tmp_path: Path) -> None:
    (tmp_path / "links.toml").write_text(LINKS)
    with pytest.raises(UsageError, match="no link lte") as told:
        LocalService(tmp_path / "state", links=("wifi", "lte"), simulation=tmp_path / "links.toml")
    assert told.value.hint == "Choose of wifi."


@pytest.mark.parametrize("path", ["../..", "a/../b", ".", "./a", "..\\a", "a\0b"])
def test_a_path_out_of_the_folder_at_the_destination_is_refused_when_it_is_given(tmp_path: Path, path: str) -> None:
    (tmp_path / "lap").write_bytes(b"x")
    service = LocalService(tmp_path / "state")
    try:
        service.pair(pairing_token(KeyPair.generate(SystemEntropy())), "pit")
        with pytest.raises(UsageError, match="no destination path"):
            service.add_paths([str(tmp_path / "lap")], dest_path=path)
        assert service.jobs() == []
        (job,) = service.add_paths([str(tmp_path / "lap")], dest_path="/a//..b/").added
        assert job.dest_path == "a/..b/lap"
    finally:
        service.stop()


def test_without_any_destination_none_is_offered(tmp_path: Path) -> None:
    service = LocalService(tmp_path)
    try:
        with pytest.raises(NotFoundError) as told:
            service.add_paths([str(tmp_path)], destination="pit")
        assert told.value.hint == "Pair with a relay first."
    finally:
        service.stop()


def under_another_name(state: Path, name: str) -> None:
    """As versions before this one could do it."""
    store = JobStore(state, SystemClock())
    (known,) = store.destinations()
    store.keep_destination(replace(known, name=name))
    store.close()


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_relay_with_two_names_is_used_under_one_and_the_other_says_so(tmp_path: Path) -> None:
    (tmp_path / "lap").write_bytes(b"x" * 1000)
    host, service = LocalService(tmp_path / "host"), LocalService(tmp_path / "state")
    try:
        host.start_relay(str(tmp_path / "in"), "127.0.0.1:0")
        service.pair(host.relay_token().text, "box")
        under_another_name(tmp_path / "state", "pit")
        (to_box, to_pit) = (
            service.add_paths([str(tmp_path / "lap")], destination=to).added[0] for to in ("box", "pit")
        )
        service.start()
        until(lambda: service.job(to_box.file_id).status is JobState.COMPLETED)
        until(lambda: "another name of the relay box" in service.job(to_pit.file_id).reason)
        later = service.add_paths([str(tmp_path / "lap")], destination="pit").added[0]
        until(lambda: "another name of the relay box" in service.job(later.file_id).reason)
        said = [notice.error for notice in service.notices() if "another name" in notice.text]
        assert len(said) == 1
        assert said[0].startswith("E_CONFLICT: pit ")
        assert "destination remove pit" in said[0]
        assert [each.why for each in service.destinations()] == ["", said[0]]
        service.forget_destination("box")
        until(lambda: all(job.status is JobState.COMPLETED for job in service.jobs()))
        assert service.job(later.file_id).reason == ""
    finally:
        service.stop()
        host.stop()


def pairing_token(relay: KeyPair) -> str:
    expires_s = SystemClock().wall_ns() // 10**9 + 600
    return encode_token(PairingToken(relay.public, SystemEntropy().token_bytes(16), expires_s, ("127.0.0.1:9",)))


def test_a_relay_has_one_name_since_two_of_them_would_end_each_other_s_sessions(tmp_path: Path) -> None:
    service, relay = LocalService(tmp_path), KeyPair.generate(SystemEntropy())
    try:
        service.pair(pairing_token(relay), "pit")
        with pytest.raises(ConflictError, match="paired as pit"):
            service.pair(pairing_token(relay), "box")
        assert [service.pair(pairing_token(relay), name).name for name in ("pit", None)] == ["pit", "pit"]
        assert [each.name for each in service.destinations()] == ["pit"]
        service.pair(pairing_token(KeyPair.generate(SystemEntropy())), "box")
        assert {each.name for each in service.destinations()} == {"pit", "box"}
    finally:
        service.stop()
