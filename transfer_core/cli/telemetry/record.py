"""`drs-sync telemetry record`: record a UDP port as a race, then seal and queue it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State, parse_listen, parse_seconds
from transfer_core.cli.stop_signal import stop_on_signals
from transfer_core.cli.telemetry.layout import DecoderName, Format, decoder_settings
from transfer_core.cli.telemetry.which import race_object
from transfer_core.units import format_bytes

if TYPE_CHECKING:
    from transfer_core.service.telemetry import TelemetryService

TELL_S = 1.0


def record(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the race is called.")] = "recording",
    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT", help="Where it arrives.")] = "127.0.0.1:9001",
    to: Annotated[str | None, typer.Option("--to", metavar="NAME", help="The destination it is queued for.")] = None,
    duration: Annotated[str | None, typer.Option("--duration", metavar="TIME", help="End after 90s, 10m.")] = None,
    layout: Format = None,
    decoder: DecoderName = "liftoff",
    state: State = None,
    json: Json = False,
) -> None:
    """Record until Ctrl+C."""
    host, port = parse_listen(listen)
    settings = decoder_settings(layout, decoder)
    most_s = None if duration is None else parse_seconds(duration)
    with stop_on_signals() as stop, compose.open_telemetry(state) as telemetry:
        race = telemetry.create_race(name, port, host=host, settings=settings, destination=to)
        if json:
            facts = {"race_id": race.race_id, "name": race.name, "host": host, "udp_port": race.udp_port}
            output.json_event("ready", facts)
        else:
            output.line(f"recording UDP {host}:{race.udp_port} as {output.printable(race.name)!r}; Ctrl+C ends it")
        _wait(telemetry, race.race_id, race.udp_port, stop, most_s, as_json=json)
        saved = telemetry.save_race(race.race_id)
    if json:
        output.json_event("stopped", race_object(saved))
    else:
        sealed = f", sealed as {saved.path}" if saved.path else ""
        output.line(f"{saved.datagrams} datagrams, {format_bytes(saved.size_bytes)}{sealed}")
    if saved.error:
        output.note(output.printable(saved.error))


def _wait(
    telemetry: TelemetryService, race_id: str, port: int, stop: threading.Event, most_s: float | None, *, as_json: bool
) -> None:
    """Tell how it goes, once a second, until it is to end."""
    end = float("inf") if most_s is None else time.monotonic() + most_s
    while not stop.is_set() and (left_s := end - time.monotonic()) > 0:
        stop.wait(min(TELL_S, left_s))
        race = telemetry.race(race_id)
        listener = next((each for each in telemetry.listeners() if each.port == port), None)
        facts = {
            "datagrams": race.datagrams,
            "sources": len(race.sources),
            "refused": 0 if listener is None else listener.refused,
            "kernel_drops": None if listener is None else listener.kernel_drops,
            "size_bytes": race.size_bytes,
            "error": race.error,
        }
        if as_json:
            output.json_event("recording", facts)
