"""How a command is told which recording: by its id or the start of it, its name, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from transfer_core.cli.options import check_start
from transfer_core.errors import NotFoundError, UsageError
from transfer_core.units import NS_PER_S

if TYPE_CHECKING:
    from transfer_core.events.telemetry import RaceView
    from transfer_core.service.telemetry import TelemetryService

WhichRace = Annotated[str, typer.Argument(metavar="RACE", help="Its id or the start of it, its name, or a file.")]
_FILES = (".drslog", ".mcap")


def find_race(telemetry: TelemetryService, text: str) -> RaceView:
    """The newest of that name, else the one whose id begins so, else a file taken in. NotFoundError, UsageError."""
    known = telemetry.races(limit=10_000)
    named = [race for race in known if race.name == text]
    if named:
        return named[0]
    begun = [race for race in known if text and race.race_id.startswith(text)]
    if begun and begun[0].race_id != text:
        check_start(text)
    if len(begun) > 1:
        raise UsageError(f"{text!r} is the start of {len(begun)} races", hint="Write more of the id.")
    if begun:
        return begun[0]
    if text.lower().endswith(_FILES):
        return telemetry.open_recording(str(Path(text)))
    raise NotFoundError(f"there is no race {text!r}", hint="See `drs-sync telemetry races`, or name a file.")


def length_s(race: RaceView) -> float | None:
    """From the first datagram to the newest; None without any."""
    return None if race.start_ns is None or race.end_ns is None else (race.end_ns - race.start_ns) / NS_PER_S


def race_object(race: RaceView) -> dict[str, Any]:
    """A race for programs."""
    return {
        "race_id": race.race_id,
        "name": race.name,
        "owner": race.owner,
        "udp_port": race.udp_port,
        "state": race.state.value,
        "decoder": race.decoder,
        "created_at": race.created_at,
        "ended_at": race.ended_at,
        "length_s": length_s(race),
        "datagrams": race.datagrams,
        "samples": race.samples,
        "size_bytes": race.size_bytes,
        "sources": list(race.sources),
        "members": [{"name": each.name, "role": each.role.value, "source": each.source_id} for each in race.members],
        "path": race.path,
        "error": race.error,
    }
