"""The files under way in the loop's thread: offered to their sessions, read, and told about when they have arrived."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import takewhile

from transfer_core.clock import Clock
from transfer_core.engine.bundling import Bundles, make_bundle, share_links
from transfer_core.engine.carried import bytes_by_link
from transfer_core.engine.disk_thread import DiskThread
from transfer_core.engine.event_loop import EventLoop
from transfer_core.engine.gathered_work import Answer, GatheredWork
from transfer_core.engine.live_feeds import LiveFeeds
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.engine.uplink import AgentListener, AgentMail, Uplink
from transfer_core.errors import DrsError, NameRefused, error_from_code
from transfer_core.jobs.leftovers import Leftover
from transfer_core.protocol.sender import SenderSession
from transfer_core.protocol.sender_events import (
    ChunksWanted,
    DigestWanted,
    FeedAnswered,
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

DROPPING_MAX = 512  # parts that one relay is told of at once
LETTER = "letter"  # the source of jobs that are in no queue


class AgentFiles:
    """See the module. All methods run in the loop's thread, unless they say otherwise."""

    def __init__(self, loop: EventLoop, clock: Clock, listener: AgentListener, feeds: LiveFeeds) -> None:
        self._loop, self._listener, self.feeds = loop, listener, feeds
        self._disk = DiskThread("agent-read")
        self._reads = GatheredWork(loop, self._disk)
        self._bundles = Bundles(clock)
        self._closing: deque[OutgoingJob] = deque()
        self.mail: AgentMail | None = None  # set before the loop starts

    def stop(self) -> None:
        """Read no more. Any thread."""
        self._disk.stop()

    def begin(self, uplink: Uplink, jobs: Sequence[OutgoingJob]) -> None:
        """Send these files, as soon as there is a session."""
        uplink.jobs.update((job.job.file_id, job) for job in jobs)
        if uplink.session is not None:
            self.offer(uplink, jobs)

    def offer(self, uplink: Uplink, jobs: Sequence[OutgoingJob]) -> None:
        """Offer these to their session. Small ones are read before, so that all of each leaves at once, and together
        where there are many."""
        session = uplink.session
        assert session is not None
        for job in jobs:
            if job.bundle is not None:  # it was in one that came to nothing; the relay may have it
                job.bundle, job.offered = None, True
        for group in self._bundles.groups(uplink, session, jobs):
            if len(group) > 1:
                self._reads.add(partial(self._read_bundle, uplink, session, group), is_patient=True)
            else:
                self._offer_one(uplink, session, group[0])

    def _offer_one(self, uplink: Uplink, session: SenderSession, job: OutgoingJob) -> None:
        if job.chunks == 1 and not job.is_resumed:
            self._reads.add(lambda: self._read_first(uplink, session, job), is_patient=True)
        else:
            self._open(uplink, session, job)

    def _open(self, uplink: Uplink, session: SenderSession, job: OutgoingJob) -> None:
        try:
            job.number = job.offer_to(session)
        except NameRefused as error:
            self._forget(uplink, job)
            self.say_failed(job, error)
            return
        job.offered = True
        uplink.by_number[job.number] = job

    def stop_job(self, uplink: Uplink, file_id: str) -> None:
        """Send no more of it. The relay keeps its part."""
        job = uplink.jobs.pop(file_id, None)
        if job is None:
            return
        if job.bundle is not None:
            self._stop_bundle(uplink, job.bundle)
        elif job.number is not None and uplink.session is not None:
            uplink.session.stop_file(job.number, discard=False)
            uplink.by_number.pop(job.number, None)
        self._close_soon(job)

    def drop_there(self, uplink: Uplink, parts: Sequence[Leftover], chunk_bytes: int) -> None:
        """Have the relay drop these, so many at once; those that it is being told of already are passed over."""
        session = uplink.session
        if session is None or session.closed:
            return
        for part in parts:
            if len(uplink.dropping) >= DROPPING_MAX:
                return
            if part.number in uplink.dropping or part.file_id in uplink.jobs:
                continue
            try:
                message = session.drop_part(part.file_id, part.dest_path, part.size, chunk_bytes)
            except NameRefused:  # as it was when it was to be sent, so nothing of it is there
                self._listener.on_parts_dropped([part.number])
            else:
                uplink.dropping[part.number] = message

    def note_dropped(self, uplink: Uplink, session: SenderSession) -> None:
        """Tell of which parts the relay has the word by now."""
        dropping = uplink.dropping  # in the order in which the relay was told: behind the first nothing is looked at
        told = list(takewhile(lambda number: session.is_delivered(dropping[number]), dropping))
        for number in told:
            del dropping[number]
        if told:
            self._listener.on_parts_dropped(told)

    def _is_letter(self, job: OutgoingJob) -> bool:
        return job.job.source == LETTER

    def flush(self) -> None:
        """Hand what has come up in this turn over to the disk."""
        self._reads.flush()

    # --- events of a session

    def drain(self, uplink: Uplink) -> None:
        """Do what the session wants, and tell what it says."""
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
        if isinstance(event, FeedAnswered):
            self.feeds.on_answer(uplink.target.name, event)
            return
        if isinstance(event, SessionClosed):
            uplink.asked_since_ns = None
            self.set_online(uplink, False, event.text or "the relay closed the session")
            return
        job = uplink.by_number.get(event.file)
        if job is None:
            if isinstance(event, ChunksWanted):
                session.provide_chunks(event.file, event.first, [None] * event.count)
            return
        if job.members and isinstance(event, FileArrived | FileRejected | FileWaits):
            self._on_bundle(uplink, job, event)
            return
        match event:
            case ChunksWanted(number, first, count) if first in job.records and first + count - 1 in job.records:
                session.provide_chunks(number, first, [job.records.pop(chunk) for chunk in range(first, first + count)])
            case ChunksWanted(number, first, count):
                work = partial(self._read, uplink, session, job, number, first, count)
                self._reads.add(work, is_patient=job.chunks == 1)
            case DigestWanted(number) if job.known_digest is not None:
                session.provide_digest(number, job.known_digest)
            case DigestWanted(number):
                self._reads.add(lambda: self._hash(uplink, session, job, number))
            case FileAccepted(_, bytes_there):
                if not self._is_letter(job):
                    self._listener.on_accepted(job, bytes_there)
            case FileWaits(_, code, text):
                if not self._is_letter(job):
                    self._listener.on_held(job, code, text)
            case FileArrived(_, digest, stored_as, path_bytes, resent_bytes):
                self._note_arrival(uplink, job, path_bytes, stored_as, digest)
                job.resent_bytes = resent_bytes
                if not self._is_letter(job):
                    self._listener.on_arrived([job])
                elif self.mail is not None:
                    self.mail.on_sent(job, None)
            case FileRejected(_, code, text):
                self._forget(uplink, job)
                self.say_failed(job, error_from_code(code, text))
            case FileProgress():
                return

    def _note_arrival(
        self, uplink: Uplink, job: OutgoingJob, path_bytes: Mapping[int, int], stored_as: str, digest: str
    ) -> None:
        job.carried = bytes_by_link(uplink, job, path_bytes)
        job.stored_as, job.file_hash = stored_as, digest
        self._forget(uplink, job)

    def _on_bundle(
        self,
        uplink: Uplink,
        bundle: OutgoingJob,
        event: FileArrived | FileRejected | FileWaits,
    ) -> None:
        if not isinstance(event, FileArrived):
            self._bundles.refused(uplink)
            self._stop_bundle(uplink, bundle)
            return
        if bundle.number is not None:
            uplink.by_number.pop(bundle.number, None)
        there = self._still_wanted(uplink, bundle.members)
        for job, share in zip(there, share_links(there, event.path_bytes), strict=True):
            self._note_arrival(uplink, job, share, f"{event.stored_as}/{job.job.dest_path}", job.known_digest or "")
        if there:
            there[0].resent_bytes = event.resent_bytes
            self._listener.on_arrived(there)

    def _stop_bundle(self, uplink: Uplink, bundle: OutgoingJob) -> None:
        """Send no more of it; those of its members that are still wanted go one by one."""
        if uplink.session is not None and bundle.number is not None:
            uplink.session.stop_file(bundle.number, discard=True)
            uplink.by_number.pop(bundle.number, None)
            self.offer(uplink, self._still_wanted(uplink, bundle.members))

    def _still_wanted(self, uplink: Uplink, jobs: Sequence[OutgoingJob]) -> list[OutgoingJob]:
        return [job for job in jobs if uplink.jobs.get(job.job.file_id) is job]

    def say_failed(self, job: OutgoingJob, error: DrsError) -> None:
        """Tell whoever waits for it."""
        if not self._is_letter(job):
            self._listener.on_failed(job, error)
        elif self.mail is not None:
            self.mail.on_sent(job, error)

    def set_online(self, uplink: Uplink, online: bool, why: str) -> None:
        """It answers, or does not, for this reason; told if it is news."""
        if (online, why) != (uplink.online, uplink.offline_why):
            uplink.online, uplink.offline_why = online, why
            self._listener.on_online(uplink.target.name, online, why)
            if self.mail is not None:
                self.mail.on_online(uplink.target.name, online)

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
            self._reads.add(self._close_all, is_patient=True)

    def _source_failed(self, uplink: Uplink, session: SenderSession, job: OutgoingJob, error: DrsError) -> None:
        if uplink.session is session and job.number is not None and job.job.file_id in uplink.jobs:
            session.stop_file(job.number, discard=False)
            self._forget(uplink, job)
            self.say_failed(job, error)

    # --- the disk thread

    def _read_first(self, uplink: Uplink, session: SenderSession, job: OutgoingJob) -> Answer:
        (record,) = job.read_records(0, 1) or (None,)
        job.finish_digest_early()
        failed = job.failed

        def offer() -> None:
            if uplink.session is not session or uplink.jobs.get(job.job.file_id) is not job:
                return  # stopped, or offered to another session, meanwhile
            if failed is not None:
                self._forget(uplink, job)
                self.say_failed(job, failed)
                return
            if record is not None:
                job.records = {0: record}
            self._open(uplink, session, job)
            self.drain(uplink)

        return offer

    def _read_bundle(self, uplink: Uplink, session: SenderSession, members: Sequence[OutgoingJob]) -> Answer:
        bundle = make_bundle(members, self._bundles.next_number())

        def offer() -> None:
            if uplink.session is not session:
                return  # they were all offered to another one meanwhile
            wanted = self._still_wanted(uplink, members)
            if bundle is None or len(wanted) < len(members):
                for job in wanted:
                    self._offer_one(uplink, session, job)
                return
            for job in members:
                job.bundle = bundle
            self._open(uplink, session, bundle)
            self.drain(uplink)

        return offer

    def _read(
        self, uplink: Uplink, session: SenderSession, job: OutgoingJob, number: int, first: int, count: int
    ) -> Answer:
        records: Sequence[bytearray | None] = job.read_records(first, count) or [None] * count
        job.finish_digest_early()
        failed = job.failed

        def hand_over() -> None:
            session.provide_chunks(number, first, records)
            if failed is not None:
                self._source_failed(uplink, session, job, failed)

        return hand_over

    def _close_all(self) -> None:
        while self._closing:
            self._closing.popleft().close()

    def _hash(self, uplink: Uplink, session: SenderSession, job: OutgoingJob, number: int) -> Answer:
        """Hash on, a bounded piece at a time: others have to be read, too."""
        try:
            digest = job.finish_digest() if job.hash_on() else None
        except DrsError as error:
            failure = error
            return lambda: self._source_failed(uplink, session, job, failure)

        def answer() -> None:
            if digest is not None:
                session.provide_digest(number, digest)
            elif uplink.session is session and uplink.jobs.get(job.job.file_id) is job:
                self._reads.add(lambda: self._hash(uplink, session, job, number))

        return answer
