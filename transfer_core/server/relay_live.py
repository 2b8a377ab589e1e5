"""What a relay wants of whoever takes the telemetry that agents pass on live (see `live_hub`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from transfer_core.errors import DrsError
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.units import NS_PER_S

NO_DESK = "this relay keeps no telemetry: start it with --http and --races, or receive in the console"
SILENT_NS = 5 * NS_PER_S
Answer = Callable[[DrsError | None], None]


class RelayLive(Protocol):
    """Who takes live datagrams at the relay. Called in the relay's loop thread; must not block."""

    def on_feed(self, agent: bytes, name: str, feed: int, about: bytes, answer: Answer) -> None:
        """An agent offers a feed, perhaps again; `answer` is called from any thread."""
        ...

    def on_live(self, agent: bytes, feed: int, datagrams: Sequence[LiveDatagram], missing: int) -> None:
        """Datagrams of a feed that was taken, in order; `missing` did not come so far."""
        ...

    def on_feed_ended(self, agent: bytes, feed: int) -> None:
        """The agent ends a feed."""
        ...

    def on_silence(self, agent: bytes, *, silent: bool) -> None:
        """Nothing has come of an agent that passes telemetry on for `SILENT_NS`; or something comes again."""
        ...

    def on_gone(self, agent: bytes) -> None:
        """The agent's session is over."""
        ...
