"""Which commands of the Telemetry page are refused, and with which words."""

from __future__ import annotations

import pytest

from app.actions import COMMANDS
from app.models.telemetry_offers import FIRST_SELECT, NOT_RECORDING, NOTHING_TO_MARK, refusals


def test_with_nothing_selected_recorded_or_replayed_each_says_what_is_missing() -> None:
    assert refusals(has_selected=False, is_recording=False, is_replaying=False) == {
        **dict.fromkeys(("replay", "compare", "export", "delete"), FIRST_SELECT),
        **dict.fromkeys(("end", "join"), NOT_RECORDING),
        "mark": NOTHING_TO_MARK,
    }


def test_a_race_that_is_recorded_can_be_ended_joined_and_marked() -> None:
    why = refusals(has_selected=False, is_recording=True, is_replaying=False)
    assert {name for name, words in why.items() if not words} == {"end", "join", "mark"}


def test_a_moment_of_a_replay_can_be_marked_though_nothing_is_recorded() -> None:
    why = refusals(has_selected=True, is_recording=False, is_replaying=True)
    assert {name for name, words in why.items() if words} == {"end", "join"}


@pytest.mark.parametrize("name", refusals(has_selected=True, is_recording=True, is_replaying=True))
def test_what_is_refused_is_a_command(name: str) -> None:
    assert f"telemetry.{name}" in COMMANDS
