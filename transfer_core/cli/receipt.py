"""`drs-sync receipt`: a relay's signed word that it has a file."""

from __future__ import annotations

from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.errors import NotFoundError


def receipt(
    file_id: Annotated[str, typer.Argument(metavar="FILE_ID", help="As `history --json` shows it.")],
    state: State = None,
    json: Json = False,
) -> None:
    """Show a relay's signed receipt of a job, after its signature was checked."""
    with compose.open_service(state) as service:
        found = service.uploads.receipt(file_id)
    if found is None:
        raise NotFoundError(
            f"there is no receipt of {file_id}",
            hint="Relays give one for uploads over HTTP; for what came over UDP, `drs-sync relay receipt` makes one.",
        )
    if json:
        output.json_document(found)
        return
    for name, value in found.items():
        output.line(f"{name}: {output.printable(str(value))}")
    output.line("The signature fits.")
