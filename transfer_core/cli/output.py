"""What the commands print: tables for people, JSON for programs, errors in one line."""

from __future__ import annotations

import io
import json
import re
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from transfer_core.config import priority_name
from transfer_core.events import JobState
from transfer_core.units import format_bytes, utc_iso

if TYPE_CHECKING:
    from transfer_core.errors import DrsError
    from transfer_core.events import IncomingView, JobView, LinkView
    from transfer_core.service import TransferService

SHORT_ID = 8
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)
_LONE = re.compile("[\ud800-\udfff]")
_writing = threading.Lock()


def buffer_stdout() -> None:
    """Put a buffer before a stdout without one (`python -u`): else what a signal keeps it from writing is lost."""
    if isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
        sys.stdout = open(  # noqa: SIM115 - as long as the process
            sys.stdout.fileno(), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors, closefd=False
        )


def line(text: str) -> None:
    """One line on stdout, whole even when threads write at once."""
    lines([text])


def lines(texts: Sequence[str]) -> None:
    """Lines on stdout with nothing in between, written at once."""
    with _writing:
        sys.stdout.write("".join(f"{text}\n" for text in texts))
        sys.stdout.flush()


def note(text: str) -> None:
    """One line on stderr that is no error."""
    with _writing:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def error_line(error: DrsError) -> None:
    """Code, what happened, what to do."""
    note(error.one_line())


def _json_text(value: Any, indent: int | None = None) -> str:
    """JSON that is always UTF-8: the bytes of a name that are no text are written as escapes, which lead back to it."""
    text = (
        _ENCODER.encode(value) if indent is None else json.dumps(value, indent=indent, ensure_ascii=False, default=str)
    )
    return text if text.isascii() else _LONE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def json_document(value: Any) -> None:
    """One JSON document, for people's eyes too."""
    line(_json_text(value, indent=2))


def json_event(event: str, fields: Mapping[str, Any] | None = None) -> None:
    """One JSON object on one line: `event` first, then `at`, unless the fields say when it was."""
    json_events([(event, fields or {})])


def json_events(events: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Many, as `json_event`; they go out together."""
    at = utc_iso(time.time_ns())
    if events:
        lines([_json_text({"event": event, "at": at, **fields}) for event, fields in events])


def job_object(job: JobView) -> dict[str, Any]:
    """A job as `status --json` promises it, and some more after that."""
    return {
        "file_id": job.file_id,
        "path": job.path,
        "size": job.size,
        "priority": job.priority,
        "status": job.status.value,
        "bytes_done": job.bytes_done,
        "attempts": job.attempts,
        "error": job.error,
        "created_at": job.created_at,
        "completed_at": job.completed_at,
        "links": dict(job.links),
        "reason": job.reason,
        "destination": job.destination,
        "dest_path": job.dest_path,
        "stored_as": job.stored_as,
        "file_hash": job.file_hash,
        "duration_s": job.duration_s,
    }


def link_object(link: LinkView) -> dict[str, Any]:
    """A link with its measurements; null is not known."""
    return asdict(link)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """A table on stdout; the columns named in `right` hold figures. Cut to the screen, never when piped."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        drawn.add_column(head, justify="right" if head in right else "left", no_wrap=True)
    for row in rows:
        # names of files may hold brackets, line breaks and control characters
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    screen = Console(file=sys.stdout)
    if not screen.is_terminal:
        screen = Console(file=sys.stdout, width=10_000)
    with _writing:
        screen.print(drawn, crop=screen.is_terminal)


def printable(text: str) -> str:
    """The text without what would move the cursor or break the line."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def jobs_table(jobs: Sequence[JobView]) -> None:
    """The queue for people."""
    rows = [
        (
            job.file_id[:SHORT_ID],
            job.path,
            format_bytes(job.size),
            priority_name(job.priority),
            job.status.value,
            percent(job),
            job.destination,
            job.reason or (job.error or ""),
        )
        for job in jobs
    ]
    table(("id", "file", "size", "priority", "status", "done", "to", "why"), rows, right=("size", "done"))


def percent(job: JobView) -> str:
    """`42 %`; never 100 before the relay has verified it, whatever has been sent."""
    if job.status is JobState.COMPLETED:
        return "100 %"
    return f"{min(job.bytes_done * 100 // job.size, 99)} %" if job.size else "0 %"


def report_jobs(service: TransferService, file_ids: Sequence[str], did: str, *, as_json: bool) -> None:
    """Say what a verb did to these jobs, as they are now; `did` alone where it concerned no single job."""
    jobs = [service.job(file_id) for file_id in file_ids]
    if as_json:
        json_document([job_object(job) for job in jobs])
    elif not jobs:
        line(did)
    for job in () if as_json else jobs:
        line(f"{job.file_id[:SHORT_ID]} {printable(job.path)}: {did}")


def arrived(incoming: IncomingView) -> str:
    """`12 MB of 80 MB`, or the size alone when all is there."""
    if incoming.status is JobState.COMPLETED:
        return format_bytes(incoming.size)
    return f"{format_bytes(incoming.bytes_done)} of {format_bytes(incoming.size)}"


def job_error(job: JobView) -> DrsError:
    """Why a job failed, as an error to print."""
    from transfer_core.errors import error_from_code

    return error_from_code(job.error or "", f"{printable(job.path)} failed: {job.reason or 'no reason is known'}")
