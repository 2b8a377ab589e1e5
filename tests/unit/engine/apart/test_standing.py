from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from transfer_core.engine.apart import standing
from transfer_core.engine.apart.standing import Standing
from transfer_core.engine.apart.wire import Call
from transfer_core.errors import EngineGone, NotFoundError, PortInUse
from transfer_core.events.telemetry import ReplayState, ReplayView


class Engine:
    """Notes what it is asked, and answers what it was told to."""

    def __init__(self, **answers: Any) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answers = answers

    def ask(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        self.asked.append((verb, *args, *kwargs.items()))
        answer = self.answers.get(verb.rpartition(".")[2])
        if isinstance(answer, Exception):
            raise answer
        return answer


def after(*calls: tuple[Call, Any]) -> Standing:
    standing = Standing()
    for call, result in calls:
        standing.note(call, result)
    return standing


RELAY = SimpleNamespace(listen="0.0.0.0:41234")
PORT = SimpleNamespace(port=5005)
RACE = SimpleNamespace(race_id="r1", name="heat", udp_port=5005)


def test_a_relay_comes_again_at_the_port_that_it_had() -> None:
    engine = Engine(start_relay=RELAY)
    relay = after((Call("start_relay", ("/in", "0.0.0.0:0", "0.0.0.0:8443")), RELAY))
    assert relay.ask_again(engine.ask) == ()
    assert relay.ask_again(engine.ask) == ()
    assert engine.asked == [("start_relay", "/in", "0.0.0.0:41234", "0.0.0.0:8443")] * 2


@pytest.mark.parametrize(
    ("on", "result", "off"),
    [
        (Call("start_relay", ("/in", ":0")), RELAY, Call("stop_relay")),
        (Call("kill_link", ("LTE",)), None, Call("restore_link", ("LTE",))),
        (Call("kill_link", (), {"name": "LTE"}), None, Call("restore_link", ("LTE",))),
        (Call("simulate_link", ("LTE", {"loss": 0.5})), None, Call("simulate_link", ("LTE", None))),
        (Call("telemetry.listen", (0,)), PORT, Call("telemetry.stop_listening", (5005,))),
        (Call("telemetry.forward", (5005, "pit")), PORT, Call("telemetry.stop_forwarding", (5005,))),
        (Call("telemetry.create_race", ("heat", 0)), RACE, Call("telemetry.end_race", ("r1",))),
        (Call("telemetry.create_race", ("heat", 0)), RACE, Call("telemetry.save_race", ("r1",))),
        (Call("telemetry.forward", (5005, "pit"), {"name": "x"}), PORT, Call("telemetry.stop_forwarding", (5005,))),
    ],
    ids=lambda value: getattr(value, "verb", ""),
)
def test_what_was_switched_off_stays_off(on: Call, result: Any, off: Call) -> None:
    engine = Engine(listen=PORT, forward=PORT, create_race=RACE, start_relay=RELAY)
    assert after((on, result)).ask_again(engine.ask) == ()
    assert len(engine.asked) == 1
    gone = Engine()
    assert after((on, result), (off, None)).ask_again(gone.ask) == ()
    assert gone.asked == []


def test_a_race_goes_on_as_another_one_on_the_same_port() -> None:
    engine = Engine(create_race=SimpleNamespace(race_id="r2", name="heat", udp_port=5005))
    race = after((Call("telemetry.create_race", ("heat", 0), {"owner": "me"}), RACE))
    race.ask_again(engine.ask)
    assert engine.asked == [("telemetry.create_race", "heat", 5005, ("owner", "me"))]
    race.note(Call("telemetry.end_race", ("r2",)), None)
    race.ask_again(engine.ask)
    assert len(engine.asked) == 1


def test_those_who_are_in_a_race_are_in_the_one_that_it_goes_on_as() -> None:
    engine = Engine(create_race=SimpleNamespace(race_id="r2", name="heat", udp_port=5005))
    race = after(
        (Call("telemetry.create_race", ("heat", 0)), RACE),
        (Call("telemetry.join_race", ("r1", "Ada"), {"source_id": "10.0.0.1:5001"}), None),
        (Call("telemetry.watch_race", ("r1", "Vic")), None),
        (Call("telemetry.join_race", ("r0", "Ed")), None),  # of a race that is not recorded here
    )
    expected = [
        ("telemetry.join_race", "r2", "Ada", ("source_id", "10.0.0.1:5001")),
        ("telemetry.watch_race", "r2", "Vic"),
    ]
    for _ in range(2):  # the next engine may die too
        engine.asked.clear()
        assert race.ask_again(engine.ask) == ()
        assert engine.asked == [("telemetry.create_race", "heat", 5005), *expected]
    race.note(Call("telemetry.end_race", ("r2",)), None)
    engine.asked.clear()
    assert race.ask_again(engine.ask) == ()
    assert engine.asked == []


def replay_at(position_ns: int, state: ReplayState = ReplayState.PAUSED) -> ReplayView:
    return ReplayView("replay-1", "r1", "heat", state, 2.0, position_ns, 60, 0, None, None, "", 0)


def test_a_replay_goes_on_where_it_was_heard_of_last_under_its_name() -> None:
    opened, later = replay_at(0), replay_at(20, ReplayState.PLAYING)
    engine = Engine(open_replay=later)
    replays = after(
        (Call("telemetry.open_replay", ("r1",), {"to": "10.0.0.9:9001"}), opened),
        (Call("telemetry.play", ("replay-1",)), replay_at(10, ReplayState.PLAYING)),
        (Call("telemetry.replays"), [later]),
    )
    replays.ask_again(engine.ask)
    assert engine.asked == [("telemetry.open_replay", "r1", ("to", "10.0.0.9:9001"), ("resume", later))]
    replays.note(Call("telemetry.close_replay", ("replay-1",)), None)
    engine.asked.clear()
    replays.ask_again(engine.ask)
    assert engine.asked == []


def test_links_are_killed_again_before_anything_else() -> None:
    engine = Engine(start_relay=RELAY)
    both = after((Call("start_relay", ("/in", ":0")), RELAY), (Call("kill_link", ("LTE",)), None))
    both.ask_again(engine.ask)
    assert [asked[0] for asked in engine.asked] == ["kill_link", "start_relay"]


def test_a_link_that_is_not_found_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "LINK_EVERY_S", 0.001)
    engine = Engine(kill_link=NotFoundError("no link"))

    def found_later(*asked: Any) -> Any:
        if len(engine.asked) == 3:
            engine.answers.clear()
        return engine.ask(*asked)

    assert after((Call("kill_link", ("LTE",)), None)).ask_again(found_later) == ()
    assert len(engine.asked) == 4


def test_what_can_not_be_is_told_once() -> None:
    engine = Engine(start_relay=PortInUse("port 41234 is taken"))
    relay = after((Call("start_relay", ("/in", ":0")), RELAY))
    assert relay.ask_again(engine.ask) == ("the relay that receives here: port 41234 is taken",)
    assert relay.ask_again(engine.ask) == ()


def test_an_engine_that_dies_meanwhile_leaves_it_for_the_next() -> None:
    relay = after((Call("start_relay", ("/in", ":0")), RELAY))
    with pytest.raises(EngineGone):
        relay.ask_again(Engine(start_relay=EngineGone("dead")).ask)
    engine = Engine(start_relay=RELAY)
    relay.ask_again(engine.ask)
    assert len(engine.asked) == 1


def test_reading_is_not_noted() -> None:
    engine = Engine()
    after((Call("jobs"), []), (Call("add_paths", (["/x"],)), None)).ask_again(engine.ask)
    assert engine.asked == []
