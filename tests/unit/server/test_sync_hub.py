"""The relay's own folders: what the relay's loop brings while it ends."""

from __future__ import annotations

from pathlib import Path

from transfer_core.config import RelayConfig
from transfer_core.server.relay import Relay
from transfer_core.server.sync_hub import SyncHub
from transfer_core.sync.parcel import Parcel, encode_parcel

AGENT = bytes(range(32))


def test_what_the_loop_brings_after_the_hubs_end_is_left_to_the_next_start(tmp_path: Path) -> None:
    hub = SyncHub("pit")
    relay = Relay(tmp_path / "state", tmp_path / "in", ("127.0.0.1", 0), RelayConfig(), companions=[hub])
    hub.serve(relay)
    relay.start()
    relay.stop()
    answers: list[object] = []
    hub.on_session(AGENT, "car")
    hub.on_parcel(AGENT, encode_parcel(Parcel("setups", "r", "car")), answers.append)
    hub.on_session_ended(AGENT)
    assert answers == []
    assert hub.sessions == {}
