"""What the agent's loop works on: relays, links with their ports, and who is told what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.errors import DrsError, LinkError
from transfer_core.net.simulated_port import SimulatedPort
from transfer_core.protocol.endpoint import Address
from transfer_core.protocol.recovery.mtu import USUAL_BYTES
from transfer_core.protocol.security.handshake import Initiator
from transfer_core.protocol.sender import SenderSession
from transfer_core.units import NS_PER_MS

HELLO_FIRST_NS = 250 * NS_PER_MS


@dataclass(frozen=True, slots=True)
class RelayTarget:
    """A paired relay, or one to pair with (`secret`)."""

    name: str
    addresses: tuple[Address, ...]
    public_key: bytes
    secret: bytes | None


@dataclass(slots=True, eq=False)
class LinkPort:
    """A link and its port."""

    name: str
    port: SimulatedPort
    is_loopback: bool = False
    packet_bytes_max: int = USUAL_BYTES  # of IP, as the interface says

    def leads_to(self, address: Address) -> bool:
        """Whether it can reach that address at all: loopback is a world of its own, unless the link is simulated."""
        is_near = address[0].startswith("127.") or address[0] == "::1"
        return self.is_loopback == is_near or self.port.capabilities.bound_to_device is None


class AgentListener(Protocol):
    """Who is told what came of it. Called in the loop's thread."""

    def hello_counter(self, relay: str) -> None:
        """A new hello is wanted: answer with `AgentLoop.hello` from any thread."""
        ...

    def on_paired(self, relay: str) -> None:
        """The relay has accepted this agent."""
        ...

    def on_online(self, relay: str, online: bool, why: str) -> None:
        """A session is up, or nothing comes back any more."""
        ...

    def on_refused(self, relay: str, error: DrsError) -> None:
        """The relay refuses this agent."""
        ...

    def on_accepted(self, job: OutgoingJob, bytes_there: int) -> None:
        """The relay takes the file; so much of it is there already."""
        ...

    def on_held(self, job: OutgoingJob, code: str, text: str) -> None:
        """The relay asks to wait."""
        ...

    def on_arrived(self, jobs: Sequence[OutgoingJob]) -> None:
        """Verified and in their places."""
        ...

    def on_failed(self, job: OutgoingJob, error: DrsError) -> None:
        """The source or the relay gave up."""
        ...

    def on_parts_dropped(self, numbers: Sequence[int]) -> None:
        """Their relay has the word to drop these (`Leftover.number`)."""
        ...

    def on_room(self, relay: str, free_bytes: int) -> None:
        """What the relay has room for."""
        ...

    def on_link_failed(self, link: str, error: LinkError) -> None:
        """A link's port failed and is closed."""
        ...


class AgentMail(Protocol):
    """Who sends and gets letters to and from relays. Called in the loop's thread; must not block."""

    def on_session(self, relay: str) -> None:
        """There is a new session; posts of a former one that were not taken are lost."""
        ...

    def on_online(self, relay: str, online: bool) -> None:
        """It answers, or does not for now: what is under way goes on when it does again."""
        ...

    def on_post(self, relay: str, session: int, post: int, data: bytes) -> None:
        """The relay has brought something; answer with `AgentLoop.take_post`."""
        ...

    def on_sent(self, job: OutgoingJob, error: DrsError | None) -> None:
        """The relay has a letter for good, or refuses it."""
        ...


@dataclass(slots=True, eq=False)
class Uplink:
    """One relay: its session, or the attempt to get one."""

    target: RelayTarget
    session: SenderSession | None = None
    initiator: Initiator | None = None
    index: int = 0
    hello_wanted: bool = False
    hello_due_ns: int = 0
    hello_wait_ns: int = HELLO_FIRST_NS
    hellos_said: int = 0  # since a session was had, or a link came
    hello_sent_ns: dict[str, int] = field(default_factory=dict)
    refused_until_ns: int = 0
    silent_since_ns: int | None = None
    online: bool | None = None  # None: not known yet
    offline_why: str = ""
    is_awaited: bool = False  # something is to be sent there as soon as it answers
    asked_since_ns: int | None = None  # when the first hello was wanted
    path_links: dict[int, str] = field(default_factory=dict)
    next_path: int = 0
    address: Address | None = None
    jobs: dict[str, OutgoingJob] = field(default_factory=dict)
    by_number: dict[int, OutgoingJob] = field(default_factory=dict)
    dropping: dict[int, int] = field(default_factory=dict)  # messages of this session, by the leftover they are about
    past_links: dict[str, dict[str, int]] = field(default_factory=dict)  # bytes by link of former sessions, by job

    def call_again(self) -> None:
        """The next hello goes at once, if one is needed, and those after it at the first pace."""
        self.hello_due_ns, self.hello_wait_ns, self.hellos_said = 0, HELLO_FIRST_NS, 0
