"""Files on their way into a relay, between its sessions and its disk.

    FILE_OPEN -> write thread: opened -> chunks written -> sync thread: made durable, verified, named -> FILE_DONE

What a turn brings is handed over at its end. By then a small file is often here as a whole, so that it is opened and
written at once, and the agent hears no more of it than FILE_DONE. Sessions are touched by the loop's thread alone; what
the disk's threads have to say is posted there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from transfer_core.clock import Clock
from transfer_core.config import RelayConfig
from transfer_core.engine.disk_thread import DiskThread
from transfer_core.engine.event_loop import EventLoop
from transfer_core.engine.gathered_work import Answer, GatheredWork
from transfer_core.engine.parcels import RelayMail
from transfer_core.errors import DrsError, NotFoundError, StorageError, WriteFailed
from transfer_core.protocol.receiver_events import (
    ChunkReady,
    FeedArrived,
    FeedEnded,
    FeedOffered,
    FileOffered,
    FileStopped,
    PostDelivered,
    ReceiverEvent,
    SessionEnded,
    VerifyFile,
)
from transfer_core.protocol.wire.messages import Runs
from transfer_core.server.arriving import Arriving, Offer, Stored
from transfer_core.server.chunk_writes import ChunkWrites, Written
from transfer_core.server.held_files import HeldFiles
from transfer_core.server.in_memory import InMemory
from transfer_core.server.intake import Intake
from transfer_core.server.relay_live import NO_DESK, SILENT_NS, RelayLive
from transfer_core.server.relay_session import RelaySession
from transfer_core.units import NS_PER_MS, NS_PER_S

_LOG = logging.getLogger(__name__)
COMING_NS = 50 * NS_PER_MS  # so long is waited for the rest of a small file, to take it at once


class RelayFiles:
    """See the module. Methods are for the loop's thread, unless they say otherwise."""

    def __init__(
        self,
        *,
        loop: EventLoop,
        intake: Intake,
        config: RelayConfig,
        clock: Clock,
        tell: Callable[..., None],
        mail: RelayMail | None,
        live: RelayLive | None,
        ended: Callable[[int], None],
    ) -> None:
        self._loop, self._intake, self._config, self._clock = loop, intake, config, clock
        self._tell, self._live, self._ended = tell, live, ended
        self._write_thread = DiskThread("relay-write")
        self._write = GatheredWork(loop, self._write_thread)
        self._chunks = ChunkWrites(intake, self._write, self._written, self._finish_later)
        self.sync_thread = DiskThread("relay-sync")
        self._memory = InMemory(loop=loop, intake=intake, write=self._write, mail=mail, finish=self._finish_later)
        threads = {"relay-write": self._write_thread, "relay-sync": self.sync_thread}
        self.held = HeldFiles(intake, threads, tell=tell, offer=self._offer)
        self._by_file: dict[Arriving, tuple[RelaySession, int]] = {}
        self._offers: list[tuple[RelaySession, int, int]] = []  # with the time until which the rest is waited for
        self._whole: list[tuple[Arriving, str]] = []
        self._whole_lock = threading.Lock()
        self._sync_due_ns = 0
        self._sync_running = False
        self.files_done = 0
        self._bytes_received = 0

    @property
    def bytes_received(self) -> int:
        """Bytes of files written since the start."""
        return self._bytes_received + self._memory.bytes_received

    def stop(self) -> None:
        """Make durable what has come, and end; after the loop. Any thread."""
        self._chunks.hand_over()
        self._write.flush()
        self._write_thread.stop()
        self.sync_thread.post(lambda: self._intake.sync(_ignore, _close))
        self.sync_thread.stop()

    def leave(self, session: RelaySession) -> None:
        """A session has ended: what it has under way waits to be offered again."""
        for arriving in session.arriving.values():
            self._by_file.pop(arriving, None)
        if self._live is not None:
            self._live.on_gone(session.agent)

        self._leave_written(lambda: self._intake.opened(session.agent))
        self._write.flush()

    def _leave_written(self, opened: Callable[[], list[tuple[Arriving, int]]]) -> None:
        """Let go of these after the writes that were asked for, and once those are in a checkpoint."""

        def leave() -> None:
            going = opened()
            self.sync_thread.post(self._sync_now)
            self.sync_thread.post(lambda: self._intake.leave(going))

        self._chunks.hand_over()
        self._write.add(leave)

    def sync_if_due(self, now_ns: int) -> None:
        """Keep checkpoints of what arrives, every now and then."""
        if now_ns >= self._sync_due_ns and not self._sync_running:
            self._sync_due_ns = now_ns + int(self._config.sync_interval_s * NS_PER_S)
            if self._by_file:
                self._sync_running = True
                self.sync_thread.post(self._sync_now)

    @property
    def due_ns(self) -> int | None:
        """When `flush` or `sync_if_due` has something to do; None while no file arrives."""
        due = [self._offers[0][2]] if self._offers else []
        if self._chunks.due_ns is not None:
            due.append(self._chunks.due_ns)
        return min([*due, self._sync_due_ns] if self._by_file else due, default=None)

    def flush(self, now_ns: int) -> None:
        """Hand what has come up in this turn over to the disk."""
        self._chunks.flush(now_ns)
        offers, self._offers = self._offers, []
        for session, number, due_ns in offers:
            if now_ns < due_ns and not session.is_ended and session.protocol.is_coming(number):
                self._offers.append((session, number, due_ns))
            else:
                self._offer(session, number)
        self._write.flush()

    def drain(self, session: RelaySession) -> None:
        """Do what the session wants."""
        while (event := session.protocol.poll_event()) is not None:
            self._on_session_event(session, event)
        if self._chunks.has_last:
            self._chunks.hand_over()
            self._write.flush()

    def _on_session_event(self, session: RelaySession, event: ReceiverEvent) -> None:
        match event:
            case FileOffered(number):
                self._offers.append((session, number, self._clock.monotonic_ns() + COMING_NS))
            case _ if self._memory.takes(session, event):
                pass
            case ChunkReady(number):
                self._chunks.add(session, session.arriving[number], event)
            case VerifyFile(number, digest):
                arriving = session.arriving[number]
                self._finish_later([(arriving, digest)])
            case PostDelivered(post):
                delivered = session.posts.pop(post, None)
                if delivered is not None:
                    delivered()
            case FileStopped(number, file_id, discard):
                arriving_or_none = session.arriving.pop(number, None)
                if arriving_or_none is not None:
                    self._by_file.pop(arriving_or_none, None)
                self._stop(session.agent, file_id, discard=discard)
            case FeedOffered(feed, about):
                self._offer_feed(session, feed, about)
            case FeedArrived(feed, datagrams) if self._live is not None:
                missing = session.protocol.feeds[feed].missing if feed in session.protocol.feeds else 0
                self._live.on_live(session.agent, feed, datagrams, missing)
            case FeedEnded(feed) if self._live is not None:
                self._live.on_feed_ended(session.agent, feed)
            case FeedArrived() | FeedEnded():
                pass
            case SessionEnded():
                self._ended(session.protocol.my_index)

    def note_silence(self, sessions: Iterable[RelaySession], now_ns: int) -> None:
        """Tell whoever takes live datagrams of which agents nothing comes any more, and of which it does again."""
        for session in sessions:
            is_silent = bool(session.protocol.feeds) and session.silence_ns(now_ns) > SILENT_NS
            if self._live is not None and is_silent is not session.is_silent:
                session.is_silent = is_silent
                self._live.on_silence(session.agent, silent=is_silent)

    def _stop(self, agent: bytes, file_id: str, *, discard: bool) -> None:
        if discard:
            self._chunks.hand_over()
            self._write.add(lambda: self._intake.discard(agent, file_id))
        else:
            self._leave_written(lambda: self._intake.opened(agent, file_id))

    def _offer_feed(self, session: RelaySession, feed: int, about: bytes) -> None:
        if self._live is None:
            session.protocol.refuse_feed(feed, NotFoundError.code, NO_DESK)
            return

        def answer(error: DrsError | None) -> None:
            if error is None:
                self._loop.post(lambda: session.protocol.take_feed(feed))
            else:
                self._loop.post(lambda: session.protocol.refuse_feed(feed, error.code, error.message))

        self._live.on_feed(session.agent, session.name, feed, about, answer)

    def _offer(self, session: RelaySession, number: int) -> None:
        file = session.protocol.files.get(number)
        if file is None or session.is_ended:
            return
        if self._memory.offered(session, number):
            self.drain(session)
            return
        offer = Offer(
            session.agent, file.file_id, file.path, file.size, file.chunk_bytes, file.mtime_ns, file.fingerprint
        )

        whole = session.protocol.whole_early(number)

        def work() -> Answer:
            taken: Arriving | Stored | DrsError
            try:
                taken = self._intake.open(offer, whole)
            except DrsError as error:
                taken = error
            return lambda: self._offered(session, number, taken)

        self._chunks.hand_over()  # it may be the one that is offered
        self._write.add(work, is_patient=offer.chunks == 1)

    def _offered(self, session: RelaySession, number: int, taken: Arriving | Stored | DrsError) -> None:
        if session.is_ended or number not in session.protocol.files:
            return
        if isinstance(taken, Arriving):
            session.held.pop(number, None)
            session.arriving[number] = taken
            self._by_file[taken] = (session, number)
            self._bytes_received += session.protocol.accept_file(number, taken.written.copy(), taken.durable.copy())
        elif isinstance(taken, Stored):
            session.protocol.finish_file(number, taken.digest, taken.stored_as)
        elif isinstance(taken, StorageError) and taken.retryable:
            if session.held.get(number) != taken.code:
                self.held.hold(session, number, taken)
        else:
            session.protocol.fail_file(number, taken.code, taken.message)
        self.drain(session)

    def _written(self, written: Written) -> None:
        session, number = written.session, written.number
        if written.is_whole:
            session.protocol.begin_verifying(number)
        for event in written.chunks:
            error = written.failed.get(event.chunk)
            session.protocol.chunk_written(number, event.chunk, ok=error is None)
            if error is None:
                self._bytes_received += len(event.data)
            elif number not in session.held:
                self.held.hold(session, number, error)
        self.drain(session)

    # --- the sync thread

    def _sync_now(self) -> None:
        try:
            self._intake.sync(
                lambda arriving, runs: self._loop.post(lambda: self._durable(arriving, runs)),
                lambda arriving, error: self._loop.post(lambda: self._give_up(arriving, error)),
            )
        except DrsError as error:
            _LOG.warning("a checkpoint could not be saved: %s", error.one_line())
        finally:
            self._sync_running = False

    def _give_up(self, arriving: Arriving, error: DrsError) -> None:
        self._chunks.hand_over()
        self._write.add(lambda: _close(arriving))
        self._write.flush()
        self._finished(arriving, error)

    def _durable(self, arriving: Arriving, runs: Runs) -> None:
        place = self._by_file.get(arriving)
        if place is not None:
            place[0].protocol.chunks_durable(place[1], runs)

    def _finish_later(self, written: Iterable[tuple[Arriving, str]]) -> None:
        """Have these verified and named; all of each is written."""
        with self._whole_lock:
            is_first = not self._whole
            self._whole += written
        if is_first:  # those that come until it gets there go with it
            self.sync_thread.post(self._finish_whole)

    def _finish_whole(self) -> None:
        with self._whole_lock:
            whole, self._whole = self._whole, []
        hashed: list[tuple[Arriving, str]] = []
        unread: list[tuple[Arriving, str]] = []
        for each in whole:
            (hashed if self._is_hashed(each[0]) else unread).append(each)
        if unread:
            self._finish_later(unread)  # after others: a large file may take minutes
        if hashed:
            results = self._intake.finish(hashed)
            is_patient = all(arriving.offer.chunks == 1 for arriving, _ in hashed)
            tell = self._loop.post_soon if is_patient else self._loop.post
            tell(lambda: self._all_finished(results))

    def _is_hashed(self, arriving: Arriving) -> bool:
        """Hash some of it; whether nothing is left. One that can't be read is finished at once, which says so."""
        try:
            return arriving.hash_on()
        except WriteFailed:
            return True

    def _all_finished(self, results: list[tuple[Arriving, Stored | DrsError]]) -> None:
        for arriving, result in results:
            self._finished(arriving, result)

    def _finished(self, arriving: Arriving, result: Stored | DrsError) -> None:
        place = self._by_file.pop(arriving, None)
        self._memory.finished(arriving, result)
        if isinstance(result, Stored):
            self.files_done += 1
            self._tell(
                "received",
                path=arriving.offer.path,
                file_id=arriving.offer.file_id,
                size=arriving.offer.size,
                hash=result.digest,
                stored_as=result.stored_as,
            )
        if place is None:
            return
        session, number = place
        session.arriving.pop(number, None)
        if isinstance(result, Stored):
            session.protocol.finish_file(number, result.digest, result.stored_as)
        else:
            session.protocol.fail_file(number, result.code, result.message)


def _close(arriving: Arriving, *_: object) -> None:
    arriving.close(delete=False)


def _ignore(*_: object) -> None:
    """Nobody listens."""
