"""`drs-sync telemetry serve`: races for a team, over REST and WebSocket."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State, parse_listen
from transfer_core.cli.stop_signal import stop_on_signals


def serve(
    http: Annotated[str, typer.Option("--http", metavar="HOST:PORT", help="REST.")] = "127.0.0.1:8000",
    viewers: Annotated[str, typer.Option("--ws", metavar="HOST:PORT", help="Viewers.")] = "127.0.0.1:8765",
    udp: Annotated[str, typer.Option("--udp", metavar="HOST", help="Where races take telemetry.")] = "127.0.0.1",
    certificate: Annotated[Path | None, typer.Option("--cert", metavar="PEM", help="For TLS.")] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="PEM", help="Its private key.")] = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Serve until Ctrl+C. Beyond this machine only with TLS."""
    from transfer_core.server.races.race_side import RaceAddresses

    udp_host, _ = parse_listen(f"[{udp}]:0" if ":" in udp else f"{udp}:0")
    addresses = RaceAddresses(parse_listen(http), parse_listen(viewers), udp_host, certificate, key)
    with stop_on_signals() as stop, compose.serve_races(state, addresses) as side:
        if json:
            output.json_event("ready", {"http": side.http_url, "viewers": side.viewers_url, "udp": udp_host})
        else:
            output.line(f"races on {side.http_url} (/docs), viewers on {side.viewers_url}/race/UDP_PORT")
        stop.wait()
    if json:
        output.json_event("stopped")
