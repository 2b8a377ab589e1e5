"""What was given up a moment ago: whose part is dropped when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.field import data_of
from tests.support.loop_stage import LoopStage, job_of
from tests.support.upload_world import wait_until
from transfer_core.engine.given_up import GivenUp
from transfer_core.engine.local_service import LocalService
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.events import Event, JobsChanged, JobsRemoved, JobState
from transfer_core.sim.conditions import LinkConditions

SIZE = 6_000_000
SLOW = LinkConditions(rate_mbps=40, delay_ms=2)
KEPT_NS = 30


@pytest.fixture
def out(tmp_path: Path) -> OutgoingJob:
    source = tmp_path / "lap.bin"
    source.write_bytes(data_of(SIZE))
    return job_of("id-1", source, "lap.bin")


def test_each_is_due_once_when_its_time_is_over(out: OutgoingJob) -> None:
    given_up = GivenUp(KEPT_NS)
    given_up.add("pit", out, 100)
    assert given_up.due(129) == []
    assert [(job.relay, job.out) for job in given_up.due(130)] == [("pit", out)]
    assert given_up.due(1000) == []


def test_what_is_taken_back_is_never_due(out: OutgoingJob) -> None:
    given_up = GivenUp(KEPT_NS)
    given_up.add("pit", out, 100)
    given_up.take_back("id-1")
    assert given_up.due(None) == []


def test_given_up_again_it_is_due_by_the_second_time(out: OutgoingJob) -> None:
    given_up = GivenUp(KEPT_NS)
    given_up.add("pit", out, 100)
    given_up.add("pit", out, 120)
    assert given_up.due(149) == []
    assert len(given_up.due(150)) == 1


def test_at_the_end_all_are_due(out: OutgoingJob) -> None:
    given_up = GivenUp(KEPT_NS)
    given_up.add("pit", out, 100)
    assert len(given_up.due(None)) == 1


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


def send_a_part(stage: LoopStage, out: OutgoingJob) -> None:
    stage.agent.loop.post(lambda: stage.agent.begin("pit", [out]))
    stage.wait(lambda: stage.relay.bytes_received > SIZE / 3)
    stage.agent.loop.post(lambda: stage.agent.stop_job("pit", "id-1"))


def test_one_that_was_stopped_goes_on_where_it_was_though_no_checkpoint_was_due(
    stage: LoopStage, out: OutgoingJob, tmp_path: Path
) -> None:
    send_a_part(stage, out)
    again = job_of("id-1", Path(out.job.path), "lap.bin")
    again.offered = True
    stage.agent.loop.post(lambda: stage.agent.begin("pit", [again]))
    stage.wait(lambda: len(stage.arrived()) == 1)
    there = [arguments[1] for name, arguments in stage.told if name == "on_accepted"]
    assert there[-1] > SIZE / 3
    assert next((tmp_path / "in").rglob("lap.bin")).read_bytes() == Path(out.job.path).read_bytes()


def test_the_relay_drops_its_part_of_one_that_nobody_takes_back(
    stage: LoopStage, out: OutgoingJob, tmp_path: Path
) -> None:
    send_a_part(stage, out)
    assert parts(stage, tmp_path)
    stage.agent.loop.post(lambda: stage.agent.drop_there("pit", out))
    stage.wait(lambda: not parts(stage, tmp_path))
    assert stage.agent.uplinks["pit"].to_drop == []


def test_the_part_of_one_that_is_sent_again_is_not_dropped(stage: LoopStage, out: OutgoingJob, tmp_path: Path) -> None:
    send_a_part(stage, out)
    again = job_of("id-1", Path(out.job.path), "lap.bin")
    again.offered = True

    def begin_and_drop() -> None:
        stage.agent.begin("pit", [again])
        stage.agent.drop_there("pit", out)

    stage.agent.loop.post(begin_and_drop)
    stage.wait(lambda: len(stage.arrived()) == 1)
    there = [arguments[1] for name, arguments in stage.told if name == "on_accepted"]
    assert there[-1] > SIZE / 3


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
        self.host.start_relay(str(folder / "in"), "127.0.0.1:0")
        self.agent = LocalService(folder / "state", simulation=folder / "links.toml")
        self.agent.start()
        self.agent.pair(self.host.relay_token().text, "pit")
        self.source = folder / "stint.bin"
        self.source.write_bytes(data_of(16_000_000))

    def send_a_part(self) -> str:
        """Queue the file, and wait until some of it is there for good; its id."""
        (job,) = self.agent.add_paths([str(self.source)], destination="pit").added
        wait_until(lambda: self.agent.job(job.file_id).bytes_done > 4_000_000, "a part of it")
        return job.file_id

    def parts(self) -> list[Path]:
        return list((self.folder / "in").rglob("*.part"))

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
    wait_until(lambda: pit.agent.job(file_id).status is JobState.COMPLETED, "the rest", 200)
    assert pit.host.relay().bytes_received < pit.source.stat().st_size + 4_000_000  # not all of it once more
    assert next((pit.folder / "in").rglob("stint.bin")).read_bytes() == pit.source.read_bytes()


def test_an_agent_that_ends_leaves_no_part_of_what_was_removed(pit: Pit) -> None:
    file_id = pit.send_a_part()
    give_up(pit.agent, "remove", file_id)
    assert pit.parts()
    pit.agent.stop()
    wait_until(lambda: not pit.parts(), "that the part is dropped")
