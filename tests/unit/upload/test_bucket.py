"""Caps and fairness, on a clock of its own."""

from __future__ import annotations

import pytest

from transfer_core.units import NS_PER_S
from transfer_core.upload.bucket import BURST_MIN_BYTES, Bandwidth, TokenBucket

BLOCK = 64 * 1024


class Race:
    """Uploads that always want more, asked in turn until the clock ends."""

    def __init__(self, bandwidth: Bandwidth) -> None:
        self.bandwidth = bandwidth
        self.now_ns = 0
        self.sent: dict[str, int] = {}

    def run(self, seconds: float, uploads: dict[str, str], block: int = BLOCK) -> None:
        end_ns = self.now_ns + int(seconds * NS_PER_S)
        free_ns = dict.fromkeys(uploads, self.now_ns)
        while True:
            name = min(free_ns, key=lambda each: free_ns[each])
            self.now_ns = max(self.now_ns, free_ns[name])
            if self.now_ns >= end_ns:
                return
            grant = self.bandwidth.ask(name, uploads[name], block, self.now_ns)
            self.sent[name] = self.sent.get(name, 0) + grant.size
            free_ns[name] = self.now_ns + (1_000_000 if grant.size else grant.wait_ns)


def test_no_more_leaves_than_the_cap_and_its_burst() -> None:
    bandwidth = Bandwidth()
    bandwidth.set_caps(80e6, {}, 0)
    race = Race(bandwidth)
    race.run(3, {"a": "box"})
    assert 0.97 * 30e6 < race.sent["a"] <= 30e6 + 1e6


def test_without_a_cap_everything_goes_at_once() -> None:
    assert Bandwidth().ask("a", "box", 10**9, 0).size == 10**9


def test_uploads_share_a_cap_by_bytes_whatever_the_size_of_their_blocks() -> None:
    bandwidth = Bandwidth()
    bandwidth.set_caps(80e6, {}, 0)
    race = Race(bandwidth)
    race.run(3, {"a": "box", "b": "box", "c": "other"})
    shares = sorted(race.sent.values())
    assert shares[2] - shares[0] < 1e6
    assert sum(shares) > 0.95 * 30e6


def test_one_that_comes_later_neither_starves_nor_is_paid_for_the_past() -> None:
    bandwidth = Bandwidth()
    bandwidth.set_caps(80e6, {}, 0)
    race = Race(bandwidth)
    race.run(2, {"a": "box"})
    before = race.sent["a"]
    race.run(2, {"a": "box", "late": "box"})
    assert abs((race.sent["a"] - before) - race.sent["late"]) < 1e6


def test_a_slow_destination_does_not_hold_up_another() -> None:
    bandwidth = Bandwidth()
    bandwidth.set_caps(80e6, {"slow": 0.8e6}, 0)
    race = Race(bandwidth)
    race.run(3, {"a": "slow", "b": "box"})
    assert race.sent["a"] <= 0.3e6 + BURST_MIN_BYTES
    assert race.sent["b"] > 0.9 * 29e6


def test_a_cap_of_nothing_lets_nothing_pass_until_it_is_lifted() -> None:
    bandwidth = Bandwidth()
    bandwidth.set_caps(0.0, {}, 0)
    assert bandwidth.ask("a", "box", BLOCK, 10 * NS_PER_S).size == 0
    bandwidth.set_caps(None, {}, 11 * NS_PER_S)
    assert bandwidth.ask("a", "box", BLOCK, 11 * NS_PER_S).size == BLOCK


def test_a_clock_that_stands_still_or_goes_back_fills_nothing() -> None:
    bucket = TokenBucket(1e6, 5 * NS_PER_S)
    bucket.take(bucket.look(10**9, 5 * NS_PER_S).size)
    assert bucket.look(BLOCK, 4 * NS_PER_S).size == 0
    assert bucket.look(BLOCK, 5 * NS_PER_S).wait_ns == pytest.approx(16.4e6, rel=0.2)


def test_a_cap_of_a_link_holds_for_all_that_goes_over_it_and_for_nothing_else() -> None:
    bandwidth, sent = Bandwidth(), {"a": 0, "b": 0, "c": 0}
    bandwidth.set_link_caps({"lte": 8 * 1_000_000}, 0)
    links = {"a": "lte", "b": "lte", "c": "wifi"}
    for now_ns in range(0, 4 * NS_PER_S, NS_PER_S // 1000):
        for name, link in links.items():
            sent[name] += bandwidth.ask(name, f"box of {name}", 30_000, now_ns, link=link).size
    assert sent["a"] + sent["b"] == pytest.approx(4_000_000, rel=0.05)
    assert sent["a"] == pytest.approx(sent["b"], rel=0.05)
    assert sent["c"] == 4000 * 30_000
    bandwidth.set_link_caps({}, 4 * NS_PER_S)
    assert bandwidth.ask("a", "box of a", 10**9, 4 * NS_PER_S, link="lte").size == 10**9
