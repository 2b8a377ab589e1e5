"""What was given up a moment ago: whose part is dropped when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.field import data_of
from tests.support.loop_stage import LoopStage, job_of
from tests.support.ports import free_port
from tests.support.upload_world import wait_until
from transfer_core.config import EngineConfig
from transfer_core.engine.given_up import GivenUp
from transfer_core.engine.local_service import LocalService
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.engine.system import SystemClock
from transfer_core.events import Event, JobsChanged, JobsRemoved, JobState
from transfer_core.jobs.leftovers import Leftover
from transfer_core.jobs.store import JobStore
from transfer_core.sim.conditions import LinkConditions

SIZE = 6_000_000
PART = 600_000
SLOW = LinkConditions(rate_mbps=4, delay_ms=2)  # the file would take twelve seconds
FAST = LinkConditions(rate_mbps=80, delay_ms=2)
KEPT_NS = 30


@pytest.fixture
def out(tmp_path: Path) -> OutgoingJob:
    source = tmp_path / "lap.bin"
    source.write_bytes(data_of(SIZE))
    return job_of("id-1", source, "lap.bin")


def part(number: int, file_id: str = "id-1") -> Leftover:
    return Leftover(number, file_id, "pit", "lap.bin", SIZE)


def test_each_is_due_once_its_time_is_over_and_stays_so_until_it_is_gone() -> None:
    given_up = GivenUp(KEPT_NS)
    assert given_up.due([part(1)], 100) == []
    assert given_up.due([part(1), part(2, "id-2")], 129) == []
    assert given_up.due([part(1), part(2, "id-2")], 130) == [part(1)]
    assert given_up.due([part(1), part(2, "id-2")], 159) == [part(1), part(2, "id-2")]


def test_taken_back_and_given_up_again_it_is_due_by_the_second_time() -> None:
    given_up = GivenUp(KEPT_NS)
    given_up.due([part(1)], 100)
    given_up.due([], 110)
    assert given_up.due([part(2)], 131) == []
    assert given_up.due([part(2)], 161) == [part(2)]


# --- a loop and a relay


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[LoopStage]:
    made = LoopStage(tmp_path)
    made.plug("line", SLOW)
    made.wait(lambda: made.sessions() == 1)
    yield made
    made.close()


def parts(stage: LoopStage, folder: Path) -> list[Path]:
    return list((folder / "in").rglob("*.part"))


def dropped(stage: LoopStage) -> list[int]:
    return [number for name, arguments in stage.told if name == "on_parts_dropped" for number in arguments[0]]


def send_a_part(stage: LoopStage, out: OutgoingJob) -> None:
    stage.agent.loop.post(lambda: stage.agent.begin("pit", [out]))
    stage.wait(lambda: stage.relay.bytes_received > PART)
    stage.agent.loop.post(lambda: stage.agent.stop_job("pit", "id-1"))
    assert not stage.arrived()
    stage.change(FAST)


def test_one_that_was_stopped_goes_on_where_it_was_though_no_checkpoint_was_due(
    stage: LoopStage, out: OutgoingJob, tmp_path: Path
) -> None:
    send_a_part(stage, out)
    again = job_of("id-1", Path(out.job.path), "lap.bin")
    again.offered = True
    stage.agent.loop.post(lambda: stage.agent.begin("pit", [again]))
    stage.wait(lambda: len(stage.arrived()) == 1)
    there = [arguments[1] for name, arguments in stage.told if name == "on_accepted"]
    assert there[-1] > PART
    assert next((tmp_path / "in").rglob("lap.bin")).read_bytes() == Path(out.job.path).read_bytes()


def test_the_relay_drops_its_part_of_one_that_nobody_takes_back(
    stage: LoopStage, out: OutgoingJob, tmp_path: Path
) -> None:
    send_a_part(stage, out)
    assert parts(stage, tmp_path)
    stage.agent.loop.post(lambda: stage.agent.drop_there("pit", [part(7)], 65536))
    stage.wait(lambda: not parts(stage, tmp_path))
    stage.wait(lambda: dropped(stage) == [7])


def test_of_a_part_that_never_was_there_the_relay_is_told_too(stage: LoopStage, tmp_path: Path) -> None:
    stage.agent.loop.post(lambda: stage.agent.drop_there("pit", [part(7), part(8, "id-2")], 65536))
    stage.wait(lambda: sorted(dropped(stage)) == [7, 8])
    assert not list((tmp_path / "in").rglob("lap*"))


def test_without_a_session_nothing_is_said_to_be_dropped(stage: LoopStage, out: OutgoingJob, tmp_path: Path) -> None:
    send_a_part(stage, out)
    stage.relay.stop()
    stage.unplug("line")
    stage.agent.loop.post(lambda: stage.agent.drop_there("pit", [part(7)], 65536))
    gone_by: list[bool] = []
    stage.agent.loop.post(lambda: gone_by.append(True))
    stage.wait(lambda: bool(gone_by))
    assert dropped(stage) == []
    assert parts(stage, tmp_path)


def test_a_name_that_no_message_holds_was_never_there(stage: LoopStage) -> None:
    long = Leftover(7, "id-1", "pit", "x" * 5000, SIZE)
    stage.agent.loop.post(lambda: stage.agent.drop_there("pit", [long], 65536))
    stage.wait(lambda: dropped(stage) == [7])


def test_the_part_of_one_that_is_sent_again_is_not_dropped(stage: LoopStage, out: OutgoingJob, tmp_path: Path) -> None:
    send_a_part(stage, out)
    again = job_of("id-1", Path(out.job.path), "lap.bin")
    again.offered = True

    def begin_and_drop() -> None:
        stage.agent.begin("pit", [again])
        stage.agent.drop_there("pit", [part(7)], 65536)

    stage.agent.loop.post(begin_and_drop)
    stage.wait(lambda: len(stage.arrived()) == 1)
    there = [arguments[1] for name, arguments in stage.told if name == "on_accepted"]
    assert there[-1] > PART


# --- a whole agent

LINKS = """
[[link]]
name = "wifi"
rate_mbps = 40
delay_ms = 5
"""


class Pit:
    """An agent and a relay in this process, over one simulated link."""

    def __init__(self, folder: Path) -> None:
        (folder / "links.toml").write_text(LINKS)
        self.folder = folder
        self.host = LocalService(folder / "host")
        self.address = f"127.0.0.1:{free_port()}"
        self.host.start_relay(str(folder / "in"), self.address)
        self.agent = LocalService(folder / "state", simulation=folder / "links.toml")
        self.agent.start()
        self.agent.pair(self.host.relay_token().text, "pit")
        self.source = folder / "stint.bin"
        self.source.write_bytes(data_of(16_000_000))
        self._cap(4.0)

    def _cap(self, mbps: float | None) -> None:
        caps = {} if mbps is None else {"wifi": mbps}
        self.agent.change_settings(replace(self.agent.settings(), link_caps_mbps=caps))

    def send_a_part(self) -> str:
        """Queue the file, and wait until some of it is there for good; its id. The rest would take half a minute."""
        (job,) = self.agent.add_paths([str(self.source)], destination="pit").added
        wait_until(lambda: self.agent.job(job.file_id).bytes_done > PART, "a part of it")
        return job.file_id

    def hurry(self) -> None:
        """The rest takes seconds."""
        self._cap(None)

    def parts(self) -> list[Path]:
        return list((self.folder / "in").rglob("*.part"))

    def start_again(self) -> None:
        """The relay at its old address, and an agent that keeps nothing for undo."""
        self.host = LocalService(self.folder / "host")
        self.host.start_relay(str(self.folder / "in"), self.address)
        config = EngineConfig(given_up_kept_s=0.0)
        self.agent = LocalService(self.folder / "state", config=config, simulation=self.folder / "links.toml")
        self.agent.start()

    def leftovers(self) -> list[Leftover]:
        reader = JobStore(self.folder / "state", SystemClock())
        try:
            return reader.leftovers()
        finally:
            reader.close()

    def stop(self) -> None:
        self.agent.stop()
        self.host.stop()


@pytest.fixture
def pit(tmp_path: Path) -> Iterator[Pit]:
    made = Pit(tmp_path)
    yield made
    made.stop()


def give_up(agent: LocalService, verb: str, file_id: str) -> None:
    """Until the engine has followed."""
    with closing(agent.subscribe()) as heard:
        getattr(agent, verb)([file_id])
        wait_until(lambda: any(_tells_of_the_end(event, file_id) for event in heard.drain()), f"what {verb} does")


def _tells_of_the_end(event: Event, file_id: str) -> bool:
    if isinstance(event, JobsChanged):
        return any(job.file_id == file_id and job.status is JobState.CANCELLED for job in event.jobs)
    return isinstance(event, JobsRemoved) and file_id in event.file_ids


@pytest.mark.parametrize("verb", ["remove", "cancel"])
def test_what_is_taken_back_goes_on_where_it_was(pit: Pit, verb: str) -> None:
    file_id = pit.send_a_part()
    give_up(pit.agent, verb, file_id)
    if verb == "remove":
        assert pit.agent.undo() == "removal of 1 file"
    else:
        pit.agent.retry([file_id])
    assert pit.agent.job(file_id).bytes_done > 0
    pit.hurry()
    wait_until(lambda: pit.agent.job(file_id).status is JobState.COMPLETED, "the rest", 200)
    assert pit.host.relay().bytes_received < pit.source.stat().st_size + PART  # not all of it once more
    assert next((pit.folder / "in").rglob("stint.bin")).read_bytes() == pit.source.read_bytes()


def test_a_file_that_was_paused_before_it_was_removed_leaves_no_part(pit: Pit) -> None:
    file_id = pit.send_a_part()
    pit.agent.pause([file_id])
    wait_until(lambda: pit.agent.job(file_id).status is JobState.PAUSED, "the pause")
    pit.agent.remove([file_id])
    pit.agent.stop()
    wait_until(lambda: not pit.parts(), "that the part is dropped")


def test_a_part_that_a_relay_could_not_be_told_of_is_dropped_by_the_next_agent(pit: Pit) -> None:
    file_id = pit.send_a_part()
    pit.agent.pause([file_id])
    pit.host.stop()
    pit.agent.stop()
    assert pit.parts()
    alone = JobStore(pit.folder / "state", SystemClock())
    alone.remove([file_id])
    assert [each.file_id for each in alone.leftovers()] == [file_id]
    alone.close()
    pit.start_again()
    wait_until(lambda: not pit.parts(), "that the part is dropped")
    wait_until(lambda: not pit.leftovers(), "that it is known to be dropped")


def test_an_agent_that_ends_leaves_no_part_of_what_was_removed(pit: Pit) -> None:
    file_id = pit.send_a_part()
    give_up(pit.agent, "remove", file_id)
    assert pit.parts()
    pit.agent.stop()
    wait_until(lambda: not pit.parts(), "that the part is dropped")
