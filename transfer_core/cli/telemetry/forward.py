"""Options of `drs-sync agent` that pass telemetry on to a relay as it comes, and what they do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transfer_core.cli.options import format_address, parse_listen
from transfer_core.errors import UsageError

if TYPE_CHECKING:
    from transfer_core.service import TransferService

Telemetry = Annotated[
    list[str] | None,
    typer.Option(
        "--telemetry",
        metavar="[HOST:]PORT",
        help="Pass telemetry that comes to that UDP port on to a relay, live and ahead of files; may be given again.",
        show_default=False,
    ),
]
TelemetryTo = Annotated[
    str | None, typer.Option("--telemetry-to", metavar="NAME", help="The relay.", show_default="the only one")
]
TelemetryFormat = Annotated[
    Path | None,
    typer.Option(
        "--telemetry-format",
        metavar="TelemetryConfiguration.json",
        help="The file of LiftOff that lays out the stream.",
        show_default="all that LiftOff can send",
    ),
]
TelemetryDecoder = Annotated[str, typer.Option("--telemetry-decoder", metavar="NAME", help="liftoff or f1.")]


def pass_on(
    service: TransferService, ports: Sequence[str], relay: str | None, layout: Path | None, decoder: str
) -> list[str]:
    """Listen on these ports and pass on what comes; where, as it listens. UsageError, NotFoundError, PortInUse."""
    if not ports:
        return []
    from transfer_core.cli.telemetry.layout import decoder_settings

    addresses = [parse_listen(text if ":" in text else f"127.0.0.1:{text}") for text in ports]
    settings = decoder_settings(layout, decoder)
    destination = relay or _only_relay(service)
    where = []
    for host, port in addresses:
        listener = service.telemetry.listen(port, host=host, settings=settings)
        service.telemetry.forward(listener.port, destination, name=f"UDP {listener.port}")
        where.append(format_address((host, listener.port)))
    return where


def _only_relay(service: TransferService) -> str:
    relays = [each.name for each in service.destinations() if each.kind == "relay"]
    if len(relays) != 1:
        raise UsageError(f"{len(relays)} relays are paired", hint="Name one of them with --telemetry-to.")
    return relays[0]
