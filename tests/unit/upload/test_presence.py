"""When a destination is asked whether it is there, and which link a request takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transfer_core.sim.seeded_entropy import SeededEntropy
from transfer_core.units import NS_PER_S
from transfer_core.upload.chunk_size import DEFAULT_BYTES, LARGEST_BYTES, SMALLEST_BYTES, chunk_bytes_for
from transfer_core.upload.link_choice import Candidate, choose_link, rest_ns
from transfer_core.upload.presence import LONGEST_NS, Presence


@given(st.integers(0, 1000), st.integers(1, 60))
def test_a_silent_destination_is_asked_ever_more_seldom_but_at_least_once_a_minute(seed: int, failures: int) -> None:
    presence = Presence(SeededEntropy(seed))
    now_ns = 0
    for number in range(failures):
        presence.on_trouble("gone", now_ns)
        ceiling_ns = min(LONGEST_NS, NS_PER_S << number)
        assert not presence.is_due(now_ns + ceiling_ns // 2 - 1)
        assert presence.is_due(now_ns + ceiling_ns)
        now_ns += ceiling_ns


def test_a_link_that_comes_up_has_it_asked_at_once() -> None:
    presence = Presence(SeededEntropy(1))
    for _ in range(5):
        presence.on_trouble("gone", 0)
    assert not presence.is_due(NS_PER_S)
    presence.on_link_up()
    assert presence.is_due(NS_PER_S)


def test_answers_alone_do_not_reset_the_backoff_bytes_do() -> None:
    presence = Presence(SeededEntropy(1))
    for _ in range(6):
        presence.on_trouble("breaks every upload", 0)
        presence.on_answer(0)
    presence.on_trouble("breaks every upload", 0)
    assert not presence.is_due(20 * NS_PER_S)
    presence.on_moved(0)
    presence.on_trouble("gone", 0)
    assert presence.is_due(NS_PER_S)


def test_a_destination_that_asks_to_wait_is_online_but_not_open() -> None:
    presence = Presence(SeededEntropy(1))
    presence.on_answer(0)
    presence.on_hold(5 * NS_PER_S, 0)
    assert presence.online
    assert not presence.is_open(4 * NS_PER_S)
    assert presence.is_open(5 * NS_PER_S)


def chosen(*candidates: Candidate) -> str:
    found = choose_link(candidates, 1000)
    assert found is not None
    return found.name


def test_the_best_link_is_taken() -> None:
    assert chosen(Candidate("lte", 0.4), Candidate("wifi", 0.8)) == "wifi"


def test_a_second_upload_takes_another_link_when_they_are_alike() -> None:
    assert chosen(Candidate("lte", 0.7), Candidate("wifi", 0.8, busy=1)) == "lte"


def test_a_link_that_just_failed_comes_last() -> None:
    assert chosen(Candidate("lte", 0.1), Candidate("wifi", 0.9, rests_until_ns=2000)) == "lte"
    assert chosen(Candidate("wifi", 0.9, rests_until_ns=2000)) == "wifi"


def test_a_backup_link_waits_for_the_others_to_fail() -> None:
    assert chosen(Candidate("sat", 0.9, role="backup"), Candidate("lte", 0.1)) == "lte"


def test_without_links_there_is_no_choice() -> None:
    assert choose_link([], 0) is None


def test_rests_grow_to_a_minute() -> None:
    assert [rest_ns(failures) // NS_PER_S for failures in (1, 2, 3, 6, 100)] == [2, 4, 8, 60, 60]


@given(st.none() | st.floats(0, 1e12), st.none() | st.floats(0, 1e5))
def test_a_chunk_is_never_tiny_nor_huge(rate_bps: float | None, rtt_ms: float | None) -> None:
    assert SMALLEST_BYTES <= chunk_bytes_for(rate_bps, rtt_ms) <= LARGEST_BYTES


def test_a_chunk_takes_four_seconds_of_the_link() -> None:
    assert chunk_bytes_for(None) == DEFAULT_BYTES
    assert chunk_bytes_for(16e6, 50) == 8_000_000


def test_the_pause_after_a_chunk_costs_at_most_four_percent_of_it() -> None:
    rate_bps, rtt_ms = 50e6, 200.0
    sending_s = chunk_bytes_for(rate_bps, rtt_ms) * 8 / rate_bps
    assert rtt_ms / 1000 / sending_s <= 0.041
