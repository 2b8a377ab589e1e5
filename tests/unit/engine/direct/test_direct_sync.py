"""Machines of a shared folder on one network: they reach each other directly, and through the relay when they can't."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.near_team import NearTeam, near_team
from transfer_core.engine.identity import load_identity
from transfer_core.engine.system import SystemClock
from transfer_core.events.sync import SyncState
from transfer_core.protocol.security.tokens import fingerprint
from transfer_core.storage.relay_store import RelayStore


@pytest.fixture
def team(tmp_path: Path) -> Iterator[NearTeam]:
    with near_team(tmp_path) as made:
        made.share()
        yield made


def both(team: NearTeam, way: str) -> bool:
    return all(team.ways(name) == [way] for name in team.agents)


def test_machines_that_are_near_go_direct_and_go_on_when_the_relay_is_gone(team: NearTeam) -> None:
    team.until(lambda: both(team, "direct"))
    team.stop_relay()
    team.save("pit0", "setup.json", b"from pit0")
    team.until(lambda: team.has("pit1", "setup.json", b"from pit0"))
    team.save("pit1", "setup.json", b"from pit1")
    team.until(lambda: team.has("pit0", "setup.json", b"from pit1"))
    big = random.Random(5).randbytes(3_000_000)
    team.save("pit1", "lap.bin", big)
    team.until(lambda: team.has("pit0", "lap.bin", big))
    team.start_relay()
    team.until(lambda: team.has("relay", "lap.bin", big) and team.has("relay", "setup.json", b"from pit1"))


def test_an_announcement_has_a_fingerprint_and_a_port_and_no_more(team: NearTeam) -> None:
    team.until(lambda: len(team.air.heard) == 2)
    prints = {fingerprint(load_identity(team.folder / name).public) for name in team.agents}
    assert {announced for announced, _ in team.air.heard} == prints


def test_a_machine_that_only_dials_still_gets_everything(tmp_path: Path) -> None:
    with near_team(tmp_path) as team:
        team.air.hides_next = True  # what is behind a firewall: nobody can dial it, and it hears of nobody
        first, second = team.agents
        team.share()
        team.until(lambda: len(team.air.heard) == 2)
        assert both(team, "through factory")
        team.air.hidden.discard(team.air.heard[0][1])
        team.air.hides_next = False
        team.stop(second)
        team.start(second)  # it hears of the first now, which does not hear of it
        team.until(lambda: both(team, "direct"))
        team.stop_relay()
        content = random.Random(6).randbytes(400_000)
        team.save(first, "a.bin", content)
        team.until(lambda: team.has(second, "a.bin", content))
        team.save(second, "b.bin", content)
        team.until(lambda: team.has(first, "b.bin", content))


def test_when_the_direct_way_ends_the_relay_carries_on_at_once(team: NearTeam) -> None:
    team.until(lambda: both(team, "direct"))
    agent = team.agents["pit1"]
    agent.change_settings(replace(agent.settings(), sync_direct=False))
    team.until(lambda: both(team, "through factory"))
    team.save("pit0", "setup.json", b"by the relay")
    took_s = team.until(lambda: team.has("pit1", "setup.json", b"by the relay"))
    assert took_s < 20  # half a second on a quiet machine; it would be asked for again after a minute
    agent.change_settings(replace(agent.settings(), sync_direct=True))
    team.until(lambda: both(team, "direct"))


def test_edits_on_both_sides_that_go_both_ways_end_as_two_files_everywhere(team: NearTeam) -> None:
    team.until(lambda: both(team, "direct"))
    team.save("pit0", "setup.json", b"old")
    team.until(lambda: team.has("pit1", "setup.json", b"old") and team.has("relay", "setup.json", b"old"))
    team.stop("pit1")
    team.save("pit0", "setup.json", b"from pit0")
    team.save("pit1", "setup.json", b"from pit1, longer")
    team.until(lambda: team.has("relay", "setup.json", b"from pit0"))
    team.start("pit1")

    def contents(name: str) -> list[bytes]:
        return sorted(path.read_bytes() for path in team.root(name).iterdir() if path.is_file())

    both_kept = [b"from pit0", b"from pit1, longer"]
    team.until(lambda: all(contents(name) == both_kept for name in ("pit0", "pit1", "relay")))
    team.until(lambda: all(team.view(name).state is SyncState.SYNCED for name in team.agents))


def test_a_machine_that_the_relay_has_revoked_is_not_let_in_any_more(team: NearTeam) -> None:
    team.until(lambda: both(team, "direct"))
    store = RelayStore(team.folder / "relay", SystemClock())
    key = load_identity(team.folder / "pit1").public
    assert store.revoke(next(each.folder for each in store.agents() if each.public_key == key)) == 1
    store.close()
    team.until(lambda: team.others("pit0") == [])
    team.save("pit1", "late.json", b"from one who is out")
    team.save("pit0", "setup.json", b"new")
    team.until(lambda: team.has("relay", "setup.json", b"new"))
    assert not team.has("pit0", "late.json", b"from one who is out")
    assert not team.has("pit1", "setup.json", b"new")


def test_a_folder_that_is_left_ends_the_direct_way(team: NearTeam) -> None:
    team.until(lambda: both(team, "direct"))
    team.agents["pit1"].sync.leave("setups")
    team.until(lambda: team.ways("pit0") == ["through factory"])
    assert team.agents["pit1"].sync.store.members("setups") == ()
