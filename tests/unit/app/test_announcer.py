"""What is said aloud about the links."""

from __future__ import annotations

from app.models.announcer import HOLD_NS, MINUTE_NS, LinkAnnouncer
from tests.support.console_world import link_view
from transfer_core.events import LinkState
from transfer_core.units import NS_PER_S

UP, SILENT, KILLED = LinkState.UP, LinkState.SILENT, LinkState.KILLED
RETURNING = LinkState.RETURNING


def test_a_loss_and_a_return_that_holds_are_said_once_each() -> None:
    announcer = LinkAnnouncer()
    said = []
    for second in range(30):
        state = SILENT if 5 <= second < 10 else UP
        said += [(second, words) for words in announcer.follow([link_view("lte", state)], second * NS_PER_S)]
    assert said == [(5, "Link lte lost"), (10 + HOLD_NS // NS_PER_S, "Link lte is back")]


def test_links_as_they_are_at_first_are_not_said() -> None:
    assert LinkAnnouncer().follow([link_view("a", SILENT), link_view("b", UP)], 0) == []


def test_what_a_person_switches_off_is_no_loss() -> None:
    announcer = LinkAnnouncer()
    announcer.follow([link_view("lte", UP)], 0)
    assert announcer.follow([link_view("lte", KILLED)], NS_PER_S) == []


def test_a_lost_link_that_is_switched_off_or_only_returning_is_not_said_to_be_back() -> None:
    announcer = LinkAnnouncer()
    announcer.follow([link_view("lte", UP)], 0)
    said: list[tuple[int, str]] = []
    for second in range(1, 40):
        state = SILENT if second < 5 else KILLED if second < 15 else RETURNING if second < 25 else UP
        said += [(second, words) for words in announcer.follow([link_view("lte", state)], second * NS_PER_S)]
    assert said == [(1, "Link lte lost"), (25 + HOLD_NS // NS_PER_S, "Link lte is back")]


def test_switching_a_link_on_again_is_no_loss() -> None:
    announcer = LinkAnnouncer()
    for second, state in enumerate((UP, KILLED, RETURNING, UP, UP, UP, UP, UP)):
        assert announcer.follow([link_view("lte", state)], second * NS_PER_S) == []


def test_a_flapping_link_says_two_things_a_minute_at_most() -> None:
    announcer = LinkAnnouncer()
    said: list[tuple[int, str]] = []
    for tenth in range(3000):
        now_ns = tenth * NS_PER_S // 10
        state = SILENT if tenth // 15 % 2 else UP
        said += [(now_ns, words) for words in announcer.follow([link_view("lte", state)], now_ns)]
    assert [words for _, words in said] == ["Link lte lost", "Link lte is unstable"]


def test_an_unstable_link_that_holds_for_a_minute_is_back() -> None:
    announcer = LinkAnnouncer()
    for second in range(12):
        announcer.follow([link_view("lte", SILENT if second % 4 < 2 else UP)], second * NS_PER_S)
    assert announcer.follow([link_view("lte", UP)], 12 * NS_PER_S) == []
    assert announcer.follow([link_view("lte", UP)], 10 * NS_PER_S + MINUTE_NS) == ["Link lte is back"]
