"""`drs-sync telemetry replay`: send a recording again, byte for byte, at the times at which it came."""

from __future__ import annotations

from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State, format_address, parse_address, parse_seconds
from transfer_core.cli.stop_signal import stop_on_signals
from transfer_core.cli.telemetry.which import WhichRace, find_race
from transfer_core.events.telemetry import ReplayState
from transfer_core.units import NS_PER_S, format_duration

TURN_S = 0.1


def replay(
    race: WhichRace,
    to: Annotated[str, typer.Option("--to", metavar="HOST:PORT", help="Who gets it, over UDP.")] = "127.0.0.1:9001",
    speed: Annotated[float, typer.Option("--speed", metavar="0.1-50", help="Times as fast.")] = 1.0,
    start: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Begin at 90s, 2m.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Begin again at the end, until Ctrl+C.")] = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Play to the end, or until Ctrl+C."""
    address = parse_address(to)
    start_ns = 0 if start is None else round(parse_seconds(start) * NS_PER_S)
    with stop_on_signals() as stop, compose.open_telemetry(state) as telemetry:
        found = find_race(telemetry, race)
        view = telemetry.open_replay(found.race_id, to=format_address(address))
        telemetry.set_speed(view.replay_id, speed)
        if start_ns:
            telemetry.seek(view.replay_id, start_ns)
        if loop:
            telemetry.set_loop(view.replay_id, start_ns, view.duration_ns)
        length_s = view.duration_ns / NS_PER_S
        if json:
            facts = {"race_id": found.race_id, "name": found.name, "to": view.to, "length_s": length_s}
            output.json_event("ready", facts)
        else:
            output.line(f"{output.printable(found.name)}, {format_duration(length_s)}, to {view.to} at {speed:g}x")
        view = telemetry.play(view.replay_id)
        while not stop.wait(TURN_S):
            view = next(each for each in telemetry.replays() if each.replay_id == view.replay_id)
            if view.state is not ReplayState.PLAYING:
                break
        view = telemetry.pause(view.replay_id)
    if json:
        output.json_event(
            "stopped", {"sent": view.sent, "position_s": view.position_ns / NS_PER_S, "error": view.error}
        )
    else:
        output.line(f"{view.sent} datagrams sent")
    if view.error:
        output.note(output.printable(view.error))
        raise typer.Exit(1)
