"""Folder sync at the agent: letters to relays leave as transfers of the engine, posts of the relays come in.

Only so many letters are under way to a relay at a time, urgent ones first, so that a small edit does not wait behind a
first copy of a large folder.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from transfer_core.clock import Clock
from transfer_core.engine.agent_files import LETTER
from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.entropy import Entropy
from transfer_core.errors import DrsError
from transfer_core.events import JobState
from transfer_core.events.sync import SyncFolderView, SyncHappening
from transfer_core.jobs.model import Job
from transfer_core.sync.keeper import Keeper
from transfer_core.sync.parcel import decode_parcel
from transfer_core.sync.shares import ShareStore

LETTERS_AT_ONCE = 12
CHUNK_BYTES = 65536
URGENT, BULK = 1, 6  # priorities among the jobs of the queue
_PREFIX = ".drs-sync/"


@dataclass(slots=True)
class _Relay:
    """Letters for one relay. `_lock` of the desk guards it."""

    urgent: deque[tuple[bytes, Callable[[], None] | None]] = field(default_factory=deque)
    bulk: deque[tuple[bytes, Callable[[], None] | None]] = field(default_factory=deque)
    under_way: dict[str, Callable[[], None] | None] = field(default_factory=dict)


class SyncDesk:
    """See the module. It is the loop's `AgentMail` and the keeper's `Carrier`; a relay is a peer by its name."""

    def __init__(
        self,
        loop: AgentLoop,
        store: ShareStore,
        name: str,
        clock: Clock,
        entropy: Entropy,
        on_views: Callable[[tuple[SyncFolderView, ...]], None],
        on_happenings: Callable[[tuple[SyncHappening, ...]], None],
    ) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._relays: dict[str, _Relay] = {}
        self._sessions: set[str] = set()
        self._numbers = 0
        self._tag = entropy.token_bytes(6).hex()
        self.keeper = Keeper(
            name, store, self, clock, lambda: entropy.token_bytes(8).hex(), on_views, on_happenings, self._opened
        )

    def start(self) -> None:
        """Open the folders."""
        self.keeper.start()

    def stop(self) -> None:
        """End after what is under way."""
        self.keeper.stop()
        self.keeper.store.close()

    def _opened(self, folder: str) -> None:
        """In the keeper's thread: a folder was opened while there may be a session already."""
        present = self.keeper.folders[folder]
        if present.share.relay in self._sessions:
            present.session(present.share.relay)

    # --- letters

    def carry(self, peer: str, data: bytes, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        """See `Carrier`."""
        with self._lock:
            relay = self._relays.setdefault(peer, _Relay())
            (relay.urgent if urgent else relay.bulk).append((data, delivered))
        self._fill(peer)

    def _fill(self, peer: str) -> None:
        jobs: list[OutgoingJob] = []
        with self._lock:
            relay = self._relays[peer]
            while len(relay.under_way) < LETTERS_AT_ONCE and (relay.urgent or relay.bulk):
                is_urgent = bool(relay.urgent)
                data, delivered = (relay.urgent or relay.bulk).popleft()
                self._numbers += 1
                job = _job(f"{self._tag}-{self._numbers}", peer, len(data), self._numbers, is_urgent=is_urgent)
                relay.under_way[job.file_id] = delivered
                jobs.append(OutgoingJob.of_letter(job, data, self._numbers, CHUNK_BYTES))
        for out in jobs:
            self._loop.loop.post(lambda out=out: self._loop.send_letter(peer, out))  # type: ignore[misc]

    # --- the loop's thread: see `AgentMail`

    def on_session(self, relay: str) -> None:
        """See `AgentMail`. What was asked of the relay in a former session is asked again."""

        def met() -> None:
            self._sessions.add(relay)
            for folder in self.keeper.folders.values():
                if folder.share.relay == relay:
                    folder.session(relay)

        self.keeper.call(met)

    def on_online(self, relay: str, online: bool) -> None:
        """See `AgentMail`."""

        def tell() -> None:
            for folder in self.keeper.folders.values():
                if folder.share.relay == relay:
                    folder.online(relay, online)

        self.keeper.call(tell)

    def on_post(self, relay: str, session: int, post: int, data: bytes) -> None:
        """See `AgentMail`. A post that can't be kept is not taken: a new session brings it again."""

        def take() -> None:
            try:
                parcel = decode_parcel(data)
                if parcel.folder in self.keeper.folders:
                    self.keeper.receive(relay, parcel)
            except DrsError as error:
                self.keeper.note_trouble(relay, error)
                return
            self._loop.loop.post(lambda: self._loop.take_post(relay, session, post))

        self.keeper.call(take)

    def on_sent(self, job: OutgoingJob, error: DrsError | None) -> None:
        """See `AgentMail`."""
        relay = job.job.destination
        with self._lock:
            delivered = self._relays[relay].under_way.pop(job.job.file_id, None)
        if error is not None:
            failure = error
            self.keeper.call(lambda: self.keeper.note_trouble(relay, failure))
        elif delivered is not None:
            delivered()
        self._fill(relay)


def _job(name: str, relay: str, size: int, number: int, *, is_urgent: bool) -> Job:
    return Job(
        file_id=name,
        path=_PREFIX + name,
        size=size,
        priority=URGENT if is_urgent else BULK,
        position=float(number),
        status=JobState.UPLOADING,
        destination=relay,
        dest_path=_PREFIX + name,
        source=LETTER,
    )
