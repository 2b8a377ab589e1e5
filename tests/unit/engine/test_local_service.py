"""The agent as its listeners see it."""

from __future__ import annotations

import time
from pathlib import Path

from transfer_core.engine.local_service import LocalService
from transfer_core.errors import NotFoundError
from transfer_core.events import LinkMarked

WAIT_S = 60.0
LINKS = """
[[link]]
name = "wifi"
rate_mbps = 20
delay_ms = 5
"""


def kill(service: LocalService, link: str) -> None:
    """As soon as it is in use, which the first scan finds."""
    end = time.monotonic() + WAIT_S
    while True:
        try:
            return service.kill_link(link)
        except NotFoundError:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_who_begins_to_listen_is_told_what_happened_to_links_before(tmp_path: Path) -> None:
    (tmp_path / "links.toml").write_text(LINKS)
    service = LocalService(tmp_path / "state", simulation=tmp_path / "links.toml")
    try:
        service.start()
        kill(service, "wifi")
        subscription = service.subscribe()
        service.restore_link("wifi")
        marks = [event.mark.what for event in subscription.drain() if isinstance(event, LinkMarked)]
        assert marks == ["kill", "restore"]
        subscription.close()
    finally:
        service.stop()
