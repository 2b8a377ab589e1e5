"""What one process asks of the watches of the agent that runs in another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.engine.watches.support import until
from transfer_core.engine.local_service import LocalService
from transfer_core.engine.system import SystemClock
from transfer_core.engine.watches.desk import WatchDesk
from transfer_core.events.watches import WatchSpec
from transfer_core.jobs.store import Destination, JobStore


def test_a_folder_is_looked_at_again_by_the_agent_that_watches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, camera, links = tmp_path / "state", tmp_path / "camera01", tmp_path / "links.toml"
    camera.mkdir()
    links.write_text('[[link]]\nname = "wifi"\nrate_mbps = 20\ndelay_ms = 5\n')
    agent, beside = LocalService(state, simulation=links), LocalService(state)
    store = JobStore(state, SystemClock())
    store.keep_destination(Destination("pit", "relay", ("127.0.0.1:1",), b"k" * 32))
    store.close()
    asked: list[str] = []
    monkeypatch.setattr(WatchDesk, "rescan", lambda _, name: asked.append(name))
    try:
        agent.start()
        agent.watches.add(WatchSpec("camera01", str(camera), "pit"))
        until(lambda: agent.watches.desk is not None and agent.watches.desk.views(), "watched")
        beside.watches.rescan("camera01")
        until(lambda: asked == ["camera01"], "looked at again")
    finally:
        beside.stop()
        agent.stop()
