"""`drs-sync status`: the queue, one job of it, or a job's manifest."""

from __future__ import annotations

from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.errors import UsageError


def status(
    file_id: Annotated[
        str | None, typer.Argument(metavar="FILE_ID", help="One job; 4 characters of its id are enough.")
    ] = None,
    manifest: Annotated[bool, typer.Option("--manifest", help="Print this job's manifest as JSON.")] = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Show the queue in its order, or one job."""
    if manifest and file_id is None:
        raise UsageError("--manifest needs a job", hint="Write `drs-sync status FILE_ID --manifest`.")
    with compose.open_service(state) as service:
        if file_id is None:
            jobs = service.jobs()
        else:
            (whole,) = compose.whole_ids(service, [file_id])
            if manifest:
                output.json_document(service.manifest(whole))
                return
            jobs = [service.job(whole)]
        if json:
            output.json_document([output.job_object(job) for job in jobs])
        elif jobs:
            output.jobs_table(jobs)
        else:
            output.line("The queue is empty.")
