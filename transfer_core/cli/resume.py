"""`drs-sync resume`: let paused jobs go on, or the queue as a whole."""

from __future__ import annotations

from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.errors import UsageError


def resume(
    file_ids: Annotated[
        list[str] | None, typer.Argument(metavar="FILE_ID...", help="As `status` shows them; 4 characters are enough.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="The queue as a whole, also over restarts.")] = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Let paused jobs go on."""
    if everything == bool(file_ids):
        raise UsageError("name jobs or --all", hint="Write `drs-sync resume FILE_ID...` or `drs-sync resume --all`.")
    with compose.open_service(state) as service:
        if everything:
            service.resume_all()
            output.report_jobs(service, [], "The queue as a whole is resumed.", as_json=json)
            return
        whole = compose.whole_ids(service, file_ids or [])
        service.resume(whole)
        output.report_jobs(service, whole, "queued again", as_json=json)
