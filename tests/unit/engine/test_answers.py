"""When a relay counts as answering, and what is said of one that does not."""

from __future__ import annotations

from transfer_core.engine.answers import ANSWER_NS, SILENT_NS, Answers
from transfer_core.engine.uplink import RelayTarget, Uplink
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.sender import SenderSession

NOW_NS = 10**9
RELAY = ("192.0.2.1", 9000)


class Stage:
    def __init__(self) -> None:
        self.told: list[tuple[bool, str]] = []
        self.uplink = Uplink(RelayTarget("pit", (RELAY,), b"", None))
        self.answers = Answers(lambda uplink, online, why: self.told.append((online, why)))

    def look(self, now_ns: int, *, has_links: bool = True) -> list[tuple[bool, str]]:
        """What is told then."""
        self.told.clear()
        self.answers.look(self.uplink, now_ns, has_links=has_links)
        return list(self.told)

    def begin_session(self) -> SenderSession:
        keys = PathKeys(bytes(32))
        session = SenderSession(my_index=1, peer_index=2, send_keys=keys, receive_keys=keys, window_chunks=64)
        session.add_path(0, RELAY, NOW_NS, rtt_hint_ns=10**7)
        self.uplink.session = session
        return session


def test_a_relay_that_was_never_heard_is_offline_after_a_while_and_its_address_is_named() -> None:
    stage = Stage()
    assert stage.look(NOW_NS) == stage.look(NOW_NS + ANSWER_NS) == []
    ((online, why),) = stage.look(NOW_NS + ANSWER_NS + 1)
    assert not online
    assert "192.0.2.1:9000" in why
    ((_, why),) = stage.look(NOW_NS + ANSWER_NS + 1, has_links=False)
    assert why == "no link is up that could reach the relay"


def test_one_that_refuses_this_agent_is_not_said_to_be_silent() -> None:
    stage = Stage()
    stage.uplink.refused_until_ns = NOW_NS + 100 * ANSWER_NS
    stage.look(NOW_NS)
    assert stage.look(NOW_NS + 50 * ANSWER_NS) == []


def test_a_session_is_online_from_the_first_thing_that_is_heard_and_offline_a_second_after_the_last_path_fell() -> None:
    stage = Stage()
    session = stage.begin_session()
    assert stage.look(NOW_NS) == []
    session.paths[0].last_heard_ns = NOW_NS
    assert stage.look(NOW_NS) == [(True, "")]
    session.poll_transmit(NOW_NS)  # pings, which nobody answers
    session.handle_timeout(NOW_NS + 100 * SILENT_NS)
    assert session.paths[0].sender.is_silent
    fell_ns = NOW_NS + 100 * SILENT_NS
    assert stage.look(fell_ns) == stage.look(fell_ns + SILENT_NS) == []
    assert stage.look(fell_ns + SILENT_NS + 1) == [(False, "the relay does not answer over any link")]


def test_a_closed_session_is_none() -> None:
    stage = Stage()
    stage.begin_session().closed = True
    stage.look(NOW_NS)
    ((online, why),) = stage.look(NOW_NS + ANSWER_NS + 1)
    assert (online, "192.0.2.1:9000" in why) == (False, True)
