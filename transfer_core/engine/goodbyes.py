"""Last words to the relays, when the loop ends: sessions are closed, so that nobody waits for them. In its thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from transfer_core.engine.uplink import LinkPort, Uplink
from transfer_core.errors import LinkError
from transfer_core.net.base import UdpPort
from transfer_core.protocol.endpoint import Transmit
from transfer_core.protocol.sender import SenderSession

BURSTS_MAX = 32  # what is due anyway goes first
GOODBYES = 2  # by each link


def say_goodbye(
    uplinks: Collection[Uplink],
    links: Mapping[str, LinkPort],
    next_transmit: Callable[[int], tuple[UdpPort, Transmit] | None],
    now_ns: int,
) -> None:
    """Close the sessions with all relays that answer, and tell them so by each link."""
    open_now = [(uplink, uplink.session) for uplink in uplinks if uplink.session is not None and uplink.online]
    for _, session in open_now:
        session.close()
    for _ in range(BURSTS_MAX):
        following = next_transmit(now_ns)
        if following is None:
            break
        port, transmit = following
        with suppress(LinkError):  # it is gone; what follows may go by another one
            port.send(transmit.address, transmit.payload, transmit.segment_bytes)
    for uplink, session in open_now:
        _say_by_all(uplink, session, links, now_ns)


def _say_by_all(uplink: Uplink, session: SenderSession, links: Mapping[str, LinkPort], now_ns: int) -> None:
    """Nobody is there later to say it again, and one link may be dead without our knowing it yet."""
    for number, path in session.paths.items():
        for _ in range(GOODBYES):
            transmit = session.say_again(path, now_ns)
            if transmit is None:
                return
            port = links[uplink.path_links[number]].port
            try:
                port.send(transmit.address, transmit.payload, transmit.segment_bytes)
            except LinkError:
                break  # it is gone; another one may do
