"""Which destinations can be reached, and when a relay is sent to over HTTP."""

from __future__ import annotations

from transfer_core.engine.reach import FALLBACK_NS, Reach
from transfer_core.units import NS_PER_S


def test_a_relay_falls_back_only_after_a_while_and_only_to_what_answers() -> None:
    reach = Reach()
    reach.keep(["pit"], 0)
    assert reach.online("pit") is None
    assert not reach.falls_back("pit", 10 * FALLBACK_NS)
    assert reach.http_changed("pit", True, "")
    assert not reach.falls_back("pit", FALLBACK_NS - 1)
    assert reach.falls_back("pit", FALLBACK_NS)
    assert reach.online("pit")


def test_udp_that_answers_ends_the_fallback_and_counts_anew_when_it_is_lost() -> None:
    reach = Reach()
    reach.keep(["pit"], 0)
    reach.http_changed("pit", True, "")
    assert reach.own_changed("pit", True, "", 20 * NS_PER_S)
    assert not reach.falls_back("pit", 10**15)
    assert reach.why("pit") == ""
    assert reach.own_changed("pit", False, "no answer", 30 * NS_PER_S)
    assert not reach.own_changed("pit", False, "no answer", 31 * NS_PER_S)
    assert not reach.falls_back("pit", 31 * NS_PER_S)
    assert reach.falls_back("pit", 30 * NS_PER_S + FALLBACK_NS)
    assert "files go over HTTP" in reach.why("pit")


def test_what_is_not_there_says_why_in_both_ways() -> None:
    reach = Reach()
    reach.keep(["pit", "box"], 0)
    reach.own_changed("pit", False, "no answer", 0)
    reach.http_changed("pit", False, "refused")
    assert reach.why("pit") == "no answer; over HTTP: refused"
    assert reach.first_why() == f"pit: {reach.why('pit')}"
    assert reach.all_online() == {"pit": False}
    reach.keep(["box"], 1)
    assert reach.all_online() == {}
    assert reach.first_why() == ""


def test_a_relay_that_refuses_this_agent_says_so() -> None:
    reach = Reach()
    reach.keep(["pit"], 0)
    reach.refused("pit", "E_TOKEN_USED: it was used")
    assert reach.why("pit") == "E_TOKEN_USED: it was used"
    assert not reach.own("pit")
