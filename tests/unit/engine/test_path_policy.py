"""Policies, roles, caps and quotas over sessions in virtual time."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.session_world import MS, S, SessionWorld, WorldFile
from transfer_core.config import Policy
from transfer_core.engine import path_policy
from transfer_core.engine.path_policy import Carrying, LinkRules, PathPolicy
from transfer_core.sim.conditions import LinkConditions

WIFI, LTE = LinkConditions(rate_mbps=8, delay_ms=10), LinkConditions(rate_mbps=4, delay_ms=30)
NAMES = {0: "wifi", 1: "lte"}


class Ruled:
    """A world whose session is ruled, as an agent's loop does it, every 200 ms."""

    def __init__(
        self,
        policy: Policy = Policy.BONDED,
        rules: LinkRules | None = None,
        size: int = 3_000_000,
    ) -> None:
        self.world = SessionWorld([WIFI, LTE], seed=5)
        self.chosen: list[list[int]] = []  # which paths carried data after each look
        self.paths = PathPolicy(policy)
        self.paths.rules = rules or LinkRules()
        self.world.add_file(WorldFile("a", np.random.default_rng(1).bytes(size)))
        self._rule()

    def _rule(self) -> None:
        sender = self.world.sender
        self.paths.choose("pit", sender, NAMES, self.world.now_ns, paused=False)
        self.chosen.append([number for number, path in sender.paths.items() if path.carries_data])
        carrying = [Carrying("pit", NAMES[number], path) for number, path in sender.paths.items()]
        self.paths.cap(carrying, self.world.now_ns)
        self.world.at(200 * MS, self._rule)

    def carried(self) -> list[int]:
        """Bytes of IP packets that each path has sent."""
        return [path.sender.sent_bytes for path in self.world.sender.paths.values()]

    def run_s(self, seconds: float) -> list[float]:
        """Let time pass; Mbit/s that each path has sent meanwhile."""
        before = self.carried()
        self.world.run(lambda: False, limit_s=seconds)
        return [(now - then) * 8e-6 / seconds for now, then in zip(self.carried(), before, strict=True)]

    def finish(self) -> None:
        """All arrives."""
        assert self.world.run(limit_s=60)
        self.world.assert_equal()


def test_best_uses_one_link_and_bonded_both_also_when_switched_in_mid_transfer() -> None:
    ruled = Ruled(Policy.BEST)
    ruled.run_s(1.0)
    wifi, lte = ruled.run_s(0.5)
    assert wifi > 6
    assert lte < 0.5
    ruled.paths.policy = Policy.BONDED
    wifi, lte = ruled.run_s(1.0)
    assert wifi > 6
    assert lte > 2.5
    ruled.finish()


def test_best_leaves_its_link_only_for_one_that_is_clearly_better_and_not_too_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worths = {0: 100.0, 1: 90.0}
    monkeypatch.setattr(path_policy, "worth", lambda path: worths[path.number])
    ruled = Ruled(Policy.BEST)
    ruled.run_s(0.5)
    assert ruled.chosen[-1] == [0]
    worths[1] = 105.0
    ruled.run_s(4.0)
    assert ruled.chosen[-1] == [0]  # a little better is no reason
    worths[1] = 120.0
    ruled.run_s(0.5)
    assert ruled.chosen[-1] == [1]
    worths[0] = 200.0
    ruled.run_s(1.0)
    assert ruled.chosen[-1] == [1]  # it has only just come here
    ruled.run_s(1.5)
    assert ruled.chosen[-1] == [0]


def test_a_backup_rests_as_long_as_an_overflow_link_lives() -> None:
    ruled = Ruled(rules=LinkRules(roles={"wifi": "overflow", "lte": "backup"}))
    ruled.run_s(1.0)
    assert ruled.chosen[-1] == [0]
    for way in (ruled.world.ups[0], ruled.world.downs[0]):
        way.kill()
    ruled.run_s(1.0)
    assert 1 in ruled.chosen[-1]
    ruled.finish()


def test_a_link_whose_quota_is_used_up_is_not_probed_with_data_when_it_is_silent() -> None:
    ruled = Ruled()
    ruled.paths.is_spent = lambda link: link == "lte"
    for way in (ruled.world.ups[1], ruled.world.downs[1]):
        way.kill()
    ruled.run_s(2.0)
    assert ruled.world.sender.paths[1].sender.is_silent
    assert ruled.chosen[-1] == [0]


