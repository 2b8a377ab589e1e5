from __future__ import annotations

from transfer_core.engine.stand_in import StandIn


class Listener:
    def __init__(self) -> None:
        self.heard: list[object] = []

    def on_post(self, relay: str, *, data: bytes) -> None:
        self.heard.append((relay, data))

    def on_session(self, relay: str) -> None:
        self.heard.append(relay)


def test_calls_are_made_in_their_order_once_somebody_is_there() -> None:
    stand_in, listener = StandIn(), Listener()
    stand_in.on_session("pit")
    stand_in.on_post("pit", data=b"1")
    stand_in.on_session("factory")
    stand_in.make_way(listener)
    assert listener.heard == ["pit", ("pit", b"1"), "factory"]


def test_no_call_is_made_twice() -> None:
    stand_in, listener = StandIn(), Listener()
    stand_in.on_session("pit")
    stand_in.make_way(listener)
    stand_in.make_way(listener)
    assert listener.heard == ["pit"]
