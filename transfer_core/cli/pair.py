"""`drs-sync pair`: keep a relay as a destination."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State


def pair(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="From `drs-sync relay pair`.")],
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What to call that relay here.")] = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Keep the relay of a pairing token as a destination."""
    with compose.open_service(state) as service:
        destination = service.pair(token.strip(), name)
    if json:
        output.json_document(asdict(destination))
        return
    where = ", ".join(destination.addresses)
    output.line(f"{destination.name}: {where}, fingerprint {destination.fingerprint}")
    if not destination.online:
        output.line("It does not answer yet; it is paired as soon as it does.")
