"""`drs-sync watch list`: how the watched folders are doing."""

from __future__ import annotations

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.cli.watches.report import view_objects, views_table


def list_watches(state: State = None, json: Json = False) -> None:
    """Show the watched folders as the running agent sees them; `idle` if none runs."""
    with compose.open_service(state) as service:
        views = service.watches.views()
    if json:
        output.json_document(view_objects(views))
    elif views:
        views_table(views)
    else:
        output.line("No folder is watched. Add one with `drs-sync watch add DIR --to NAME`.")
