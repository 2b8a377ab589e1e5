"""The agent's side in the loop's thread: links and their ports, one session per relay, and the files under way.

Told what to do by posted calls (`set_links`, `set_relays`, `begin`, `stop`...); tells what came of it through
`AgentListener`, whose methods are called in the loop's thread and must not block.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from transfer_core.clock import Clock
from transfer_core.config import Policy
from transfer_core.engine.agent_files import AgentFiles
from transfer_core.engine.answers import Answers
from transfer_core.engine.carried import keep_past
from transfer_core.engine.event_loop import EventLoop
from transfer_core.engine.goodbyes import say_goodbye
from transfer_core.engine.hellos import Hellos
from transfer_core.engine.live_feeds import LiveFeeds
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.engine.path_policy import Carrying, LinkRules, PathPolicy
from transfer_core.engine.uplink import AgentListener, LinkPort, RelayTarget, Uplink
from transfer_core.entropy import Entropy
from transfer_core.errors import LinkError
from transfer_core.jobs.leftovers import Leftover
from transfer_core.net.base import UdpPort
from transfer_core.protocol.endpoint import Address, Received, Transmit
from transfer_core.protocol.sealing import SEAL_ROWS
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.sender import SenderSession
from transfer_core.protocol.wire.datagram import Kind
from transfer_core.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from transfer_core.engine.qlog import QlogTrace

POLICY_NS = 200 * NS_PER_MS
OBSERVED_NS = 100 * NS_PER_MS  # those who observe are called as often, at least,
IDLE_NS = 250 * NS_PER_MS  # or while nothing is on its way
PATHS_MAX = 250


class AgentLoop:
    """See the module. All methods run in the loop's thread, unless they say otherwise."""

    def __init__(
        self, *, identity: KeyPair, name: str, clock: Clock, entropy: Entropy, listener: AgentListener
    ) -> None:
        self.loop = EventLoop("agent", clock)
        self.links: dict[str, LinkPort] = {}
        self.uplinks: dict[str, Uplink] = {}
        self.paused = False
        self._clock, self._listener = clock, listener
        self.feeds = LiveFeeds(self.uplinks)
        self.files = AgentFiles(self.loop, clock, listener, self.feeds)
        self._answers = Answers(self.files.set_online)
        self._hellos = Hellos(identity, name, clock, entropy, listener, self.links, self.on_port_failed)
        self.paths = PathPolicy(Policy.BONDED)
        self._policy_due_ns = 0
        self._ping_interval_ns = NS_PER_S
        self._turns = 0
        self.observers: list[Callable[[int], None]] = []
        self.trace: QlogTrace | None = None  # set before `start`

    def start(self) -> None:
        """Begin. Any thread."""
        self.loop.start(self)

    def stop(self) -> None:
        """Say goodbye and end. Any thread."""
        self.loop.post(self._goodbye)
        self.loop.stop()
        self.files.stop()

    def _goodbye(self) -> None:
        say_goodbye(self.uplinks.values(), self.links, self.next_transmit, self._clock.monotonic_ns())

    # --- links and relays

    def set_links(self, ports: Mapping[str, LinkPort]) -> None:
        """These are the links now: new ones are opened to every relay, gone ones dropped."""
        for name in [name for name in self.links if name not in ports]:
            self._drop_link(name)
        for name, link in ports.items():
            if name not in self.links:
                self.links[name] = link
                self.loop.add_port(link.port)
                self._open_paths(name)
                for uplink in self.uplinks.values():
                    uplink.call_again()

    def _drop_link(self, name: str) -> None:
        link = self.links.pop(name)
        now_ns = self._clock.monotonic_ns()
        for uplink in self.uplinks.values():
            for number, link_name in list(uplink.path_links.items()):
                if link_name == name and uplink.session is not None and number in uplink.session.paths:
                    uplink.session.remove_path(number, now_ns)
        self.loop.remove_port(link.port)

    def _open_paths(self, link_name: str) -> None:
        now_ns = self._clock.monotonic_ns()
        for uplink in self.uplinks.values():
            if uplink.session is not None and uplink.address is not None:
                self._open_path(uplink, link_name, uplink.address, now_ns, None)

    def _open_path(self, uplink: Uplink, link_name: str, address: Address, now_ns: int, rtt_ns: int | None) -> None:
        assert uplink.session is not None
        if not self.links[link_name].leads_to(address):
            return
        number = uplink.next_path
        uplink.next_path += 1
        if number >= PATHS_MAX:
            uplink.session.closed = True  # path numbers are used up; a new session has new ones
            return
        uplink.path_links[number] = link_name
        uplink.session.add_path(
            number, address, now_ns, rtt_hint_ns=rtt_ns, packet_bytes_max=self.links[link_name].packet_bytes_max
        )
        self._policy_due_ns = 0

    def set_relays(self, targets: Sequence[RelayTarget]) -> None:
        """These are the relays now."""
        wanted = {target.name: target for target in targets}
        for name in [name for name in self.uplinks if name not in wanted]:
            uplink = self.uplinks.pop(name)
            if uplink.session is not None:
                uplink.session.close()
        for name, target in wanted.items():
            present = self.uplinks.get(name)
            if present is None:
                self.uplinks[name] = Uplink(target)
            elif present.target != target:
                if present.target.public_key != target.public_key or present.session is None:
                    present.session, present.initiator, present.refused_until_ns = None, None, 0
                present.target = target

    def set_awaited(self, relays: Collection[str]) -> None:
        """Something waits for these relays, which do not answer: call them at once, and more often from now on."""
        for name, uplink in self.uplinks.items():
            is_news = name in relays and not uplink.is_awaited
            uplink.is_awaited = name in relays
            if is_news:
                uplink.call_again()

    @property
    def policy(self) -> Policy:
        """How paths share the work."""
        return self.paths.policy

    def set_rules(self, policy: Policy, rules: LinkRules, ping_interval_ns: int) -> None:
        """How paths share the work, what each link may, how often idle paths are pinged. Also in mid-transfer."""
        self.paths.policy, self.paths.rules = policy, rules
        self._ping_interval_ns = ping_interval_ns
        self._policy_due_ns = 0
        for uplink in self.uplinks.values():
            if uplink.session is not None:
                uplink.session.set_ping_interval_ns(ping_interval_ns)

    def set_paused(self, paused: bool) -> None:
        """Send no file data, or go on."""
        self.paused = paused
        self._policy_due_ns = 0

    # --- jobs

    def begin(self, relay: str, jobs: Sequence[OutgoingJob]) -> None:
        """Send these files, as soon as there is a session."""
        uplink = self.uplinks.get(relay)
        if uplink is not None:
            self.files.begin(uplink, jobs)
            return
        for job in jobs:
            self.files.say_failed(job, LinkError(f"there is no destination {relay}"))

    def stop_job(self, relay: str, file_id: str) -> None:
        """Send no more of it. The relay keeps its part."""
        uplink = self.uplinks.get(relay)
        if uplink is not None:
            self.files.stop_job(uplink, file_id)

    def drop_there(self, relay: str, parts: Sequence[Leftover], chunk_bytes: int) -> None:
        """Have the relay drop these, if there is a session; `on_parts_dropped` says which it has been told of."""
        uplink = self.uplinks.get(relay)
        if uplink is not None:
            self.files.drop_there(uplink, parts, chunk_bytes)

    def send_letter(self, relay: str, job: OutgoingJob) -> None:
        """Send a letter, now or with a later session: `AgentMail.on_sent` says when it is there."""
        self.begin(relay, [job])

    def take_post(self, relay: str, session: int, post: int) -> None:
        """A post is durable here."""
        uplink = self.uplinks.get(relay)
        if uplink is not None and uplink.session is not None and uplink.session.my_index == session:
            uplink.session.take_post(post)

    def reorder(self, relay: str, file_id: str, priority: int, position: float) -> None:
        """A job has another place in the queue."""
        uplink = self.uplinks.get(relay)
        job = uplink.jobs.get(file_id) if uplink is not None else None
        if uplink is not None and uplink.session is not None and job is not None and job.number is not None:
            uplink.session.reorder(job.number, priority, position)

    # --- handshake

    def hello(self, relay: str, counter: int) -> None:
        """The counter for a hello that was wanted."""
        uplink = self.uplinks.get(relay)
        if uplink is not None:
            self._hellos.make(uplink, counter)

    def _on_welcome(self, uplink: Uplink, port: UdpPort, received: Received, now_ns: int) -> None:
        accepted = self._hellos.answer(uplink, received, now_ns)
        if accepted is None:
            return
        keep_past(uplink)
        uplink.dropping.clear()  # what the former session had not delivered is asked for again
        uplink.initiator, uplink.silent_since_ns = None, None
        uplink.call_again()
        uplink.asked_since_ns = None
        uplink.session = SenderSession(
            my_index=uplink.index,
            peer_index=accepted.relay_index,
            send_keys=accepted.send_keys,
            receive_keys=accepted.receive_keys,
            window_chunks=accepted.welcome.window_chunks,
            ping_interval_ns=self._ping_interval_ns,
        )
        if self.trace is not None:
            uplink.session.observer = self.trace.session(
                f"{uplink.target.name} {uplink.index:08x}", uplink.path_links.__getitem__
            )
        uplink.path_links.clear()
        uplink.by_number.clear()
        uplink.next_path, uplink.address = 0, received.address
        came_by = next(link for link in self.links.values() if link.port is port)
        rtt_ns = max(NS_PER_MS // 10, now_ns - uplink.hello_sent_ns.get(came_by.name, now_ns))
        for name in self.links:
            self._open_path(uplink, name, received.address, now_ns, rtt_ns if name == came_by.name else None)
        if self.files.mail is not None:
            self.files.mail.on_session(uplink.target.name)
        self.feeds.on_session(uplink)
        self.files.set_online(uplink, True, "")
        self._listener.on_paired(uplink.target.name)
        self.files.offer(uplink, sorted(uplink.jobs.values(), key=lambda job: (job.job.priority, job.job.position)))

    # --- the loop calls

    def on_received(self, port: UdpPort, received: Received, now_ns: int) -> None:
        """Hand datagrams to their session or handshake."""
        payload = received.payload
        if len(payload) < 6:
            return
        index = int.from_bytes(payload[2:6], "big")
        for uplink in self.uplinks.values():
            if payload[0] == Kind.WELCOME and uplink.initiator is not None and index == uplink.index:
                self._on_welcome(uplink, port, received, now_ns)
                return
            if uplink.session is not None and index == uplink.session.my_index:
                uplink.session.receive_datagrams(payload[1], received, now_ns)
                self.files.drain(uplink)
                return

    def on_turn(self, now_ns: int) -> None:
        """Deadlines, handshakes, policy."""
        self._turns += 1
        for uplink in tuple(self.uplinks.values()):
            session = uplink.session
            if session is not None:
                session.handle_timeout(now_ns)
                self.files.drain(uplink)
                self.files.note_dropped(uplink, session)
            self._answers.look(uplink, now_ns, has_links=bool(self.links))
            if self._hellos.is_needed(uplink, now_ns):
                self._hellos.say(uplink, now_ns)
            elif uplink.initiator is not None and session is not None:
                uplink.initiator = None
        if now_ns >= self._policy_due_ns:
            self._policy_due_ns = now_ns + POLICY_NS
            self._apply_policy(now_ns)
        self.files.flush()
        for observe in self.observers:
            observe(now_ns)

    def _apply_policy(self, now_ns: int) -> None:
        carrying: list[Carrying] = []
        for name, uplink in self.uplinks.items():
            if uplink.session is not None:
                self.paths.choose(name, uplink.session, uplink.path_links, now_ns, paused=self.paused)
                paths = uplink.session.paths.items()
                carrying += [Carrying(name, uplink.path_links[number], path) for number, path in paths]
        self.paths.cap(carrying, now_ns)

    @property
    def is_busy(self) -> bool:
        """Whether anything is on its way, or waits for it."""
        return any(uplink.jobs for uplink in self.uplinks.values())

    def next_timeout_ns(self) -> int | None:
        """The earliest of the sessions', the handshakes' and the policy's deadlines."""
        now_ns = self._clock.monotonic_ns()
        deadlines: list[int] = []
        for uplink in self.uplinks.values():
            if uplink.session is not None:
                due_ns = uplink.session.next_timeout_ns()
                if due_ns is not None:
                    deadlines.append(due_ns)
            if self._hellos.is_needed(uplink, now_ns) and not uplink.hello_wanted:
                deadlines.append(uplink.hello_due_ns)
        deadlines.append(now_ns + (OBSERVED_NS if self.is_busy else IDLE_NS))
        return min(deadlines)

    def next_transmit(self, now_ns: int) -> tuple[UdpPort, Transmit] | None:
        """The next datagrams; relays and paths take turns."""
        for uplink in self.uplinks.values():
            session = uplink.session
            if session is None:
                continue
            paths = list(session.paths.values())
            start = self._turns % len(paths) if paths else 0
            for path in paths[start:] + paths[:start]:
                port = self.links[uplink.path_links[path.number]].port
                if self.loop.is_blocked(port):
                    continue
                transmit = session.poll_path(path, now_ns, SEAL_ROWS)
                if transmit is not None:
                    self._turns += 1
                    return port, transmit
            self.files.drain(uplink)
        self.files.flush()
        return None

    def on_port_failed(self, port: UdpPort, error: LinkError) -> None:
        """A link's interface is gone."""
        name = next((link.name for link in self.links.values() if link.port is port), None)
        if name is not None:
            self._drop_link(name)
            self._listener.on_link_failed(name, error)
