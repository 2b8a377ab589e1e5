"""Direct ways: dials the machines of shared folders that are near, lets them in, and carries parcels by either session.

Theory of operation. Each of two machines dials the other, so that it is enough if one of them can be reached. What a
machine has to say goes as letters of the session that it dialled itself, as to a relay, or as posts of the one that
came in by its door while it has no other. Parcels may come twice and by any way, so changing the way costs no more
than telling again what was under way. The relay goes on carrying all the time: nobody waits for a direct way, and
nobody notices when it ends.

Whom to dial and to let in is said by `set_members`; an announcement only says where somebody might be.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from transfer_core.clock import Clock
from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.direct.discovery import Discovery, Own
from transfer_core.engine.direct.door import Door
from transfer_core.engine.letters import Letters
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.engine.uplink import LinkPort, RelayTarget
from transfer_core.entropy import Entropy
from transfer_core.errors import DrsError, LinkError
from transfer_core.net.simulated_port import SimulatedPort
from transfer_core.net.udp import open_udp_port
from transfer_core.protocol.endpoint import Address
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.tokens import fingerprint
from transfer_core.sim.link import SimulatedLink
from transfer_core.sync.members import Member, peer_of

_LOG = logging.getLogger(__name__)
LINK = "direct"
SEEN_MAX = 1000
Done = Callable[[DrsError | None], None]


class Way(Enum):
    """By which of the two sessions a machine is reached."""

    DIALLED = "dialled"
    ENTERED = "entered"


@dataclass(slots=True)
class _Ways:
    """The sessions with one machine. The desk's lock guards it."""

    dialled: bool = False
    entered: bool = False

    @property
    def chosen(self) -> Way | None:
        """Letters are faster than posts."""
        if self.dialled:
            return Way.DIALLED
        return Way.ENTERED if self.entered else None


