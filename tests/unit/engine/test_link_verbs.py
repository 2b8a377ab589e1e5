"""What one process asks of the links of the agent that runs in another one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from transfer_core.engine.link_verbs import links_of, links_text
from transfer_core.engine.local_service import LocalService
from transfer_core.errors import StateLocked
from transfer_core.events import LinkKind, LinkScore, LinkState, LinkView

WAIT_S = 60.0
LINKS = """
[[link]]
name = "wifi"
rate_mbps = 20
delay_ms = 5

[[link]]
name = "5g"
rate_mbps = 50
delay_ms = 20
"""


@pytest.fixture
def simulation(tmp_path: Path) -> Path:
    file = tmp_path / "links.toml"
    file.write_text(LINKS)
    return file


@pytest.fixture
def agent(tmp_path: Path, simulation: Path) -> Iterator[LocalService]:
    service = LocalService(tmp_path / "state", simulation=simulation)
    service.start()
    yield service
    service.stop()


@pytest.fixture
def beside(agent: LocalService, tmp_path: Path) -> Iterator[LocalService]:
    """What a command opens while the agent runs."""
    service = LocalService(tmp_path / "state")
    yield service
    service.stop()


def test_links_come_over_as_they_are() -> None:
    scored = LinkView(
        "wlan0",
        LinkKind.WIFI,
        "wlan0",
        LinkState.UP,
        addresses=("10.0.0.2", "fd00::2"),
        rtt_ms=3.5,
        score=LinkScore(0.8, 0.5, 0.9, 1.0, 0.7),
        measured_ns=12,
        quota_bytes=1 << 40,
    )
    unused = LinkView("lo", LinkKind.ETHERNET, "", LinkState.UNUSED, why="it is loopback")
    assert links_of(links_text([scored, unused])) == [scored, unused]
    assert links_of(links_text([])) == []


@pytest.mark.parametrize("text", ["ok", "withdrawn", "[1]", '[{"name": "wlan0"}]'])
def test_an_answer_of_another_version_is_no_link(text: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        links_of(text)


def test_a_scan_beside_an_agent_shows_the_links_of_that_agent(agent: LocalService, beside: LocalService) -> None:
    end = time.monotonic() + WAIT_S
    while len(agent.links()) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert [(link.name, link.simulated) for link in beside.scan()] == [("wifi", True), ("5g", True)]


def test_a_scan_with_links_of_its_own_is_refused_while_an_agent_runs(
    agent: LocalService, tmp_path: Path, simulation: Path
) -> None:
    other = LocalService(tmp_path / "state", simulation=simulation)
    try:
        with pytest.raises(StateLocked):
            other.scan()
    finally:
        other.stop()
