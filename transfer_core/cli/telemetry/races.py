"""`drs-sync telemetry races`: what was recorded, and what is."""

from __future__ import annotations

from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.cli.telemetry.which import find_race, length_s, race_object
from transfer_core.units import format_bytes, format_duration


def races(
    find: Annotated[str, typer.Option("--find", metavar="WORDS", help="In the name, the owner or a member.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 200,
    delete: Annotated[str | None, typer.Option("--delete", metavar="RACE", help="Delete this one for good.")] = None,
    state: State = None,
    json: Json = False,
) -> None:
    """List races, the newest first."""
    with compose.open_telemetry(state) as telemetry:
        if delete is not None:
            gone = find_race(telemetry, delete)
            telemetry.delete_race(gone.race_id)
            if json:
                output.json_document(race_object(gone))
            else:
                output.line(f"{gone.race_id[: output.SHORT_ID]} {output.printable(gone.name)}: deleted")
            return
        found = telemetry.races(find=find, limit=limit)
    if json:
        output.json_document([race_object(race) for race in found])
        return
    rows = [
        (
            race.race_id[: output.SHORT_ID],
            race.name,
            race.state.value,
            race.created_at[:19].replace("T", " "),
            format_duration(length_s(race)),
            str(len(race.sources)),
            str(race.datagrams),
            format_bytes(race.size_bytes),
            race.error,
        )
        for race in found
    ]
    heads = ("id", "name", "state", "created (UTC)", "length", "sources", "datagrams", "size", "why")
    output.table(heads, rows, right=("length", "sources", "datagrams", "size"))
