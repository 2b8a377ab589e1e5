"""Pairing over a relay's HTTP side, for when UDP does not get through: the hello of the UDP handshake, in a request.

UDP has a moment to do it first. The hello's counter comes from the same row as those over UDP, so that neither is taken
for a copy of the other; once the relay has accepted it, the next hello over UDP is a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transfer_core.clock import Clock
from transfer_core.entropy import Entropy
from transfer_core.errors import DrsError, ServerRefused, TokenExpired, TokenUsed, UnknownPeer, VersionRefused
from transfer_core.jobs.store import Destination
from transfer_core.protocol.security.handshake import Hello, Initiator
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.units import NS_PER_S

if TYPE_CHECKING:
    from transfer_core.upload.kinds import Target
    from transfer_core.upload.session import LinkSession

UDP_FIRST_NS = 2 * NS_PER_S
REFUSED_NS = 60 * NS_PER_S
PATH = "/pair"


@dataclass(frozen=True, slots=True)
class AgentSelf:
    """What an agent says of itself when it pairs, and the bearer by which a relay knows it after that."""

    identity: KeyPair
    name: str
    bearer: Callable[[bytes], str]


class HttpPairing:
    """Probes relays, and pairs with those that this agent has a token for. Used by the threads that probe."""

    def __init__(
        self,
        me: AgentSelf,
        clock: Clock,
        entropy: Entropy,
        counter: Callable[[str], int],
        paired: Callable[[str], None],
        refused: Callable[[str, DrsError], None],
    ) -> None:
        self._me, self._clock, self._entropy = me, clock, entropy
        self._counter, self._paired, self._refused = counter, paired, refused
        self._since_ns: dict[bytes, int] = {}  # by token: when its relay first said that it does not know this agent
        self._refusals: dict[bytes, DrsError] = {}  # by token: why it was not taken

    def ask(self, relay: Destination | None, target: Target, session: LinkSession) -> None:
        """Is it there, and does it take this agent? Pair with it if it does not and there is a token. DrsError."""
        from transfer_core.upload.probe import probe  # noqa: PLC0415 - an agent that starts sends first

        try:
            probe(target, session)
        except ServerRefused as error:
            if relay is None or relay.secret is None:
                raise
            if not self._is_time(relay.secret):
                raise self._refusals.get(relay.secret, error) from None
            self._pair(relay, relay.secret, target, session)
            probe(target, session)

    def _is_time(self, token: bytes) -> bool:
        now_ns = self._clock.monotonic_ns()
        return now_ns - self._since_ns.setdefault(token, now_ns) >= UDP_FIRST_NS

    def _pair(self, relay: Destination, token: bytes, target: Target, session: LinkSession) -> None:
        """ServerRefused; TokenExpired, TokenUsed, UnknownPeer, VersionRefused; what a request raises."""
        from transfer_core.upload.door import Step  # noqa: PLC0415
        from transfer_core.upload.judge import raise_for  # noqa: PLC0415
        from transfer_core.upload.probe import perform  # noqa: PLC0415

        index = int.from_bytes(self._entropy.token_bytes(4), "big")
        hello = Hello(self._counter(relay.name), self._clock.wall_ns(), self._me.name, token)
        initiator = Initiator(self._me.identity, relay.public_key, index, hello, self._entropy)
        url, headers = target.url.rstrip("/") + PATH, {"Content-Type": "application/octet-stream"}
        step = Step("the pairing", "POST", url, headers, head=initiator.datagram, patience_s=10)
        answer = perform(step, target, session)
        if answer.status != 200:
            raise_for(answer, step.what)
        try:
            initiator.finish(answer.body)
        except (TokenExpired, TokenUsed, UnknownPeer, VersionRefused) as error:
            self._since_ns[token] = self._clock.monotonic_ns() + REFUSED_NS
            self._refusals[token] = error
            self._refused(relay.name, error)
            raise
        self._since_ns.pop(token, None)
        self._refusals.pop(token, None)
        self._paired(relay.name)
