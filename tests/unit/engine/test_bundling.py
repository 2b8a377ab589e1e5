"""Small files that leave together: which, and what becomes of them when something is not as it should be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import blake3
import pytest

from tests.support.loop_stage import LoopStage, job_of
from transfer_core.engine import bundling
from transfer_core.engine.bundling import make_bundle, share_links
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.engine.parcels import Parcels
from transfer_core.protocol.wire.bundle import BUNDLE_BYTES_MAX
from transfer_core.sim.conditions import LinkConditions
from transfer_core.units import NS_PER_S

FAST = LinkConditions(rate_mbps=400, delay_ms=5)
FILES = 60


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopStage]:
    monkeypatch.setattr(bundling, "BUNDLE_NS", 60 * NS_PER_S)  # whatever rate this machine reaches
    made = LoopStage(tmp_path)
    made.plug("line", FAST)
    made.wait(lambda: made.sessions() == 1)
    yield made
    made.close()


def frames(folder: Path, count: int = FILES, first: int = 0) -> list[OutgoingJob]:
    folder.mkdir(exist_ok=True)
    made = []
    for number in range(first, first + count):
        source = folder / f"frame {number:03d}.jpg"
        source.write_bytes(f"{number} ".encode() * 500)
        made.append(job_of(f"id-{number}", source, f"camera 1/{source.name}"))
    return made


def send(stage: LoopStage, outs: list[OutgoingJob]) -> None:
    stage.agent.loop.post(lambda: stage.agent.begin("pit", outs))


def warm_up(stage: LoopStage, tmp_path: Path) -> None:
    """Until a rate of the line is known."""
    source = tmp_path / "long.bin"
    source.write_bytes(bytes(range(256)) * 2_000)
    send(stage, [job_of("long", source, "long.bin")])
    stage.wait(lambda: len(stage.arrived()) == 1)


def largest_arrival(stage: LoopStage) -> int:
    return max(len(arguments[0]) for name, arguments in stage.told if name == "on_arrived")


def check_all_there(stage: LoopStage, outs: list[OutgoingJob], tmp_path: Path) -> None:
    there = {out.job.file_id: out for out in stage.arrived()}
    assert not [told for told in stage.told if told[0] == "on_failed"]
    for out in outs:
        content = Path(out.job.path).read_bytes()
        assert (tmp_path / "in" / there[out.job.file_id].stored_as).read_bytes() == content
        assert out.file_hash == f"blake3:{blake3.blake3(content).hexdigest()}"


def test_many_small_files_leave_together_and_each_arrives_under_its_name_with_its_hash_and_bytes(
    stage: LoopStage, tmp_path: Path
) -> None:
    warm_up(stage, tmp_path)
    outs = frames(tmp_path / "camera")
    send(stage, outs)
    stage.wait(lambda: len(stage.arrived()) == 1 + FILES)
    check_all_there(stage, outs, tmp_path)
    assert largest_arrival(stage) == FILES
    assert {out.stored_as for out in outs} == {f"car/{out.job.dest_path}" for out in outs}
    assert all(out.carried == {"line": out.job.size} for out in outs)
    told = [event for event in stage.relay_events if event["event"] == "received"]
    assert {event["path"] for event in told} == {"long.bin", *(out.job.dest_path for out in outs)}


def test_a_few_small_files_leave_one_by_one(stage: LoopStage, tmp_path: Path) -> None:
    outs = frames(tmp_path / "camera", 5)
    send(stage, outs)
    stage.wait(lambda: len(stage.arrived()) == 5)
    check_all_there(stage, outs, tmp_path)
    assert largest_arrival(stage) == 1


def test_files_whose_names_are_taken_arrive_under_others_and_are_told_so(stage: LoopStage, tmp_path: Path) -> None:
    warm_up(stage, tmp_path)
    outs = frames(tmp_path / "camera", 30)
    again = [job_of(f"again-{number}", Path(out.job.path), out.job.dest_path) for number, out in enumerate(outs)]
    Path(outs[0].job.path).with_name("other.jpg").write_bytes(b"another one")
    again[0] = job_of("again-0", tmp_path / "camera" / "other.jpg", outs[0].job.dest_path)
    send(stage, outs + again)
    stage.wait(lambda: len(stage.arrived()) == 61)
    check_all_there(stage, outs + again, tmp_path)
    assert sorted([outs[0].stored_as, again[0].stored_as]) == [
        "car/camera 1/frame 000 (2).jpg",
        "car/camera 1/frame 000.jpg",
    ]


def test_one_that_is_stopped_does_not_keep_the_others_of_its_bundle(stage: LoopStage, tmp_path: Path) -> None:
    warm_up(stage, tmp_path)
    outs = frames(tmp_path / "camera")

    def begin_and_stop() -> None:
        stage.agent.begin("pit", outs)
        stage.agent.stop_job("pit", "id-7")

    stage.agent.loop.post(begin_and_stop)
    others = [out for out in outs if out.job.file_id != "id-7"]
    stage.wait(lambda: len(stage.arrived()) == FILES)
    check_all_there(stage, others, tmp_path)


def test_a_source_that_changes_fails_alone(stage: LoopStage, tmp_path: Path) -> None:
    warm_up(stage, tmp_path)
    outs = frames(tmp_path / "camera")
    Path(outs[3].job.path).write_bytes(b"not what was opened")
    send(stage, outs)
    stage.wait(lambda: len(stage.arrived()) == FILES)
    failed = [arguments[0] for name, arguments in stage.told if name == "on_failed"]
    assert failed == [outs[3]]


def test_what_a_relay_refuses_together_it_takes_one_by_one(
    stage: LoopStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm_up(stage, tmp_path)
    monkeypatch.setattr(Parcels, "open", lambda *_: "this relay knows nothing of that")
    outs = frames(tmp_path / "camera")
    send(stage, outs)
    stage.wait(lambda: len(stage.arrived()) == 1 + FILES)
    check_all_there(stage, outs, tmp_path)
    assert largest_arrival(stage) == 1


def test_a_bundle_whose_session_ends_goes_on_one_by_one_in_the_next(stage: LoopStage, tmp_path: Path) -> None:
    warm_up(stage, tmp_path)
    outs = frames(tmp_path / "camera")

    def begin_and_end() -> None:
        stage.agent.begin("pit", outs)
        session = stage.agent.uplinks["pit"].session
        assert session is not None
        session.close()

    stage.agent.loop.post(begin_and_end)
    stage.wait(lambda: len(stage.arrived()) == 1 + FILES)
    check_all_there(stage, outs, tmp_path)
    assert stage.sessions() == 2


def test_what_the_paths_carried_of_a_bundle_is_shared_out_to_its_files(tmp_path: Path) -> None:
    outs = frames(tmp_path / "camera", 4)
    sizes = [out.job.size for out in outs]
    shares = share_links(outs, {0: sizes[0] + 100, 3: sum(sizes)})
    assert [sum(share.values()) for share in shares] == sizes
    assert {path for share in shares for path in share} <= {0, 3}


def test_a_bundle_of_sources_that_can_not_all_be_read_is_not_made(tmp_path: Path) -> None:
    outs = frames(tmp_path / "camera", 9)
    Path(outs[2].job.path).unlink()
    assert make_bundle(outs, 1) is None
    assert [out for out in outs if out.failed is not None] == [outs[2]]


def test_no_bundle_holds_more_files_than_a_relay_takes_out_of_one(
    stage: LoopStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundling, "BUNDLE_FILES_MAX", 9)
    warm_up(stage, tmp_path)
    outs = frames(tmp_path / "camera")
    send(stage, outs)
    stage.wait(lambda: len(stage.arrived()) == 1 + FILES)
    check_all_there(stage, outs, tmp_path)
    assert largest_arrival(stage) == 9


def test_no_bundle_is_longer_than_a_relay_takes_with_the_names_in_it(stage: LoopStage, tmp_path: Path) -> None:
    warm_up(stage, tmp_path)
    outs = []
    for number in range(FILES):
        source = tmp_path / f"{number:02d}.jpg"
        source.write_bytes(bytes([number]) * (BUNDLE_BYTES_MAX // FILES))
        outs.append(job_of(f"id-{number}", source, f"camera 1/{source.name}"))
    send(stage, outs)
    stage.wait(lambda: len(stage.arrived()) == 1 + FILES)
    check_all_there(stage, outs, tmp_path)
    assert largest_arrival(stage) > FILES // 2
