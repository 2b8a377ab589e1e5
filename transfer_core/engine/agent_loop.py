"""The agent's side in the loop's thread: links and their ports, one session per relay, and the files under way.

Told what to do by posted calls (`set_links`, `set_relays`, `begin`, `stop`...); tells what came of it through
`AgentListener`, whose methods are called in the loop's thread and must not block.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from transfer_core.clock import Clock
from transfer_core.config import Policy
from transfer_core.engine.disk_thread import DiskThread
from transfer_core.engine.event_loop import EventLoop
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.engine.path_policy import LinkRules, PathPolicy
from transfer_core.engine.qlog import QlogTrace
from transfer_core.engine.under_way import Figures
from transfer_core.engine.uplink import HELLO_FIRST_NS, AgentListener, AgentMail, LinkPort, RelayTarget, Uplink
from transfer_core.entropy import Entropy
from transfer_core.errors import (
    DrsError,
    LinkError,
    SecurityError,
    TokenExpired,
    TokenUsed,
    UnknownPeer,
    VersionRefused,
    error_from_code,
)
from transfer_core.net.base import UdpPort
from transfer_core.protocol.association import Path
from transfer_core.protocol.endpoint import Address, Received, Transmit
from transfer_core.protocol.sealing import SEAL_ROWS
from transfer_core.protocol.security.handshake import Hello, Initiator
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.sender import SenderSession
from transfer_core.protocol.sender_events import (
    ChunksWanted,
    DigestWanted,
    FileAccepted,
    FileArrived,
    FileProgress,
    FileRejected,
    FileWaits,
    PostArrived,
    RoomReported,
    SenderEvent,
    SessionClosed,
)
from transfer_core.protocol.wire.datagram import Kind
from transfer_core.units import NS_PER_MS, NS_PER_S

_LOG = logging.getLogger(__name__)
HELLO_LAST_NS = 2 * NS_PER_S
HELLOS_QUICK = 20  # so many at the first pace, five seconds
SILENT_BEFORE_HELLO_NS = 2 * NS_PER_S
ANSWER_NS = 3 * NS_PER_S  # a relay that has not answered by then is said to be offline
POLICY_NS = 200 * NS_PER_MS
PATHS_MAX = 250
LETTER = "letter"  # the source of jobs that are in no queue


class AgentLoop:
    """See the module. All methods run in the loop's thread, unless they say otherwise."""

    def __init__(
        self, *, identity: KeyPair, name: str, clock: Clock, entropy: Entropy, listener: AgentListener
    ) -> None:
        self.loop = EventLoop("agent", clock)
        self.links: dict[str, LinkPort] = {}
        self.uplinks: dict[str, Uplink] = {}
        self.paused = False
        self._identity, self._name = identity, name
        self._clock, self._entropy, self._listener = clock, entropy, listener
        self._disk = DiskThread("agent-read")
        self._closing: deque[OutgoingJob] = deque()
        self.paths = PathPolicy(Policy.BONDED)
        self._policy_due_ns = 0
        self._ping_interval_ns = NS_PER_S
        self._turns = 0
        self.observers: list[Callable[[int], None]] = []
        self.trace: QlogTrace | None = None  # set before `start`
        self.mail: AgentMail | None = None  # set before `start`

    def start(self) -> None:
        """Begin. Any thread."""
        self.loop.start(self)

    def stop(self) -> None:
        """Say goodbye and end. Any thread."""
        self.loop.post(self._goodbye)
        self.loop.stop()
        self._disk.stop()

    def _goodbye(self) -> None:
        for uplink in self.uplinks.values():
            if uplink.session is not None and uplink.online:
                uplink.session.close()
        now_ns = self._clock.monotonic_ns()
        for _ in range(32):
            following = self.next_transmit(now_ns)
            if following is None:
                return
            following[0].send(following[1].address, following[1].payload, following[1].segment_bytes)

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
                    uplink.hello_due_ns = 0
                    uplink.hello_wait_ns, uplink.hellos_said = HELLO_FIRST_NS, 0

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
        if self.links[link_name].is_loopback != _is_loopback(address) and not self._only_simulated(link_name):
            return
        number = uplink.next_path
        uplink.next_path += 1
        if number >= PATHS_MAX:
            uplink.session.closed = True  # path numbers are used up; a new session has new ones
            return
        uplink.path_links[number] = link_name
        path = uplink.session.add_path(
            number, address, now_ns, rtt_hint_ns=rtt_ns, packet_bytes_max=self.links[link_name].packet_bytes_max
        )
        path.last_sent_ns = 0  # ping at once: the relay learns the path by it
        self._policy_due_ns = 0

    def _only_simulated(self, link_name: str) -> bool:
        return self.links[link_name].port.capabilities.bound_to_device is None

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

    def begin(self, relay: str, job: OutgoingJob) -> None:
        """Send this file, as soon as there is a session."""
        uplink = self.uplinks.get(relay)
        if uplink is None:
            self._say_failed(job, LinkError(f"there is no destination {relay}"))
            return
        uplink.jobs[job.job.file_id] = job
        if uplink.session is not None:
            self._offer(uplink, job)

    def _offer(self, uplink: Uplink, job: OutgoingJob) -> None:
        assert uplink.session is not None
        row, source = job.job, job.source.fingerprint
        job.number = uplink.session.open_file(
            file_id=row.file_id,
            path=row.dest_path,
            size=source.size,
            chunk_bytes=job.chunk_bytes,
            mtime_ns=source.mtime_ns,
            fingerprint=source.digest,
            priority=row.priority,
            position=row.position,
            resumed=row.bytes_done > 0 or row.attempts > 1 or job.offered,
        )
        job.offered = True
        uplink.by_number[job.number] = job

    def send_letter(self, relay: str, job: OutgoingJob) -> None:
        """Send a letter, now or with a later session: `AgentMail.on_sent` says when it is there."""
        self.begin(relay, job)

    def take_post(self, relay: str, session: int, post: int) -> None:
        """A post is durable here."""
        uplink = self.uplinks.get(relay)
        if uplink is not None and uplink.session is not None and uplink.session.my_index == session:
            uplink.session.take_post(post)

    def _is_letter(self, job: OutgoingJob) -> bool:
        return job.job.source == LETTER

    def stop_job(self, relay: str, file_id: str, *, discard: bool) -> None:
        """Send no more of it."""
        uplink = self.uplinks.get(relay)
        job = uplink.jobs.pop(file_id, None) if uplink is not None else None
        if uplink is None or job is None:
            return
        if job.number is not None and uplink.session is not None:
            uplink.session.stop_file(job.number, discard=discard)
            uplink.by_number.pop(job.number, None)
        self._close_soon(job)

    def reorder(self, relay: str, file_id: str, priority: int, position: float) -> None:
        """A job has another place in the queue."""
        uplink = self.uplinks.get(relay)
        job = uplink.jobs.get(file_id) if uplink is not None else None
        if uplink is not None and uplink.session is not None and job is not None and job.number is not None:
            uplink.session.reorder(job.number, priority, position)

    def figures(self, uplink: Uplink, job: OutgoingJob) -> Figures:
        """How far a job under way is."""
        file = uplink.session.files.get(job.number) if uplink.session is not None and job.number is not None else None
        if file is None:
            return Figures(job.bytes_before, self._by_link(uplink, job, {}), 0, job.bytes_before)
        links = self._by_link(uplink, job, file.path_bytes)
        durable = min(file.size, int(file.stored.sum()) * file.chunk_bytes)
        return Figures(max(file.arrived_bytes, 0), links, file.resent_bytes, durable)

    def _by_link(self, uplink: Uplink, job: OutgoingJob, path_bytes: Mapping[int, int]) -> dict[str, int]:
        """Bytes by link, those of former attempts and sessions included."""
        links = dict(job.base_links)
        for name, count in uplink.past_links.get(job.job.file_id, {}).items():
            links[name] = links.get(name, 0) + count
        for number, count in path_bytes.items():
            name = uplink.path_links[number]
            links[name] = links.get(name, 0) + count
        return links

    # --- handshake

    def hello(self, relay: str, counter: int) -> None:
        """The counter for a hello that was wanted."""
        uplink = self.uplinks.get(relay)
        if uplink is None:
            return
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

    def _needs_hello(self, uplink: Uplink, now_ns: int) -> bool:
        if now_ns < uplink.refused_until_ns or not self.links:
            return False
        session = uplink.session
        if session is None or session.closed:
            return True
        return uplink.silent_since_ns is not None and now_ns - uplink.silent_since_ns > SILENT_BEFORE_HELLO_NS

    def _say_hello(self, uplink: Uplink, now_ns: int) -> None:
        if now_ns < uplink.hello_due_ns:
            return
        if uplink.initiator is None:
            if not uplink.hello_wanted:
                uplink.hello_wanted = True
                self._listener.hello_counter(uplink.target.name)
            return
        for link in self.links.values():
            for address in uplink.target.addresses:
                if link.is_loopback != _is_loopback(address) and not self._only_simulated(link.name):
                    continue
                datagram = uplink.initiator.datagram
                try:
                    link.port.send(address, memoryview(datagram), len(datagram))
                except LinkError as error:
                    self.on_port_failed(link.port, error)
                    return
                uplink.hello_sent_ns[link.name] = now_ns
        uplink.hello_due_ns = now_ns + uplink.hello_wait_ns
        uplink.hellos_said += 1
        if uplink.hellos_said > HELLOS_QUICK:  # at 70 % loss one in eleven is answered
            uplink.hello_wait_ns = min(HELLO_LAST_NS, uplink.hello_wait_ns * 3 // 2)

    def _on_welcome(self, uplink: Uplink, port: UdpPort, received: Received, now_ns: int) -> None:
        assert uplink.initiator is not None
        try:
            accepted = uplink.initiator.finish(bytes(received.payload[: received.segment_bytes]))
        except (TokenExpired, TokenUsed, UnknownPeer, VersionRefused) as error:
            uplink.initiator = None
            uplink.refused_until_ns = now_ns + 60 * NS_PER_S
            self._listener.on_refused(uplink.target.name, error)
            return
        except SecurityError as error:
            _LOG.debug("a welcome was dropped: %s", error)
            return
        self._keep_past(uplink)
        uplink.initiator, uplink.silent_since_ns = None, None
        uplink.hello_wait_ns, uplink.hellos_said = HELLO_FIRST_NS, 0
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
        self._set_online(uplink, True, "")
        self._listener.on_paired(uplink.target.name)
        if self.mail is not None:
            self.mail.on_session(uplink.target.name)
        for job in sorted(uplink.jobs.values(), key=lambda job: (job.job.priority, job.job.position)):
            self._offer(uplink, job)

    def _keep_past(self, uplink: Uplink) -> None:
        """Remember which link carried what in the session that ends."""
        if uplink.session is None:
            return
        for number, file in uplink.session.files.items():
            job = uplink.by_number.get(number)
            if job is None:
                continue
            past = uplink.past_links.setdefault(job.job.file_id, {})
            for path, count in file.path_bytes.items():
                name = uplink.path_links[path]
                past[name] = past.get(name, 0) + count
            job.number = None

    def _set_online(self, uplink: Uplink, online: bool, why: str) -> None:
        if (online, why) != (uplink.online, uplink.offline_why):
            uplink.online, uplink.offline_why = online, why
            self._listener.on_online(uplink.target.name, online, why)

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
                self._drain(uplink)
                return

    def on_turn(self, now_ns: int) -> None:
        """Deadlines, handshakes, policy."""
        self._turns += 1
        for uplink in tuple(self.uplinks.values()):
            session = uplink.session
            if session is not None:
                session.handle_timeout(now_ns)
                self._drain(uplink)
            if session is None or session.closed:
                self._note_no_answer(uplink, now_ns)
            else:
                self._note_silence(uplink, session, now_ns)
            if self._needs_hello(uplink, now_ns):
                self._say_hello(uplink, now_ns)
            elif uplink.initiator is not None and session is not None:
                uplink.initiator = None
        if now_ns >= self._policy_due_ns:
            self._policy_due_ns = now_ns + POLICY_NS
            self._apply_policy(now_ns)
        for observe in self.observers:
            observe(now_ns)

    def _note_silence(self, uplink: Uplink, session: SenderSession, now_ns: int) -> None:
        heard = any(not path.sender.is_silent and path.last_heard_ns is not None for path in session.paths.values())
        if heard:
            uplink.silent_since_ns = None
            self._set_online(uplink, True, "")
        elif uplink.silent_since_ns is None:
            uplink.silent_since_ns = now_ns
        elif now_ns - uplink.silent_since_ns > NS_PER_S:
            self._set_online(uplink, False, "the relay does not answer over any link")

    def _note_no_answer(self, uplink: Uplink, now_ns: int) -> None:
        """A relay that never answered is offline too, and the jobs for it say why."""
        if uplink.asked_since_ns is None:
            uplink.asked_since_ns = now_ns
        elif now_ns - uplink.asked_since_ns > ANSWER_NS and now_ns >= uplink.refused_until_ns:
            where = ", ".join(f"{host}:{port}" for host, port in uplink.target.addresses) or "its address"
            silent = f"nothing comes back from {where} that this relay's key could have signed"
            self._set_online(uplink, False, silent if self.links else "no link is up that could reach the relay")

    def _apply_policy(self, now_ns: int) -> None:
        carrying: list[tuple[str, Path]] = []
        for name, uplink in self.uplinks.items():
            if uplink.session is not None:
                self.paths.choose(name, uplink.session, uplink.path_links, now_ns, paused=self.paused)
                carrying += [(uplink.path_links[number], path) for number, path in uplink.session.paths.items()]
        self.paths.cap(carrying)

    def next_timeout_ns(self) -> int | None:
        """The earliest of the sessions', the handshakes' and the policy's deadlines."""
        now_ns = self._clock.monotonic_ns()
        deadlines: list[int] = []
        for uplink in self.uplinks.values():
            if uplink.session is not None:
                due_ns = uplink.session.next_timeout_ns()
                if due_ns is not None:
                    deadlines.append(due_ns)
            if self._needs_hello(uplink, now_ns) and not uplink.hello_wanted:
                deadlines.append(uplink.hello_due_ns)
        deadlines.append(now_ns + 100 * NS_PER_MS)
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
            self._drain(uplink)
        return None

    def on_port_failed(self, port: UdpPort, error: LinkError) -> None:
        """A link's interface is gone."""
        name = next((link.name for link in self.links.values() if link.port is port), None)
        if name is not None:
            self._drop_link(name)
            self._listener.on_link_failed(name, error)

    # --- events of a session

    def _drain(self, uplink: Uplink) -> None:
        session = uplink.session
        while session is not None and (event := session.poll_event()) is not None:
            self._on_event(uplink, session, event)

    def _on_event(self, uplink: Uplink, session: SenderSession, event: SenderEvent) -> None:
        if isinstance(event, RoomReported):
            self._listener.on_room(uplink.target.name, event.free_bytes)
            return
        if isinstance(event, PostArrived):
            if self.mail is not None:
                self.mail.on_post(uplink.target.name, session.my_index, event.post, event.data)
            return
        if isinstance(event, SessionClosed):
            uplink.asked_since_ns = None
            self._set_online(uplink, False, event.text or "the relay closed the session")
            return
        job = uplink.by_number.get(event.file)
        if job is None:
            if isinstance(event, ChunksWanted):
                for chunk in range(event.first, event.first + event.count):
                    session.provide_chunk(event.file, chunk, None)
            return
        match event:
            case ChunksWanted(number, first, count):
                self._disk.post(lambda: self._read(session, job, number, first, count))
            case DigestWanted(number) if job.known_digest is not None:
                session.provide_digest(number, job.known_digest)
            case DigestWanted(number):
                self._disk.post(lambda: self._hash(session, job, number))
            case FileAccepted(_, bytes_there):
                if not self._is_letter(job):
                    self._listener.on_accepted(job, bytes_there)
            case FileWaits(_, code, text):
                if not self._is_letter(job):
                    self._listener.on_held(job, code, text)
            case FileArrived(_, digest, stored_as, path_bytes, resent_bytes):
                job.carried = self._by_link(uplink, job, path_bytes)
                job.resent_bytes = resent_bytes
                self._forget(uplink, job)
                if not self._is_letter(job):
                    self._listener.on_arrived(job, digest, stored_as)
                elif self.mail is not None:
                    self.mail.on_sent(job, None)
            case FileRejected(_, code, text):
                self._forget(uplink, job)
                self._say_failed(job, error_from_code(code, text))
            case FileProgress():
                return

    def _say_failed(self, job: OutgoingJob, error: DrsError) -> None:
        if not self._is_letter(job):
            self._listener.on_failed(job, error)
        elif self.mail is not None:
            self.mail.on_sent(job, error)

    def _forget(self, uplink: Uplink, job: OutgoingJob) -> None:
        uplink.jobs.pop(job.job.file_id, None)
        uplink.past_links.pop(job.job.file_id, None)
        if job.number is not None:
            uplink.by_number.pop(job.number, None)
        self._close_soon(job)

    def _close_soon(self, job: OutgoingJob) -> None:
        """Let go of its source in the disk thread, with others that are done by then: each call there wakes it."""
        self._closing.append(job)
        if len(self._closing) == 1:
            self._disk.post(self._close_all)

    def _source_failed(self, session: SenderSession, job: OutgoingJob, error: DrsError) -> None:
        for uplink in self.uplinks.values():
            if uplink.session is session and job.number is not None and job.job.file_id in uplink.jobs:
                session.stop_file(job.number, discard=False)
                self._forget(uplink, job)
                self._say_failed(job, error)

    # --- the disk thread

    def _read(self, session: SenderSession, job: OutgoingJob, number: int, first: int, count: int) -> None:
        records: list[tuple[int, bytearray | None]] = []
        job.read_records(first, count, lambda chunk, record: records.append((chunk, record)))
        job.finish_digest_early()
        failed = job.failed

        def hand_over() -> None:
            for chunk, record in records:
                session.provide_chunk(number, chunk, record)
            if failed is not None:
                self._source_failed(session, job, failed)

        self.loop.post(hand_over)

    def _close_all(self) -> None:
        while self._closing:
            self._closing.popleft().close()

    def _hash(self, session: SenderSession, job: OutgoingJob, number: int) -> None:
        try:
            digest = job.finish_digest()
        except DrsError as error:
            failure = error
            self.loop.post(lambda: self._source_failed(session, job, failure))
            return
        self.loop.post(lambda: session.provide_digest(number, digest))


def _is_loopback(address: Address) -> bool:
    return address[0].startswith("127.") or address[0] == "::1"
