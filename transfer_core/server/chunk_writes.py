"""Chunks that have come and wait to be written: handed to the write thread some at a time.

To wake a thread and to hear of it costs about as much as to write a chunk. So chunks wait for each other, half a
megabyte of them or a few milliseconds, whichever is first; the last of a file waits for none. Who writes that sends the
file on to be verified, if its hash has come: the loop may have others to receive, and is not waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from transfer_core.engine.gathered_work import Answer, GatheredWork
from transfer_core.errors import DrsError
from transfer_core.protocol.receiver_events import ChunkReady
from transfer_core.server.arriving import Arriving
from transfer_core.server.intake import Intake
from transfer_core.server.relay_session import RelaySession
from transfer_core.units import NS_PER_MS

GATHER_BYTES = 1 << 19
GATHER_NS = 2 * NS_PER_MS


@dataclass(slots=True)
class Written:
    """What became of chunks of a file."""

    session: RelaySession
    number: int
    chunks: list[ChunkReady]
    digest: str = ""  # of the whole file, if these are its last chunks and it is known
    failed: dict[int, DrsError] = field(default_factory=dict)  # by chunk
    is_whole: bool = False  # all of the file is written, and it is being verified


class ChunkWrites:
    """See the module. For the loop's thread, in which `written` is called, too; `finish` in the write thread."""

    def __init__(
        self,
        intake: Intake,
        write: GatheredWork,
        written: Callable[[Written], None],
        finish: Callable[[list[tuple[Arriving, str]]], None],
    ) -> None:
        self._intake, self._write, self._told, self._finish = intake, write, written, finish
        self._gathered: dict[Arriving, Written] = {}
        self._bytes = 0
        self._is_urgent = False
        self.has_last = False  # of a file: it is best handed over at once, before more is received
        self.due_ns: int | None = None  # when `flush` has something to do

    def add(self, session: RelaySession, arriving: Arriving, event: ChunkReady) -> None:
        """Have this chunk written."""
        gathered = self._gathered.get(arriving)
        if gathered is None:
            gathered = self._gathered[arriving] = Written(session, event.file, [])
        gathered.chunks.append(event)
        self._bytes += len(event.data)
        file = session.protocol.files.get(event.file)
        self._is_urgent |= self._bytes >= GATHER_BYTES or file is None or not file.missing
        if file is not None and not file.missing:
            gathered.digest = file.digest or ""
            self.has_last |= file.chunks > 1  # those of one chunk come by the hundred

    def flush(self, now_ns: int) -> None:
        """Hand over what has waited long enough. Called once a turn."""
        if not self._gathered:
            return
        if self.due_ns is None:
            self.due_ns = now_ns + GATHER_NS
        if self._is_urgent or now_ns >= self.due_ns:
            self.hand_over()

    def hand_over(self) -> None:
        """Have all of it written before whatever else the write thread is asked for."""
        gathered, self._gathered = self._gathered, {}
        self._bytes, self._is_urgent, self.has_last, self.due_ns = 0, False, False, None
        for arriving, chunks in gathered.items():
            self._write.add(partial(self._do, arriving, chunks))

    def _do(self, arriving: Arriving, chunks: Written) -> Answer:
        """In the write thread."""
        for event in chunks.chunks:
            try:
                self._intake.write(arriving, event.chunk, event.offset, event.data)
            except DrsError as error:
                chunks.failed[event.chunk] = error
        if chunks.digest and arriving.written.all():
            chunks.is_whole = True
            self._finish([(arriving, chunks.digest)])
        return lambda: self._told(chunks)
