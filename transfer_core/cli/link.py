"""`drs-sync link`: kill and restore a link of the running agent."""

from __future__ import annotations

from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State

group = typer.Typer(help="Kill or restore a link of the running agent.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `scan` shows it.")]


@group.command("kill")
def kill(name: Name, state: State = None, json: Json = False) -> None:
    """Drop every datagram on that link, both ways. The engine isn't told: it has to notice."""
    with compose.open_service(state) as service:
        service.kill_link(name)
    _say(name, "killed", as_json=json)


@group.command("restore")
def restore(name: Name, state: State = None, json: Json = False) -> None:
    """Undo `link kill`."""
    with compose.open_service(state) as service:
        service.restore_link(name)
    _say(name, "restored", as_json=json)


def _say(name: str, did: str, *, as_json: bool) -> None:
    if as_json:
        output.json_document({"link": name, "done": did})
    else:
        output.line(f"link {name}: {did}")
