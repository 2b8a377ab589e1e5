"""`drs-sync watch trigger`: what a trigger over ZeroMQ does, by hand."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State


def trigger(
    frame_id: Annotated[str, typer.Argument(metavar="FRAME_ID", help="As frame_camera01_000046836.jpg.")],
    ball_id: Annotated[str, typer.Option("--ball", metavar="BALL_ID", help="The folder to send them to.")] = "",
    state: State = None,
    json: Json = False,
) -> None:
    """Send this frame and those after it, of all armed cameras, to the ball's folder."""
    with compose.open_service(state) as service:
        run = service.watches.trigger(frame_id, ball_id)
    if json:
        output.json_document(asdict(run))
    else:
        output.line(f"{run.run_id}: {', '.join(run.cameras)} from {run.frame_id} on, to {run.dest_path}")
