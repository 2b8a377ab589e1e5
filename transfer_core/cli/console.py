"""`drs-sync console`: the desktop app."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from transfer_core.cli import compose
from transfer_core.cli.options import Json, Simulate, State, window_size


def console(
    simulate: Simulate = None,
    screenshot: Annotated[
        Path | None, typer.Option("--screenshot", metavar="FILE", help="Save a picture of the page and end.")
    ] = None,
    page: Annotated[str | None, typer.Option("--page", metavar="NAME", help="Open with this page.")] = None,
    theme: Annotated[
        str | None,
        typer.Option("--theme", metavar="light|dark|sun", help="Open in this theme.", show_default="as left"),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="WxH", help="Of the window, such as 1366x768.", show_default="as left"),
    ] = None,
    scale: Annotated[
        float | None, typer.Option("--scale", min=0.5, max=4.0, help="Of everything, such as 1.5 on a dense screen.")
    ] = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Open the desktop app."""
    del json  # every command takes it; a window has nothing to write
    application = compose.open_console()
    directory = compose.state_directory(state)
    looks = application.Looks(theme=theme, size=window_size(size), scale=scale)
    code = application.run_console(directory, simulation=simulate, screenshot=screenshot, page=page, looks=looks)
    raise typer.Exit(code)
