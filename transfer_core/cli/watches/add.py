"""`drs-sync watch add`: watch a folder from now on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import DestPath, Json, State
from transfer_core.cli.watches.options import WatchOptions, watch_options
from transfer_core.cli.watches.report import report_views

if TYPE_CHECKING:
    from transfer_core.service import TransferService


@watch_options
def add(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that the camera writes to.")],
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="A destination that was paired.")],
    options: WatchOptions,
    name: Annotated[
        str, typer.Option("--name", metavar="N", help="What to call the watch.", show_default="the folder's name")
    ] = "",
    start_after: Annotated[
        str, typer.Option("--start-after", metavar="NAME", help="Send only names that sort after this one.")
    ] = "",
    dest_path: DestPath = "",
    state: State = None,
    json: Json = False,
) -> None:
    """Watch a folder: an agent or the console sends each file the moment it is complete."""
    with compose.open_service(state) as service:
        spec = options.spec(
            name=name or free_name(service, directory.absolute().name),
            directory=str(directory.absolute()),
            destination=to,
            start_after=start_after,
            dest_path=dest_path,
        )
        report_views([service.watches.add(spec)], "is watched", as_json=json)


def free_name(service: TransferService, wanted: str) -> str:
    """The folder's name, with a number if it is taken, without what a name can't hold."""
    taken = {view.spec.name for view in service.watches.views()}
    stem = output.printable(wanted)[:50] or "folder"
    return next(name for name in (stem, *(f"{stem}-{number}" for number in range(2, 10_000))) if name not in taken)
