"""`drs-sync upload`: queue files and folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import DestPath, Json, Priority, State
from transfer_core.config import parse_priority
from transfer_core.errors import SourceError, SourceMissing

if TYPE_CHECKING:
    from transfer_core.service import AddResult, TransferService


def upload(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders with all that is in them.")],
    to: Annotated[str | None, typer.Option("--to", metavar="NAME", help="A destination that was paired.")] = None,
    priority: Priority = None,
    dest_path: DestPath = "",
    state: State = None,
    json: Json = False,
) -> None:
    """Queue files; an agent or the console sends them."""
    with compose.open_service(state) as service:
        result = add(service, paths, to, priority, dest_path)
        if json:
            added = [output.job_object(job) for job in result.added]
            skipped = [{"path": each.path, "why": each.why} for each in result.skipped]
            output.json_document({"added": added, "skipped": skipped})
        else:
            output.jobs_table(result.added)
    if complain(result):
        raise typer.Exit(1)


def add(
    service: TransferService, paths: Sequence[Path], to: str | None, priority: str | None, dest_path: str
) -> AddResult:
    """Queue what a person named. SourceMissing, before anything is queued, if a path isn't there."""
    number = None if priority is None else parse_priority(priority)
    for path in paths:
        if not path.exists() and not path.is_symlink():
            raise SourceMissing(
                f"{output.printable(str(path))} is not there", hint="Nothing was queued. Check the name."
            )
    whole = [str(path.absolute()) for path in paths]
    return service.add_paths(whole, destination=to, priority=number, dest_path=dest_path, source="cli")


def complain(result: AddResult) -> bool:
    """Name on stderr what did not become a job; whether there was any."""
    for each in result.skipped:
        text = f"{output.printable(each.path)} was not queued: {each.why}"
        output.error_line(SourceError(text, hint="The others are queued." if result.added else "Nothing was queued."))
    return bool(result.skipped)
