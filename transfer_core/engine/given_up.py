"""What people gave up a moment ago: nothing more of it is sent, but its part stays at the relay until undo is over.

Pure. Whoever takes a removal back within that time goes on where the file was. After it the relay is told to drop its
part, since nobody goes on with it; also when the agent ends, because nobody would be there later to tell.
"""

from __future__ import annotations

from dataclasses import dataclass

from transfer_core.engine.outgoing import OutgoingJob


@dataclass(frozen=True, slots=True)
class GivenUpJob:
    """A job whose part lies at a relay, and until when (ns) it does in any case."""

    relay: str
    out: OutgoingJob
    due_ns: int


class GivenUp:
    """All of them, by file id; the time to come back is the same for each."""

    def __init__(self, kept_ns: int) -> None:
        self._kept_ns = kept_ns
        self._jobs: dict[str, GivenUpJob] = {}  # in the order in which they are due

    def add(self, relay: str, out: OutgoingJob, now_ns: int) -> None:
        """One more."""
        self._jobs.pop(out.job.file_id, None)
        self._jobs[out.job.file_id] = GivenUpJob(relay, out, now_ns + self._kept_ns)

    def take_back(self, file_id: str) -> None:
        """It is sent again, so what is there is wanted."""
        self._jobs.pop(file_id, None)

    def due(self, now_ns: int | None) -> list[GivenUpJob]:
        """Those that nobody takes back any more, each once; None: all of them."""
        over = []
        for job in self._jobs.values():
            if now_ns is not None and job.due_ns > now_ns:
                break
            over.append(job)
        for job in over:
            del self._jobs[job.out.job.file_id]
        return over
