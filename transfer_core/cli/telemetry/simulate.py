"""`drs-sync telemetry simulate`: drones that fly laps, and send what LiftOff would."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated

import typer

from transfer_core.cli import output
from transfer_core.cli.options import Json, State, format_address, parse_address
from transfer_core.cli.stop_signal import stop_on_signals
from transfer_core.cli.telemetry.layout import Format, decoder_settings
from transfer_core.errors import UsageError

if TYPE_CHECKING:
    from transfer_core.telemetry.generator import Generator

RATE_MAX_HZ = 1000.0
DRONES_MAX = 500


def simulate(
    drones: Annotated[int, typer.Option("--drones", min=1, max=DRONES_MAX, help="How many fly.")] = 4,
    laps: Annotated[int, typer.Option("--laps", min=1, max=1000, help="Then they land.")] = 3,
    to: Annotated[str, typer.Option("--to", metavar="HOST:PORT", help="Who listens, over UDP.")] = "127.0.0.1:9001",
    rate: Annotated[float, typer.Option("--rate", metavar="HZ", help="Datagrams a second of each drone.")] = 100.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed flies the same race.")] = 1,
    layout: Format = None,
    _state: State = None,
    json: Json = False,
) -> None:
    """Fly until all have landed, or Ctrl+C."""
    from transfer_core.telemetry.decoders.stream_format import stream_format
    from transfer_core.telemetry.flight import Stream, flights
    from transfer_core.telemetry.generator import Generator

    address = parse_address(to)
    if not 0 < rate <= RATE_MAX_HZ:
        raise UsageError(f"--rate {rate:g} can't be flown", hint=f"Use more than 0, up to {RATE_MAX_HZ:g} Hz.")
    wire = stream_format(decoder_settings(layout, "liftoff")["StreamFormat"])
    flown = flights(drones, laps, seed)
    streams = [Stream(flight, rate, wire) for flight in flown]
    generator = Generator(streams, address, rate)
    longest_s = max(flight.duration_s for flight in flown)

    def ready(ports: list[int]) -> None:
        if json:
            facts = {"to": format_address(address), "drones": drones, "rate_hz": rate, "ports": ports}
            output.json_event("ready", {**facts, "duration_s": round(longest_s, 1)})
        else:
            where = format_address(address)
            output.line(f"{drones} drones fly {laps} laps in {longest_s:.0f} s, {rate:g} datagrams/s each to {where}")

    with stop_on_signals() as stop:
        threading.Thread(target=_stop_with, args=(stop, generator), name="simulate-stop", daemon=True).start()
        generator.run(ready)
    if json:
        output.json_event("stopped", {"sent": generator.sent, "not_taken": generator.not_taken})
    else:
        output.line(f"{generator.sent} datagrams sent")


def _stop_with(stop: threading.Event, generator: Generator) -> None:
    stop.wait()
    generator.stop()
