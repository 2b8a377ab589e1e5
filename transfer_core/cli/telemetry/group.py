"""`drs-sync telemetry`: decode, simulate, record, races, replay, export, serve, users, limits."""

from __future__ import annotations

import typer

from transfer_core.cli.telemetry.decode import decode
from transfer_core.cli.telemetry.export import export
from transfer_core.cli.telemetry.limits import limits
from transfer_core.cli.telemetry.races import races
from transfer_core.cli.telemetry.record import record
from transfer_core.cli.telemetry.replay import replay
from transfer_core.cli.telemetry.serve import serve
from transfer_core.cli.telemetry.simulate import simulate
from transfer_core.cli.telemetry.users import users

group = typer.Typer(help="Live telemetry over UDP: decode, simulate, record, replay, export, races.")
group.command("decode")(decode)
group.command("simulate")(simulate)
group.command("record")(record)
group.command("races")(races)
group.command("replay")(replay)
group.command("export")(export)
group.command("serve")(serve)
group.command("users")(users)
group.command("limits")(limits)
