"""Sessions that others begin by saying hello: at a relay, and at the door for machines that are near.

A key has one session that is proven, and at most one more that nothing has come by yet: a welcome may be lost, a hello
may be played again by an eavesdropper, and neither may cost the session that is in use. A copy of a hello, by another
link or sent again since no answer came, gets the same welcome again, so often and no more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from transfer_core.clock import Clock
from transfer_core.engine.parcels import Parcels
from transfer_core.entropy import Entropy
from transfer_core.errors import SecurityError
from transfer_core.protocol.place import ALONE, Place
from transfer_core.protocol.receiver import ReceiverSession
from transfer_core.protocol.security.handshake import Opened, Status, Welcome, answer_hello, open_hello
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.wire.chunk_record import CHUNK_BYTES_MAX

_LOG = logging.getLogger(__name__)
WELCOMES_MAX = 64  # to copies of one hello, until something comes back that only its sender can have sealed


@dataclass(slots=True, eq=False)
class Guest:
    """A session that came in, and what is kept beside it. Touched by the loop's thread."""

    protocol: ReceiverSession
    agent: bytes  # its public key
    name: str
    welcome: bytes
    born_ns: int
    parcels: Parcels = field(default_factory=Parcels)
    posts: dict[int, Callable[[], None]] = field(default_factory=dict)  # who waits for a post to be taken
    welcomes: int = 1  # how often it was sent
    is_ended: bool = False
    is_proven: bool = False  # something has come by it; until then the agent's former session goes on


GuestT = TypeVar("GuestT", bound=Guest)


class Guests(Generic[GuestT]):
    """See the module. `ended` is told of each proven session that is over. For the loop's thread."""

    def __init__(
        self,
        make: Callable[[ReceiverSession, bytes, str, bytes, int], GuestT],
        ended: Callable[[GuestT], None],
        *,
        identity: KeyPair,
        name: str,
        window_chunks: int,
        hellos_kept: int,
        clock: Clock,
        entropy: Entropy,
        place: Place = ALONE,
    ) -> None:
        self._make, self._ended = make, ended
        self._identity, self._name = identity, name
        self._window_chunks, self._hellos_kept = window_chunks, hellos_kept
        self._clock, self._entropy, self._place = clock, entropy, place
        self._hellos: dict[bytes, GuestT | None] = {}
        self.sessions: dict[int, GuestT] = {}

    def proven(self) -> list[GuestT]:
        """Sessions that are in use. Any thread."""
        return [guest for guest in list(self.sessions.values()) if guest.is_proven]

    def post(self, agent: bytes, data: bytes, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        """Bring something to an agent; without a session it is dropped."""
        guest = next((each for each in self.proven() if each.agent == agent), None)
        if guest is not None:
            number = guest.protocol.post(data, urgent=urgent)
            if delivered is not None:
                guest.posts[number] = delivered

    # --- hellos

    def hear(self, datagram: bytes) -> Opened | bytes | None:
        """A hello: opened if it is a new one for this machine, a welcome to say again if it is a copy, else None."""
        if datagram in self._hellos:
            guest = self._hellos[datagram]
            if guest is None or guest.is_proven or guest.welcomes >= WELCOMES_MAX:
                return None
            guest.welcomes += 1
            return guest.welcome
        try:
            opened = open_hello(self._identity, datagram)
        except SecurityError as error:
            _LOG.debug("a hello was dropped: %s", error)
            return None
        self._hellos[datagram] = None
        if len(self._hellos) > self._hellos_kept:
            self._hellos.pop(next(iter(self._hellos)))
        return opened

    def forget_unanswered(self) -> None:
        """Who was not known before says the same hello again: it is to be heard."""
        for datagram in [each for each, guest in self._hellos.items() if guest is None]:
            del self._hellos[datagram]

    def answer(self, asked: bytes, opened: Opened, status: Status) -> tuple[bytes, GuestT | None]:
        """The answer to a hello, and the session that begins with it, if it is accepted."""
        index = self._new_index()
        welcome = Welcome(status, index, self._window_chunks, CHUNK_BYTES_MAX, self._clock.wall_ns(), self._name)
        datagram, send_keys, receive_keys = answer_hello(opened, welcome, self._entropy)
        if status is not Status.ACCEPTED:
            return datagram, None
        self._end_others(opened.agent_public, proven=False)
        protocol = ReceiverSession(
            my_index=index,
            peer_index=opened.agent_index,
            send_keys=send_keys,
            receive_keys=receive_keys,
            window_chunks=self._window_chunks,
        )
        now_ns = self._clock.monotonic_ns()
        guest = self._make(protocol, opened.agent_public, opened.hello.name, datagram, now_ns)
        self.sessions[index] = self._hellos[asked] = guest
        return datagram, guest

    def _new_index(self) -> int:
        while (
            index := self._place.session_number(int.from_bytes(self._entropy.token_bytes(4), "big"))
        ) in self.sessions:
            pass
        return index

    # --- from the first datagram to the end

    def prove(self, guest: GuestT) -> None:
        """Something has come that only its agent can have sealed: it has given up the session before. A welcome alone
        proves nothing: it may be lost, or come when the agent hears from its former session again."""
        self._end_others(guest.agent, proven=True)
        guest.is_proven = True

    def _end_others(self, agent: bytes, *, proven: bool) -> None:
        for index, guest in list(self.sessions.items()):
            if guest.agent == agent and guest.is_proven is proven:
                self.end(index)

    def end(self, index: int) -> None:
        """A session is over. May be called twice."""
        guest = self.sessions.pop(index, None)
        if guest is None:
            return
        guest.is_ended = True
        if guest.is_proven:
            self._ended(guest)

    def end_silent(self, now_ns: int, silent_ns: int) -> None:
        """Sessions by which nothing has come for so long are over."""
        for index, guest in list(self.sessions.items()):
            heard = [path.last_heard_ns for path in guest.protocol.paths.values() if path.last_heard_ns is not None]
            if now_ns - max(heard, default=guest.born_ns) > silent_ns:
                self.end(index)
