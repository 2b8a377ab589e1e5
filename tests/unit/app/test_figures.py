from __future__ import annotations

import pytest

from app.figures import (
    DASH,
    LOST_NS,
    STALE_NS,
    age_text,
    clock_text,
    file_name,
    files_text,
    is_lost,
    is_short,
    is_stale,
    is_unheard,
    limits_text,
    moment_text,
    ms_text,
    percent_text,
    plan_text,
    shown_state,
    since_text,
    span_text,
    why_text,
    without_code,
)
from tests.support.console_world import link_view
from transfer_core.events import LinkState
from transfer_core.units import NS_PER_S


@pytest.mark.parametrize(
    ("share", "text"), [(None, DASH), (0.0, "0"), (0.0001, "<0.1"), (0.011, "1.1"), (0.5, "50"), (1.0, "100")]
)
def test_a_loss_that_is_not_zero_is_never_written_as_zero(share: float | None, text: str) -> None:
    assert percent_text(share) == text


@pytest.mark.parametrize(("value", "text"), [(None, DASH), (0.42, "0.4"), (9.94, "9.9"), (9.96, "10"), (612.4, "612")])
def test_milliseconds_have_a_fraction_only_where_it_matters(value: float | None, text: str) -> None:
    assert ms_text(value) == text


def test_an_age_of_never_is_a_dash_and_one_from_the_future_is_zero() -> None:
    assert age_text(None, 5) == DASH
    assert age_text(10, 5) == "0.0 s ago"
    assert age_text(0, 200_000_000) == "0.2 s ago"


def test_utc_text_is_cut_for_people() -> None:
    assert moment_text("2026-11-21T14:32:07.250Z") == "2026-11-21 14:32:07"
    assert clock_text("2026-11-21T14:32:07.250Z") == "14:32:07"
    assert moment_text(None) == clock_text(None) == ""


def test_figures_are_stale_and_then_lost_by_their_age() -> None:
    assert not is_stale(0, STALE_NS)
    assert is_stale(0, STALE_NS + 1)
    assert not is_lost(LinkState.UP, 0, LOST_NS)
    assert is_lost(LinkState.UP, 0, LOST_NS + 1)
    assert is_lost(LinkState.UP, None, 0)


@pytest.mark.parametrize("state", [LinkState.KILLED, LinkState.DOWN, LinkState.UNUSED])
def test_a_link_that_is_off_has_no_figures_however_fresh(state: LinkState) -> None:
    assert is_lost(state, 0, 0)


def test_a_killed_link_tells_when_and_others_how_long() -> None:
    assert since_text(LinkState.KILLED, 0, 12_000_000_000) == "killed 12 s ago"
    assert since_text(LinkState.SILENT, 0, 3_000_000_000) == "silent for 3.0 s"
    assert since_text(LinkState.DOWN, None, 0) == "down"


@pytest.mark.parametrize(
    ("limits", "line", "words"),
    [
        ({}, "", ""),
        ({"rate_cap_bps": 20e6}, "cap 20 Mbit/s", "at most 20 Mbit/s"),
        (
            {"quota_bytes": 20_000_000_000, "used_bytes": 16_400_000_000, "quota_renews": "2026-12-01"},
            "16.4 of 20.0 GB used",
            "3.6 GB of 20.0 GB left until 2026-12-01",
        ),
        (
            {"rate_cap_bps": 1.5e6, "quota_bytes": 2_000_000_000, "used_bytes": 900_000_000},
            "cap 1.5 · 900 MB of 2.0 GB",
            "at most 1.5 Mbit/s, 1.1 GB of 2.0 GB left",
        ),
    ],
)
def test_what_a_link_may_is_told_in_a_line_and_in_words(limits: dict[str, object], line: str, words: str) -> None:
    link = link_view("lte", **limits)
    assert limits_text(link) == line
    assert plan_text(link) == words


def test_a_quota_is_short_from_nine_tenths_on() -> None:
    assert not is_short(link_view("lte"))
    assert not is_short(link_view("lte", quota_bytes=100, used_bytes=89))
    assert is_short(link_view("lte", quota_bytes=100, used_bytes=90))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0.2 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (41_880, "11 h"), (172_800, "2 days")],
)
def test_an_age_is_short_enough_for_a_tile(seconds: float, text: str) -> None:
    assert span_text(round(seconds * NS_PER_S)) == text


def test_what_a_state_says_already_is_not_said_twice() -> None:
    assert why_text(link_view("lte", LinkState.KILLED, why="killed by you")) == "by you"
    assert why_text(link_view("lte", LinkState.DEGRADED, why="loss of 30 %")) == "loss of 30 %"


def test_a_link_that_is_not_heard_of_is_not_shown_as_up() -> None:
    link = link_view("lte", measured_ns=0)
    assert shown_state(link, 5 * NS_PER_S) is LinkState.UP
    assert shown_state(link, 11 * NS_PER_S) is LinkState.IDLE
    assert not is_unheard(link_view("lte", LinkState.KILLED, measured_ns=0), 11 * NS_PER_S)


def test_many_files_are_counted_in_thousands() -> None:
    assert [files_text(count) for count in (0, 1, 2, 10_003)] == ["0 files", "1 file", "2 files", "10,003 files"]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/data/stint 2.mcap", "stint 2.mcap"),
        ("/data/телеметрия_テレメトリー.mcap", "телеметрия_テレメトリー.mcap"),
        ("/data/one\nline.tar", "one\N{REPLACEMENT CHARACTER}line.tar"),
        ("/data/fdp\u202eexe.bin", "fdp\N{REPLACEMENT CHARACTER}exe.bin"),
        ("/data/no\udcffutf8.bin", "no\N{REPLACEMENT CHARACTER}utf8.bin"),
        ("/", "/"),
    ],
)
def test_a_file_s_name_is_one_line_that_reads_as_it_is_written(path: str, shown: str) -> None:
    assert file_name(path) == shown


def test_a_reason_is_told_without_its_code() -> None:
    assert without_code("E_TOKEN: the server refuses the key") == "the server refuses the key"
    assert without_code("no answer: over UDP") == "no answer: over UDP"
