from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.engine.watches.support import Agent, until
from transfer_core.engine.watches import chosen, verbs
from transfer_core.engine.watches.verbs import views_of, views_text
from transfer_core.errors import ConfigError, ConflictError, DiskFull, NotFoundError, SourceMissing, UsageError
from transfer_core.events.watches import WatchSpec, WatchState, WatchView
from transfer_core.jobs.store import WatchRow
from transfer_core.units import NS_PER_S

FRAME = "frame_camera01_{:09d}.jpg"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path / "state")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def cameras(tmp_path: Path) -> list[Path]:
    """Two armed cameras with ten frames each, that are numbered alike."""
    folders = []
    for camera in ("camera01", "camera02"):
        folder = tmp_path / camera
        folder.mkdir()
        for number in range(10):
            (folder / f"frame_{camera}_{number:09d}.jpg").write_bytes(f"{camera} {number}".encode())
        folders.append(folder)
    return folders


def arm(agent: Agent, cameras: list[Path], **wishes: object) -> None:
    for camera in cameras:
        agent.add(camera, dest_path=f"race/{camera.name}", on_trigger=True, **wishes)
    until(lambda: [view.state for view in agent.verbs.views()] == [WatchState.ARMED] * 2)


def test_a_folder_is_not_watched_twice_for_one_place(agent: Agent, cameras: list[Path]) -> None:
    agent.add(cameras[0], name="first", pattern="*.jpg", dest_path="race/")
    twin = WatchSpec("again", str(cameras[0]), "pit", pattern="*.jpg", dest_path="/race")
    with pytest.raises(ConflictError, match="as first already"):
        agent.verbs.add(twin)
    (cameras[0].parent / "link").symlink_to(cameras[0])
    with pytest.raises(ConflictError, match="as first already"):
        agent.verbs.add(replace(twin, directory=str(cameras[0].parent / "link")))
    others = (
        replace(twin, name="other names", pattern="*.png"),
        replace(twin, name="other place", dest_path="test"),
        replace(twin, name="on trigger", on_trigger=True),
        replace(twin, name="other folder", directory=str(cameras[1])),
    )
    for other in others:
        agent.verbs.add(other)
    agent.verbs.remove("first")
    agent.verbs.add(twin)


def test_a_folder_may_be_watched_again_once_its_watch_has_ended(agent: Agent, cameras: list[Path]) -> None:
    agent.add(cameras[0], name="first", once=True)
    until(lambda: agent.verbs.views()[0].state is WatchState.ENDED)
    agent.verbs.add(WatchSpec("again", str(cameras[0]), "pit"))
    with pytest.raises(ConflictError, match="as again already"):
        agent.verbs.resume("first")
    agent.verbs.remove("again")
    agent.verbs.resume("first")


def test_a_watch_that_is_paused_or_has_ended_is_not_looked_at_again_and_stays_so(
    tmp_path: Path, cameras: list[Path]
) -> None:
    """Also where no agent runs in this process."""
    agent = Agent(tmp_path / "state")
    for name, camera in zip(("paused", "ended"), cameras, strict=True):
        agent.add(camera, name=name)
    agent.verbs.pause("paused")
    agent.store.end_watches(["ended"], [])
    for runs_elsewhere in (False, True):
        agent.runs_elsewhere = runs_elsewhere
        with pytest.raises(ConflictError, match="paused is paused") as told:
            agent.verbs.rescan("paused")
        assert told.value.hint == "Write `drs-sync watch resume paused`."
        with pytest.raises(ConflictError, match="ended is at its end"):
            agent.verbs.rescan("ended")
    assert [(row.spec.name, row.paused, row.ended) for row in agent.store.watches()] == [
        ("ended", False, True),
        ("paused", True, False),
    ]
    assert agent.store.commands() == []
    agent.store.close()


def test_without_an_agent_a_watch_is_looked_at_by_the_next_one(tmp_path: Path, cameras: list[Path]) -> None:
    agent = Agent(tmp_path / "state")
    agent.add(cameras[0])
    agent.verbs.rescan("camera01")
    assert agent.store.commands() == []
    with pytest.raises(NotFoundError):
        agent.verbs.rescan("camera09")
    agent.store.close()


