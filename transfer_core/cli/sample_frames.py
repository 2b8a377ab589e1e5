"""`drs-sync sample-frames`: write frames as cameras do, to try watched folders."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from transfer_core.cli import output
from transfer_core.cli.options import Json, State
from transfer_core.cli.stop_signal import stop_on_signals
from transfer_core.errors import UsageError
from transfer_core.units import format_bytes


def sample_frames(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder for the cameras' folders.")],
    cameras: Annotated[int, typer.Option("--cameras", metavar="N", help="camera01 and on.")] = 6,
    count: Annotated[int, typer.Option("--count", metavar="N", help="Frames of each camera.")] = 900,
    min_mb: Annotated[float, typer.Option("--min-mb", metavar="MB", help="Smallest size, in MiB.")] = 1.0,
    max_mb: Annotated[float, typer.Option("--max-mb", metavar="MB", help="Largest size, in MiB.")] = 2.0,
    fps: Annotated[float, typer.Option("--fps", metavar="N", help="Of each camera; 0: as fast as it goes.")] = 30.0,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed writes the same files.")] = 7,
    width: Annotated[int, typer.Option("--width", metavar="PX", help="Of the picture.")] = 1600,
    height: Annotated[int, typer.Option("--height", metavar="PX", help="Of the picture.")] = 1200,
    first: Annotated[int, typer.Option("--first", metavar="N", help="The number of the first frame.")] = 0,
    style: Annotated[
        str, typer.Option("--style", metavar="close", help="How a frame ends: close, rename or preallocate.")
    ] = "close",
    state: State = None,  # noqa: ARG001 - every command takes it
    json: Json = False,
) -> None:
    """Write JPEG frames of many cameras, slowly, as cameras do."""
    from transfer_core.ingest.sample_frames import SamplePlan, Style, write_samples

    if style not in list(Style):
        raise UsageError(f"--style {style!r} is not known", hint="Use close, rename or preallocate.")
    if seed < 0:
        raise UsageError("the seed must not be negative")
    plan = SamplePlan(cameras, count, min_mb, max_mb, fps, seed, width, height, first, Style(style))
    sizes: list[int] = []

    def finished(path: Path, size: int) -> None:
        sizes.append(size)
        if json:
            output.json_event("frame", {"path": str(path), "size": size})

    began_s = time.monotonic()
    with stop_on_signals() as stop:
        done = write_samples(directory, plan, finished, stop)
    took_s = max(time.monotonic() - began_s, 1e-6)
    figures = {"frames": done, "bytes": sum(sizes), "seconds": round(took_s, 3)}
    if json:
        output.json_event("stopped", figures)
    else:
        rate = done / took_s
        output.line(f"{done} frames, {format_bytes(sum(sizes))}, {rate:.1f} frames/s, below {directory}")
    if done < cameras * count:
        raise typer.Exit(1)
