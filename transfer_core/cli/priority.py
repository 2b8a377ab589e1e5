"""`drs-sync priority`: let a job go sooner or later."""

from __future__ import annotations

from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.config import parse_priority, priority_name


def priority(
    file_id: Annotated[str, typer.Argument(metavar="FILE_ID", help="As `status` shows it; 4 characters are enough.")],
    level: Annotated[
        str, typer.Argument(metavar="N", help="1 (first) to 10, or critical, high, normal, low, background.")
    ],
    state: State = None,
    json: Json = False,
) -> None:
    """Give a job another priority."""
    number = parse_priority(level)
    with compose.open_service(state) as service:
        whole = compose.whole_ids(service, [file_id])
        service.set_priority(whole, number)
        output.report_jobs(service, whole, f"has priority {priority_name(number)}", as_json=json)
