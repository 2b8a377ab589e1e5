"""`drs-sync pause`: hold jobs where they are, or the queue as a whole."""

from __future__ import annotations

from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.errors import UsageError


def pause(
    file_ids: Annotated[
        list[str] | None, typer.Argument(metavar="FILE_ID...", help="As `status` shows them; 4 characters are enough.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="The queue as a whole, also over restarts.")] = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Hold jobs where they are."""
    if everything == bool(file_ids):
        raise UsageError("name jobs or --all", hint="Write `drs-sync pause FILE_ID...` or `drs-sync pause --all`.")
    with compose.open_service(state) as service:
        if everything:
            service.pause_all()
            output.report_jobs(service, [], "The queue as a whole is paused.", as_json=json)
            return
        whole = compose.whole_ids(service, file_ids or [])
        service.pause(whole)
        output.report_jobs(service, whole, "paused", as_json=json)
