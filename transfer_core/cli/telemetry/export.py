"""`drs-sync telemetry export`: write a recording for other tools."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.cli.telemetry.which import WhichRace, find_race
from transfer_core.units import format_bytes


def export(
    race: WhichRace,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to write; never overwritten.")],
    form: Annotated[
        str | None, typer.Option("--format", metavar="csv|parquet|mcap", show_default="the file's ending")
    ] = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Write all its samples as one file."""
    with compose.open_telemetry(state) as telemetry:
        found = find_race(telemetry, race)
        done = telemetry.export(found.race_id, str(file), form or file.suffix.lower().removeprefix("."))
    if json:
        output.json_document(asdict(done))
    else:
        refused = f", {done.refused} datagrams could not be decoded" if done.refused else ""
        output.line(f"{done.rows} samples, {format_bytes(done.size_bytes)}: {done.path}{refused}")
