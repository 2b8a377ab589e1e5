"""`drs-sync history`: jobs that ended, newest first."""

from __future__ import annotations

from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.units import format_bytes, format_duration


def history(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 50,
    find: Annotated[str, typer.Option("--find", metavar="TEXT", help="Only those whose path holds this.")] = "",
    state: State = None,
    json: Json = False,
) -> None:
    """Show jobs that ended, with duration, size and links."""
    with compose.open_service(state) as service:
        jobs = service.history(limit=limit, find=find)
    if json:
        output.json_document([output.job_object(job) for job in jobs])
        return
    if not jobs:
        output.line("No job has ended yet." if not find else "No job that ended matches.")
        return
    rows = [
        (
            job.completed_at or "",
            job.file_id[: output.SHORT_ID],
            job.path,
            format_bytes(job.size),
            job.status.value,
            format_duration(job.duration_s),
            ", ".join(f"{name} {format_bytes(count)}" for name, count in job.links.items()),
            job.error or "",
        )
        for job in jobs
    ]
    heads = ("ended", "id", "file", "size", "status", "took", "links", "error")
    output.table(heads, rows, right=("size", "took"))