class DirectDesk:
    """See the module. The `AgentMail` and `AgentListener` of the loop that dials.

    `take` gets each parcel with its peer, and has to call `done`; `on_way` is told when a way to a peer begins, is
    another, or ends; `on_refused`, when a peer did not take a parcel. They are called from several threads and must not
    block.
    """

    def __init__(
        self,
        *,
        identity: KeyPair,
        name: str,
        clock: Clock,
        entropy: Entropy,
        discovery: Discovery,
        take: Callable[[str, bytes, Done], None],
        on_way: Callable[[str, bool], None],
        on_refused: Callable[[str, DrsError], None],
    ) -> None:
        self._identity, self._name, self._clock, self._entropy = identity, name, clock, entropy
        self._discovery, self._take = discovery, take
        self._on_way, self._on_refused = on_way, on_refused
        self._lock = threading.RLock()
        self._members: dict[str, Member] = {}  # by peer
        self._seen: dict[str, tuple[Address, ...]] = {}  # by fingerprint
        self._ways: dict[str, _Ways] = {}
        self._aimed: dict[str, RelayTarget] = {}
        self._loop: AgentLoop | None = None
        self._door: Door | None = None
        self._letters: Letters | None = None
        self._port = 0
        self._announced = False

    # --- any thread

    def set_members(self, members: Mapping[str, Member]) -> None:
        """These machines share a folder with this one, by peer; with none, nothing listens and nothing is announced."""
        with self._lock:
            self._members = dict(members)
        if members and self._loop is None and not self._open():
            return
        if self._door is not None:
            self._door.set_known(frozenset(each.key for each in members.values()))
        self._aim()
        self._announce(bool(members))

    def _open(self) -> bool:
        """Open the ports; says why not in the log, since the relay carries everything anyway."""
        try:
            inside, outside = open_udp_port(), open_udp_port()
        except LinkError as error:
            _LOG.info("there will be no direct ways: %s", error.one_line())
            return False
        loop = AgentLoop(
            identity=self._identity, name=self._name, clock=self._clock, entropy=self._entropy, listener=self
        )
        loop.files.mail = self
        free = [SimulatedLink(None, 0) for _ in range(2)]
        loop.set_links({LINK: LinkPort(LINK, SimulatedPort(outside, *free))})
        callers = _Callers(self._on_caller, self._take)
        self._letters = Letters(loop, self._entropy.token_bytes(6).hex())
        self._door = Door(inside, self._identity, self._name, self._clock, self._entropy, callers)
        self._port = inside.local_address[1]
        self._loop = loop
        self._door.start()
        loop.start()
        return True

    def _announce(self, wanted: bool) -> None:
        if wanted and not self._announced:
            self._discovery.start(Own(fingerprint(self._identity.public), self._port), self.on_found)
        elif self._announced and not wanted:
            self._discovery.stop()
            with self._lock:
                self._seen.clear()
        self._announced = wanted

    def stop(self) -> None:
        """Say goodbye and end."""
        self._announce(False)
        if self._loop is not None:
            self._loop.stop()
        if self._door is not None:
            self._door.stop()

    def is_up(self, peer: str) -> bool:
        """Whether there is a direct way to it."""
        with self._lock:
            ways = self._ways.get(peer)
            return ways is not None and ways.chosen is not None

    def carry(self, peer: str, data: bytes, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        """Bring it there; without a way it is dropped, and told again when there is one."""
        with self._lock:
            ways, member = self._ways.get(peer), self._members.get(peer)
            way = None if ways is None else ways.chosen
        if way is Way.DIALLED and self._letters is not None:
            self._letters.send(peer, data, urgent=urgent, delivered=delivered)
        elif way is Way.ENTERED and self._door is not None and member is not None:
            self._door.post(member.key, data, urgent=urgent, delivered=delivered)

    def on_found(self, found: str, addresses: tuple[Address, ...]) -> None:
        """See `Discovery`. One that has gone is dialled on while its session lasts: announcements get lost."""
        with self._lock:
            if addresses and len(self._seen) < SEEN_MAX:
                self._seen[found] = addresses
            elif not addresses:
                self._seen.pop(found, None)
        self._aim()

    def _aim(self) -> None:
        """Dial those that are near, and keep those that answer."""
        with self._lock:
            aimed: dict[str, RelayTarget] = {}
            for peer, member in self._members.items():
                addresses = self._seen.get(fingerprint(member.key))
                ways = self._ways.get(peer)
                if addresses:
                    aimed[peer] = RelayTarget(peer, addresses, member.key, None)
                elif ways is not None and ways.dialled and peer in self._aimed:
                    aimed[peer] = self._aimed[peer]
            gone = [peer for peer in self._aimed if peer not in aimed]
            changed, self._aimed = aimed != self._aimed, aimed
        loop = self._loop
        if loop is None or not changed:
            return
        targets = list(aimed.values())
        loop.loop.post(lambda: loop.set_relays(targets))
        for peer in gone:
            self._change(peer, dialled=False)
            if self._letters is not None:
                self._letters.forget(peer)

    def _change(
        self, peer: str, *, dialled: bool | None = None, entered: bool | None = None, renewed: Way | None = None
    ) -> None:
        """Sessions have come or gone; tell if that changes the way, or if the one in use is a new one."""
        with self._lock:
            ways = self._ways.setdefault(peer, _Ways())
            before = ways.chosen
            ways.dialled = ways.dialled if dialled is None else dialled
            ways.entered = ways.entered if entered is None else entered
            now = ways.chosen
            if now is None:
                del self._ways[peer]
        if now is not before or (now is not None and now is renewed):
            self._on_way(peer, now is not None)

    def _on_caller(self, peer: str, entered: bool) -> None:
        self._change(peer, entered=entered, renewed=Way.ENTERED)

    # --- the dialling loop's thread: see `AgentListener` and `AgentMail`

    def hello_counter(self, relay: str) -> None:
        """See `AgentListener`. The door does not look at it: see there."""
        loop, counter = self._loop, max(0, self._clock.wall_ns())
        if loop is not None:
            loop.loop.post(lambda: loop.hello(relay, counter))

    def on_session(self, relay: str) -> None:
        """See `AgentMail`."""
        self._change(relay, dialled=True, renewed=Way.DIALLED)

    def on_online(self, relay: str, online: bool, why: str = "") -> None:
        """See `AgentListener` and `AgentMail`."""
        if online != self._is_dialled(relay):
            self._change(relay, dialled=online)
            if not online:
                self._aim()

    def _is_dialled(self, peer: str) -> bool:
        with self._lock:
            ways = self._ways.get(peer)
            return ways is not None and ways.dialled

    def on_post(self, relay: str, session: int, post: int, data: bytes) -> None:
        """See `AgentMail`."""
        loop = self._loop
        if loop is None:
            return

        def done(error: DrsError | None) -> None:
            if error is None:
                loop.loop.post(lambda: loop.take_post(relay, session, post))

        self._take(relay, data, done)

    def on_sent(self, job: OutgoingJob, error: DrsError | None) -> None:
        """See `AgentMail`."""
        if self._letters is not None:
            self._letters.on_sent(job, error)
        if error is not None:
            self._on_refused(job.job.destination, error)

    def on_paired(self, relay: str) -> None:
        """See `AgentListener`."""

    def on_refused(self, relay: str, error: DrsError) -> None:
        """See `AgentListener`. A door refuses nobody: it is silent."""
        _LOG.info("%s: %s", relay, error.one_line())

    def on_accepted(self, job: OutgoingJob, bytes_there: int) -> None:
        """See `AgentListener`."""

    def on_held(self, job: OutgoingJob, code: str, text: str) -> None:
        """See `AgentListener`."""

    def on_arrived(self, jobs: Sequence[OutgoingJob]) -> None:
        """See `AgentListener`."""

    def on_failed(self, job: OutgoingJob, error: DrsError) -> None:
        """See `AgentListener`."""

    def on_parts_dropped(self, numbers: Sequence[int]) -> None:
        """See `AgentListener`."""

    def on_room(self, relay: str, free_bytes: int) -> None:
        """See `AgentListener`."""

    def on_link_failed(self, link: str, error: LinkError) -> None:
        """See `AgentListener`. The port hangs on no interface, so this is the end of direct dialling for this run."""
        _LOG.info("%s", error.one_line())


class _Callers:
    """The door's `RelayMail`: what comes by the door, told to the desk. Called in the door's thread."""

    def __init__(self, changed: Callable[[str, bool], None], take: Callable[[str, bytes, Done], None]) -> None:
        self._changed, self._take = changed, take

    def on_session(self, agent: bytes, name: str) -> None:
        """See `RelayMail`."""
        self._changed(peer_of(agent), True)

    def on_session_ended(self, agent: bytes) -> None:
        """See `RelayMail`."""
        self._changed(peer_of(agent), False)

    def on_parcel(self, agent: bytes, data: bytes, done: Done) -> None:
        """See `RelayMail`."""
        self._take(peer_of(agent), data, done)
