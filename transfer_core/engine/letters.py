"""Letters: parcels of shared folders that leave over one agent loop, as transfers of its sessions.

Only so many are under way to a peer at a time, urgent ones first, so that a small edit does not wait behind a first
copy of a large folder.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from transfer_core.engine.agent_files import LETTER
from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.engine.parcels import PARCEL_PREFIX
from transfer_core.errors import DrsError
from transfer_core.events import JobState
from transfer_core.jobs.model import Job

LETTERS_AT_ONCE = 12
CHUNK_BYTES = 65536
URGENT, BULK = 1, 6  # priorities among the jobs of the queue


@dataclass(slots=True)
class _Pile:
    """Letters for one peer. `_lock` guards it."""

    urgent: deque[tuple[bytes, Callable[[], None] | None]] = field(default_factory=deque)
    bulk: deque[tuple[bytes, Callable[[], None] | None]] = field(default_factory=deque)
    under_way: dict[str, Callable[[], None] | None] = field(default_factory=dict)


class Letters:
    """See the module. Any thread."""

    def __init__(self, loop: AgentLoop, tag: str) -> None:
        """`tag` is in the names of letters, which have to be new in each run."""
        self._loop, self._tag = loop, tag
        self._lock = threading.Lock()
        self._piles: dict[str, _Pile] = {}
        self._numbers = 0

    def send(self, peer: str, data: bytes, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        """Bring it there, with this session or a later one; `delivered` is called in the loop's thread."""
        with self._lock:
            pile = self._piles.setdefault(peer, _Pile())
            (pile.urgent if urgent else pile.bulk).append((data, delivered))
        self._fill(peer)

    def _fill(self, peer: str) -> None:
        jobs: list[OutgoingJob] = []
        with self._lock:
            pile = self._piles.get(peer)
            while pile is not None and len(pile.under_way) < LETTERS_AT_ONCE and (pile.urgent or pile.bulk):
                is_urgent = bool(pile.urgent)
                data, delivered = (pile.urgent or pile.bulk).popleft()
                self._numbers += 1
                job = _job(f"{self._tag}-{self._numbers}", peer, len(data), self._numbers, is_urgent=is_urgent)
                pile.under_way[job.file_id] = delivered
                jobs.append(OutgoingJob.of_letter(job, data, self._numbers, CHUNK_BYTES))
        for out in jobs:
            self._loop.loop.post(lambda out=out: self._loop.send_letter(peer, out))  # type: ignore[misc]

    def on_sent(self, job: OutgoingJob, error: DrsError | None) -> None:
        """A letter is there for good, or is refused."""
        peer = job.job.destination
        with self._lock:
            pile = self._piles.get(peer)
            delivered = None if pile is None else pile.under_way.pop(job.job.file_id, None)
        if error is None and delivered is not None:
            delivered()
        self._fill(peer)

    def forget(self, peer: str) -> None:
        """There is no way to this peer any more; what waits for it is dropped."""
        with self._lock:
            self._piles.pop(peer, None)


def _job(name: str, peer: str, size: int, number: int, *, is_urgent: bool) -> Job:
    return Job(
        file_id=name,
        path=PARCEL_PREFIX + name,
        size=size,
        priority=URGENT if is_urgent else BULK,
        position=float(number),
        status=JobState.UPLOADING,
        destination=peer,
        dest_path=PARCEL_PREFIX + name,
        source=LETTER,
    )
