"""`drs-sync telemetry limits`: from where on something about a source needs a hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.events.alarm_limits import parse_rule

Share = Annotated[float | None, typer.Option(metavar="0-1", show_default="as it is")]


def limits(
    battery_low: Share = None,
    battery_empty: Share = None,
    loss: Share = None,
    heavy_loss: Share = None,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", metavar="'Speed > 40'", help="In place of all rules; may be given again."),
    ] = None,
    no_rules: Annotated[bool, typer.Option("--no-rules", help="Take all rules away.")] = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Show the limits of alarms, or change those that are named."""
    from transfer_core.telemetry.alarm_file import limits_object

    shares = {"battery_low": battery_low, "battery_empty": battery_empty, "loss": loss, "heavy_loss": heavy_loss}
    changes = {name: value for name, value in shares.items() if value is not None}
    with compose.open_telemetry(state) as telemetry:
        now = telemetry.alarm_limits()
        if changes or rule or no_rules:
            rules = tuple(parse_rule(text) for text in rule or ()) if rule or no_rules else now.rules
            now = telemetry.set_alarm_limits(replace(now, **changes, rules=rules))
    document = limits_object(now)
    if json:
        output.json_document(document)
        return
    for name in shares:
        output.line(f"{name.replace('_', ' ')}: {document[name]:.0%}")
    for text in document["rules"]:
        output.line(text)
