"""How an agent gets a session with each of its relays: hellos over all links, at a pace, until one is answered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from transfer_core.clock import Clock
from transfer_core.engine.uplink import AgentListener, LinkPort, Uplink
from transfer_core.entropy import Entropy
from transfer_core.errors import LinkError, SecurityError, TokenExpired, TokenUsed, UnknownPeer, VersionRefused
from transfer_core.net.base import UdpPort
from transfer_core.protocol.endpoint import Received
from transfer_core.protocol.security.handshake import Accepted, Hello, Initiator
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.units import NS_PER_S

_LOG = logging.getLogger(__name__)
HELLO_LAST_NS = 2 * NS_PER_S
HELLO_LAST_AWAITED_NS = NS_PER_S // 2  # files are to flow again within a second of the first link that is back
HELLOS_QUICK = 20  # so many at the first pace, five seconds
HELLOS_AWAITED = 1800  # so many to one for which files wait, a quarter of an hour: each has 640 bytes
SILENT_BEFORE_HELLO_NS = 2 * NS_PER_S
REFUSED_NS = 60 * NS_PER_S


class Hellos:
    """See the module. All methods run in the loop's thread."""

    def __init__(
        self,
        identity: KeyPair,
        name: str,
        clock: Clock,
        entropy: Entropy,
        listener: AgentListener,
        links: Mapping[str, LinkPort],
        port_failed: Callable[[UdpPort, LinkError], None],
    ) -> None:
        self._identity, self._name, self._clock, self._entropy = identity, name, clock, entropy
        self._listener, self._links, self._port_failed = listener, links, port_failed

    def make(self, uplink: Uplink, counter: int) -> None:
        """The counter for a hello that was wanted."""
        uplink.hello_wanted = False
        uplink.index = int.from_bytes(self._entropy.token_bytes(4), "big")
        target = uplink.target
        uplink.initiator = Initiator(
            self._identity,
            target.public_key,
            uplink.index,
            Hello(counter, self._clock.wall_ns(), self._name, target.secret),
            self._entropy,
        )
        uplink.hello_due_ns = 0
        uplink.hello_sent_ns.clear()

    def is_needed(self, uplink: Uplink, now_ns: int) -> bool:
        """There is no session, or nothing has come by it for a while."""
        if now_ns < uplink.refused_until_ns or not self._links:
            return False
        session = uplink.session
        if session is None or session.closed:
            return True
        return uplink.silent_since_ns is not None and now_ns - uplink.silent_since_ns > SILENT_BEFORE_HELLO_NS

    def say(self, uplink: Uplink, now_ns: int) -> None:
        """Say it over each link to each address, if it is time."""
        if now_ns < uplink.hello_due_ns:
            return
        if uplink.initiator is None:
            if not uplink.hello_wanted:
                uplink.hello_wanted = True
                self._listener.hello_counter(uplink.target.name)
            return
        for link in self._links.values():
            for address in uplink.target.addresses:
                if not link.leads_to(address):
                    continue
                datagram = uplink.initiator.datagram
                try:
                    link.port.send(address, memoryview(datagram), len(datagram))
                except LinkError as error:
                    self._port_failed(link.port, error)
                    return
                uplink.hello_sent_ns[link.name] = now_ns
        uplink.hello_due_ns = now_ns + uplink.hello_wait_ns
        uplink.hellos_said += 1
        uplink.hello_wait_ns = next_wait_ns(
            uplink.hellos_said, uplink.hello_wait_ns, is_awaited=uplink.is_awaited or bool(uplink.jobs)
        )

    def answer(self, uplink: Uplink, received: Received, now_ns: int) -> Accepted | None:
        """What a welcome says; None if it is none for us, or a refusal, which is told."""
        assert uplink.initiator is not None
        try:
            return uplink.initiator.finish(bytes(received.payload[: received.segment_bytes]))
        except (TokenExpired, TokenUsed, UnknownPeer, VersionRefused) as error:
            uplink.initiator = None
            uplink.refused_until_ns = now_ns + REFUSED_NS
            self._listener.on_refused(uplink.target.name, error)
        except SecurityError as error:
            _LOG.debug("a welcome was dropped: %s", error)
        return None


def next_wait_ns(said: int, wait_ns: int, *, is_awaited: bool) -> int:
    """How long to wait after the hello that follows, when so many were said and the wait before it was that.

    `is_awaited`: files are to go to that relay, which may long have forgotten the session they began in.
    """
    if said <= HELLOS_QUICK:  # at 70 % loss one in eleven is answered
        return wait_ns
    return min(HELLO_LAST_AWAITED_NS if is_awaited and said <= HELLOS_AWAITED else HELLO_LAST_NS, wait_ns * 3 // 2)
