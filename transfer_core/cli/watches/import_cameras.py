"""`drs-sync watch import`: watch the cameras of a `camera_config.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, Priority, State
from transfer_core.cli.watches.options import (
    CleanupPartFiles,
    DeleteAfter,
    FileWaitMs,
    Lookahead,
    MaxFiles,
    Once,
    OnTrigger,
    Pattern,
    PreserveStructure,
    StableMs,
    deletes_after,
)
from transfer_core.cli.watches.report import report_views
from transfer_core.config import PRIORITY_DEFAULT, parse_priority


def import_cameras(
    file: Annotated[Path, typer.Argument(metavar="camera_config.json", help="The cameras, with src and dest_path.")],
    to: Annotated[
        str, typer.Option("--to", metavar="NAME", help="A destination that was paired.", show_default="the settings'")
    ] = "",
    pattern: Pattern = "*",
    lookahead: Lookahead = 4,
    stable_ms: StableMs = 5.0,
    file_wait_ms: FileWaitMs = 10.0,
    max_files: MaxFiles = 0,
    preserve_structure: PreserveStructure = False,
    priority: Priority = None,
    once: Once = False,
    delete_after: DeleteAfter = "",
    cleanup_part_files: CleanupPartFiles = False,
    on_trigger: OnTrigger = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Watch each camera of the file; its frames go to dest_path/CAMERA below the relay's folder."""
    from transfer_core.events.watches import WatchSpec

    with compose.open_service(state) as service:
        settings = WatchSpec(
            name="camera",
            directory="",
            destination=to or service.settings().default_destination,
            pattern=pattern,
            lookahead=lookahead,
            stable_ms=stable_ms,
            file_wait_ms=file_wait_ms,
            max_files=max_files,
            preserve_structure=preserve_structure,
            priority=PRIORITY_DEFAULT if priority is None else parse_priority(priority),
            once=once,
            delete_after=deletes_after(delete_after),
            cleanup_part_files=cleanup_part_files,
            on_trigger=on_trigger,
        )
        views = service.watches.import_file(str(file), settings)
        report_views(views, "is watched", as_json=json)
    for view in views:
        if not Path(view.spec.directory).is_dir():
            output.note(f"{view.spec.name} waits for its folder: {output.printable(view.spec.directory)} is not there")
