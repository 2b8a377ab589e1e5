"""The agent as its listeners see it."""

from __future__ import annotations

from pathlib import Path

from transfer_core.engine.local_service import LocalService
from transfer_core.events import LinkMarked

LINKS = """
[[link]]
name = "wifi"
rate_mbps = 20
delay_ms = 5
"""


def test_who_begins_to_listen_is_told_what_happened_to_links_before(tmp_path: Path) -> None:
    (tmp_path / "links.toml").write_text(LINKS)
    service = LocalService(tmp_path / "state", simulation=tmp_path / "links.toml")
    try:
        service.start()
        service.kill_link("wifi")
        subscription = service.subscribe()
        service.restore_link("wifi")
        marks = [event.mark.what for event in subscription.drain() if isinstance(event, LinkMarked)]
        assert marks == ["kill", "restore"]
        subscription.close()
    finally:
        service.stop()
