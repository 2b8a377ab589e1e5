"""`drs-sync watch add`: watch a folder from now on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import DestPath, Json, Priority, State
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
    To,
    deletes_after,
)
from transfer_core.cli.watches.report import report_views
from transfer_core.config import PRIORITY_DEFAULT, parse_priority

if TYPE_CHECKING:
    from transfer_core.service import TransferService


def add(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that the camera writes to.")],
    to: To,
    name: Annotated[
        str, typer.Option("--name", metavar="N", help="What to call the watch.", show_default="the folder's name")
    ] = "",
    pattern: Pattern = "*",
    start_after: Annotated[
        str, typer.Option("--start-after", metavar="NAME", help="Send only names that sort after this one.")
    ] = "",
    lookahead: Lookahead = 4,
    stable_ms: StableMs = 5.0,
    file_wait_ms: FileWaitMs = 10.0,
    max_files: MaxFiles = 0,
    dest_path: DestPath = "",
    preserve_structure: PreserveStructure = False,
    priority: Priority = None,
    once: Once = False,
    delete_after: DeleteAfter = "",
    cleanup_part_files: CleanupPartFiles = False,
    on_trigger: OnTrigger = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Watch a folder: an agent or the console sends each file the moment it is complete."""
    from transfer_core.events.watches import WatchSpec

    with compose.open_service(state) as service:
        spec = WatchSpec(
            name=name or free_name(service, directory.absolute().name),
            directory=str(directory.absolute()),
            destination=to,
            pattern=pattern,
            start_after=start_after,
            lookahead=lookahead,
            stable_ms=stable_ms,
            file_wait_ms=file_wait_ms,
            max_files=max_files,
            dest_path=dest_path,
            preserve_structure=preserve_structure,
            priority=PRIORITY_DEFAULT if priority is None else parse_priority(priority),
            once=once,
            delete_after=deletes_after(delete_after),
            cleanup_part_files=cleanup_part_files,
            on_trigger=on_trigger,
        )
        report_views([service.watches.add(spec)], "is watched", as_json=json)


def free_name(service: TransferService, wanted: str) -> str:
    """The folder's name, with a number if it is taken, without what a name can't hold."""
    taken = {view.spec.name for view in service.watches.views()}
    stem = output.printable(wanted)[:50] or "folder"
    return next(name for name in (stem, *(f"{stem}-{number}" for number in range(2, 10_000))) if name not in taken)
