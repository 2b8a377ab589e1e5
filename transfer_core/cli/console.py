"""`drs-sync console`: the desktop app."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from transfer_core.cli import compose
from transfer_core.cli.options import Json, Simulate, State


def console(
    simulate: Simulate = None,
    screenshot: Annotated[
        Path | None, typer.Option("--screenshot", metavar="FILE", help="Save a picture of the page and end.")
    ] = None,
    page: Annotated[str | None, typer.Option("--page", metavar="NAME", help="Open with this page.")] = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Open the desktop app."""
    del json  # every command takes it; a window has nothing to write
    application = compose.open_console()
    directory = compose.state_directory(state)
    code = application.run_console(directory, simulation=simulate, screenshot=screenshot, page=page)
    raise typer.Exit(code)