def test_a_watch_does_not_come_back_once_another_has_taken_its_place(agent: Agent, cameras: list[Path]) -> None:
    agent.add(cameras[0], name="first")
    agent.verbs.remove("first")
    agent.verbs.add(WatchSpec("other", str(cameras[0]), "pit"))
    with pytest.raises(ConflictError, match="as other already"):
        agent.verbs.restore("first")
    assert [view.spec.name for view in agent.verbs.views()] == ["other"]
    agent.store.end_watches(["other"], [])
    agent.verbs.restore("first")
    assert [view.spec.name for view in agent.verbs.views()] == ["first", "other"]


def test_a_watch_that_had_ended_comes_back_beside_another_in_its_place(agent: Agent, cameras: list[Path]) -> None:
    agent.add(cameras[0], name="first", once=True)
    until(lambda: agent.verbs.views()[0].state is WatchState.ENDED)
    agent.verbs.remove("first")
    agent.verbs.add(WatchSpec("again", str(cameras[0]), "pit"))
    agent.verbs.restore("first")
    assert [view.state for view in agent.verbs.views() if view.spec.name == "first"] == [WatchState.ENDED]


def test_of_two_who_have_one_folder_watched_in_the_same_instant_one_is_refused(
    agent: Agent, cameras: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.desk.stop()  # or it might be the one who is outrun
    watches, mine = agent.store.watches, WatchSpec("mine", str(cameras[0]), "pit")

    def outrun() -> list[WatchRow]:
        rows = watches()
        monkeypatch.undo()
        agent.store.add_watches([replace(mine, name="theirs")])
        return rows

    monkeypatch.setattr(agent.store, "watches", outrun)
    with pytest.raises(ConflictError, match="as theirs already"):
        agent.verbs.add(mine)
    assert [row.spec.name for row in watches()] == ["theirs"]


def test_no_destination_is_named_where_there_is_none(agent: Agent, cameras: list[Path]) -> None:
    with pytest.raises(NotFoundError) as told:
        agent.verbs.add(WatchSpec("camera01", str(cameras[0]), "box"))
    assert told.value.hint.endswith("name one of: pit")
    agent.store.forget_destination("pit")
    with pytest.raises(NotFoundError) as told:
        agent.verbs.add(WatchSpec("camera01", str(cameras[0]), "box"))
    assert told.value.hint == "Pair with a relay first."


def test_an_armed_camera_sends_nothing_by_itself(agent: Agent, cameras: list[Path]) -> None:
    arm(agent, cameras)
    assert agent.through() == []


def test_a_trigger_sends_this_frame_and_those_after_it_of_all_cameras_to_the_ball(
    agent: Agent, cameras: list[Path]
) -> None:
    arm(agent, cameras, max_files=3)
    run = agent.verbs.trigger(FRAME.format(4), "ball_001")
    assert (run.camera, run.cameras, run.dest_path) == ("camera01", ("camera01", "camera02"), "race/ball_001/camera01")
    until(lambda: len(agent.names()) == 6)
    agent.through()
    assert sorted(agent.names()) == [
        f"race/ball_001/{camera}/frame_{camera}_{number:09d}.jpg"
        for camera in ("camera01", "camera02")
        for number in (4, 5, 6)
    ]
    until(lambda: [view.state for view in agent.verbs.views()] == [WatchState.ARMED] * 2)


def test_a_run_without_an_end_goes_on_with_new_frames_until_the_next_trigger(agent: Agent, cameras: list[Path]) -> None:
    arm(agent, cameras)
    agent.verbs.trigger(FRAME.format(8), "one")
    until(lambda: len(agent.names()) == 4)
    (cameras[0] / FRAME.format(10)).write_bytes(b"x")
    until(lambda: f"race/one/camera01/{FRAME.format(10)}" in agent.names())
    agent.verbs.trigger(FRAME.format(10), "two")
    until(lambda: f"race/two/camera01/{FRAME.format(10)}" in agent.names())
    (cameras[0] / FRAME.format(11)).write_bytes(b"x")
    until(lambda: f"race/two/camera01/{FRAME.format(11)}" in agent.names())
    assert f"race/one/camera01/{FRAME.format(11)}" not in agent.names()


def test_a_trigger_outlives_the_agent(tmp_path: Path, cameras: list[Path]) -> None:
    agent = Agent(tmp_path / "state")
    agent.start()
    arm(agent, cameras, max_files=4)
    agent.stop()
    agent = Agent(tmp_path / "state")
    agent.verbs.trigger(FRAME.format(8), "ball")  # as a trigger server in another process does
    agent.start()
    until(lambda: len(agent.names()) == 4)
    agent.stop()
    agent = Agent(tmp_path / "state")
    agent.start()
    for number in range(10, 14):
        (cameras[0] / FRAME.format(number)).write_bytes(b"x")
    until(lambda: len(agent.names()) == 6)
    assert len(agent.through()) == 6
    agent.stop()


def test_one_frame_of_two_balls_is_sent_to_both(agent: Agent, cameras: list[Path]) -> None:
    arm(agent, cameras, max_files=1, delete_after=True)
    agent.verbs.trigger(FRAME.format(4), "one")
    agent.verbs.trigger(FRAME.format(4), "two")
    until(lambda: len(agent.names()) == 4)
    agent.store.claim("agent", 100, ["pit"])
    first, *others = [job.file_id for job in agent.store.jobs() if "camera01" in job.dest_path]
    agent.store.complete([(first, "blake3:00", "x", {}, 0)])
    agent.arrived([first])
    until(lambda: agent.view("camera01").frames_out == 1)
    assert (cameras[0] / FRAME.format(4)).exists()
    agent.store.complete([(file_id, "blake3:00", "x", {}, 0) for file_id in others])
    agent.arrived(others)
    until(lambda: not (cameras[0] / FRAME.format(4)).exists())


def test_a_frame_that_is_late_is_waited_for(agent: Agent, cameras: list[Path]) -> None:
    arm(agent, cameras, file_wait_ms=2000, max_files=1)
    late = cameras[0] / FRAME.format(12)
    timer = threading.Timer(0.2, lambda: late.write_bytes(b"x"))
    timer.start()
    agent.verbs.trigger(late.name, "ball")
    timer.join()
    until(lambda: f"race/ball/camera01/{late.name}" in agent.names())


@pytest.mark.parametrize(
    ("frame_id", "ball_id", "error"),
    [
        ("frame_camera01_000000077.jpg", "ball", SourceMissing),
        ("frame_camera07_000000004.jpg", "ball", NotFoundError),
        ("nonsense", "ball", UsageError),
        ("frame_camera01_000000004.jpg", "../ball", UsageError),
    ],
)
def test_a_trigger_that_can_t_be_followed_is_refused(
    agent: Agent, cameras: list[Path], frame_id: str, ball_id: str, error: type[Exception]
) -> None:
    arm(agent, cameras)
    with pytest.raises(error):
        agent.verbs.trigger(frame_id, ball_id)
    assert agent.through() == []


def test_a_paused_camera_refuses_its_trigger_and_is_left_out_of_others(agent: Agent, cameras: list[Path]) -> None:
    arm(agent, cameras)
    agent.verbs.pause("camera02")
    assert agent.verbs.trigger(FRAME.format(9)).cameras == ("camera01",)
    with pytest.raises(ConflictError):
        agent.verbs.trigger("frame_camera02_000000004.jpg")


def test_cameras_are_imported_all_or_none(agent: Agent, cameras: list[Path], tmp_path: Path) -> None:
    config = {folder.name: {"src": str(folder), "dest_path": "/mnt/disk-01/race/"} for folder in cameras}
    settings = WatchSpec("camera", "", "pit", pattern="*.jpg")
    config["camera03"] = {"src": str(tmp_path / "later"), "dest_path": ""}
    views = agent.verbs.import_cameras(json.dumps(config), settings)
    assert [view.spec.dest_path for view in views] == [
        "mnt/disk-01/race/camera01",
        "mnt/disk-01/race/camera02",
        "camera03",
    ]
    until(lambda: agent.view("camera03").state is WatchState.WAITING)
    until(lambda: len(agent.store.jobs()) == 20)
    with pytest.raises(ConflictError):
        agent.verbs.import_cameras(json.dumps(config | {"camera04": {"src": "/x"}}), settings)
    with pytest.raises(ConfigError):
        agent.verbs.import_cameras("{", settings)
    assert len(agent.verbs.views()) == 3


def test_a_run_of_so_many_frames_takes_the_first_by_name_though_a_later_one_is_complete_before(
    agent: Agent, cameras: list[Path]
) -> None:
    arm(agent, cameras, max_files=2)
    with (cameras[0] / FRAME.format(5)).open("ab") as writer:
        writer.write(b"more")
        writer.flush()
        agent.verbs.trigger(FRAME.format(4), "ball")
        until(lambda: f"race/ball/camera01/{FRAME.format(4)}" in agent.names())
        until(lambda: agent.view("camera01").unfinished == 1)
    until(lambda: len(agent.names()) == 4)
    assert sorted(name for name in agent.names() if "camera01" in name) == [
        f"race/ball/camera01/{FRAME.format(number)}" for number in (4, 5)
    ]


def test_a_frame_that_is_never_complete_does_not_hold_up_a_run_for_long(
    agent: Agent, cameras: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chosen, "ORDER_WAIT_NS", NS_PER_S // 5)
    arm(agent, cameras, max_files=2)
    with (cameras[0] / FRAME.format(5)).open("ab") as writer:
        writer.write(b"more")
        writer.flush()
        agent.verbs.trigger(FRAME.format(4), "ball")
        until(lambda: len(agent.names()) == 4)
    assert sorted(name for name in agent.names() if "camera01" in name) == [
        f"race/ball/camera01/{FRAME.format(number)}" for number in (4, 6)
    ]


@pytest.mark.parametrize("place", ["none", "file", "", "state", "."])
def test_a_folder_that_can_t_be_watched_is_refused(agent: Agent, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises((SourceMissing, UsageError)):
        agent.verbs.add(WatchSpec("a", str(tmp_path / place) if place else "", "pit"))
    assert agent.verbs.views() == []


def test_an_unknown_destination_is_refused(agent: Agent, cameras: list[Path]) -> None:
    with pytest.raises(NotFoundError):
        agent.verbs.add(WatchSpec("a", str(cameras[0]), "nowhere"))


def test_views_travel_between_processes_as_text() -> None:
    view = WatchView(WatchSpec("a", "/d", "pit"), WatchState.ARMED, backlog=3, fps_in=None)
    assert views_of(views_text([view])) == [view]
    assert views_of("withdrawn") == []
    assert views_of('[{"spec": {"name": ""}}]') == []


def test_an_agent_that_does_not_answer_is_not_said_to_be_away(
    tmp_path: Path, cameras: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = Agent(tmp_path / "state")
    agent.add(cameras[0])
    agent.runs_elsewhere = True
    monkeypatch.setattr(verbs, "ANSWER_WAIT_S", 0.01)
    (view,) = agent.verbs.views()
    assert (view.state, view.why) == (
        WatchState.WATCHING,
        "the agent that runs here has not answered, so figures are not known",
    )

    def full(_verb: str, _argument: str) -> int:
        raise DiskFull("there is no room left for the queue's database")

    monkeypatch.setattr(agent.store, "ask", full)
    (view,) = agent.verbs.views()
    assert view.why == "the agent can't be asked: there is no room left for the queue's database"
    agent.store.close()


def test_without_an_agent_the_kept_state_is_told(tmp_path: Path, cameras: list[Path]) -> None:
    agent = Agent(tmp_path / "state")
    agent.add(cameras[0])
    assert [(view.state, view.backlog) for view in agent.verbs.views()] == [(WatchState.IDLE, 0)]
    agent.verbs.pause("camera01")
    assert [view.state for view in agent.verbs.views()] == [WatchState.PAUSED]
    agent.store.close()