def test_redundant_sends_every_byte_by_two_links_and_so_loses_no_time_with_one() -> None:
    ruled = Ruled(Policy.REDUNDANT, size=1_500_000)
    ruled.run_s(0.5)
    wifi, lte = ruled.run_s(0.5)
    assert wifi > 6
    assert lte > 2.5
    delivered = ruled.world.bytes_written
    for way in (ruled.world.ups[0], ruled.world.downs[0]):
        way.kill()
    began_ns = ruled.world.now_ns
    ruled.run_s(1.0)
    assert ruled.world.bytes_written > delivered
    assert ruled.world.longest_gap_ns(began_ns, ruled.world.now_ns) < 400 * MS
    ruled.finish()
    sent = sum(ruled.carried())
    assert sent > 1.3 * 1_500_000  # bonded sends 1.06 times the file


def test_an_overflow_link_helps_with_what_would_take_the_others_long_and_leaves_the_rest_to_them() -> None:
    ruled = Ruled(rules=LinkRules(roles={"lte": "overflow"}), size=7_000_000)
    assert ruled.run_s(1.0)[1] > 1  # 7 MB would take wifi 7 s
    assert ruled.world.run(lambda: ruled.world.bytes_written > 3_500_000, limit_s=20)
    assert ruled.run_s(1.0)[1] < 0.5  # the last megabytes are wifi's alone
    ruled.finish()


@pytest.mark.parametrize("role", ["overflow", "backup"])
def test_a_link_in_reserve_carries_a_small_file_only_when_no_primary_lives(role: str) -> None:
    ruled = Ruled(rules=LinkRules(roles={"lte": role}), size=2_000_000)
    ruled.run_s(0.6)
    assert ruled.run_s(0.4)[1] < 0.5
    for way in (ruled.world.ups[0], ruled.world.downs[0]):
        way.kill()
    ruled.run_s(0.6)
    assert ruled.run_s(0.5)[1] > 2.5
    ruled.finish()


def test_a_cap_on_a_link_holds_and_can_be_lifted() -> None:
    ruled = Ruled(rules=LinkRules(caps_bytes_per_s={"wifi": 250_000}), size=5_000_000)
    ruled.run_s(0.5)
    wifi, lte = ruled.run_s(2.0)
    assert 1.5 < wifi < 2.2
    assert lte > 3
    ruled.paths.rules = LinkRules()
    ruled.run_s(1.0)
    assert ruled.run_s(0.7)[0] > 5
    ruled.finish()


def test_two_relays_over_one_link_share_its_cap() -> None:
    ruled = Ruled(rules=LinkRules(caps_bytes_per_s={"wifi": 250_000}), size=5_000_000)
    ruled.run_s(0.5)
    pit, factory = ruled.world.sender.paths.values()
    ruled.paths.cap([Carrying("pit", "wifi", pit), Carrying("factory", "wifi", factory)], ruled.world.now_ns)
    caps = [path.sender.rate_cap_bytes_per_s or 0.0 for path in (pit, factory)]
    assert sum(caps) == pytest.approx(250_000)
    assert min(caps) > 0


def test_a_cap_on_all_links_is_shared_by_what_they_can_carry() -> None:
    ruled = Ruled(rules=LinkRules(total_cap_bytes_per_s=375_000), size=2_000_000)
    ruled.run_s(1.0)
    wifi, lte = ruled.run_s(2.0)
    assert 2.3 < wifi + lte < 3.3
    assert wifi > 1.2 * lte
    ruled.finish()


def test_a_link_whose_quota_is_used_up_carries_no_more_data_and_is_only_pinged() -> None:
    ruled = Ruled()
    ruled.run_s(0.5)
    ruled.paths.is_spent = lambda link: link == "lte"
    ruled.run_s(0.3)
    assert ruled.run_s(1.0)[1] < 0.05
    for way in (ruled.world.ups[0], ruled.world.downs[0]):
        way.kill()
    assert ruled.run_s(1.0)[1] < 0.05  # it would cost money: better none
    for way in (ruled.world.ups[0], ruled.world.downs[0]):
        way.restore()
    ruled.finish()
    assert ruled.world.now_ns > 3 * S
