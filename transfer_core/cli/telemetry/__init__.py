"""`drs-sync telemetry`: decode, simulate, record, replay, export, races. One file per command."""

from __future__ import annotations

import typer

from transfer_core.cli.telemetry.decode import decode
from transfer_core.cli.telemetry.simulate import simulate

group = typer.Typer(help="Live telemetry over UDP: decode, simulate, record, replay, export, races.")
group.command("decode")(decode)
group.command("simulate")(simulate)
