"""`drs-sync retry`: queue failed or cancelled jobs again; they go on from what the destination has."""

from __future__ import annotations

from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.errors import UsageError


def retry(
    file_ids: Annotated[
        list[str] | None, typer.Argument(metavar="FILE_ID...", help="As `status` shows them; 4 characters are enough.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All jobs that failed.")] = False,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="With --failed: to this destination.")] = "",
    state: State = None,
    json: Json = False,
) -> None:
    """Queue failed or cancelled jobs again; they go on from what the destination has."""
    if failed == bool(file_ids) or (to and not failed):
        raise UsageError(
            "name jobs or --failed", hint="Write `drs-sync retry FILE_ID...` or `drs-sync retry --failed`."
        )
    with compose.open_service(state) as service:
        if failed:
            count = service.uploads.retry_failed(to)
            output.report_jobs(service, [], f"{count} jobs are queued again.", as_json=json)
            return
        whole = compose.whole_ids(service, file_ids or [])
        service.retry(whole)
        output.report_jobs(service, whole, "queued again", as_json=json)
