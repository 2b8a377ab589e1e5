"""`drs-sync watch import`: watch the cameras of a `camera_config.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.cli.watches.options import WatchOptions, watch_options
from transfer_core.cli.watches.report import report_views


@watch_options
def import_cameras(
    file: Annotated[Path, typer.Argument(metavar="camera_config.json", help="The cameras, with src and dest_path.")],
    options: WatchOptions,
    to: Annotated[
        str, typer.Option("--to", metavar="NAME", help="A destination that was paired.", show_default="the settings'")
    ] = "",
    state: State = None,
    json: Json = False,
) -> None:
    """Watch each camera of the file; its frames go to dest_path/CAMERA below the relay's folder."""
    with compose.open_service(state) as service:
        destination = to or service.settings().default_destination
        settings = options.spec(name="camera", directory="", destination=destination)
        views = service.watches.import_file(str(file), settings)
        report_views(views, "is watched", as_json=json)
    for view in views:
        if not Path(view.spec.directory).is_dir():
            output.note(f"{view.spec.name} waits for its folder: {output.printable(view.spec.directory)} is not there")
