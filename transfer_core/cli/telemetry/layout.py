"""How a command is told what the datagrams look like: a game's configuration file, or a decoder's name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from transfer_core.errors import SourceMissing, SourceUnreadable

Format = Annotated[
    Path | None,
    typer.Option(
        "--format",
        metavar="TelemetryConfiguration.json",
        help="The file of LiftOff that lays out the stream.",
        show_default="all that LiftOff can send",
    ),
]
DecoderName = Annotated[str, typer.Option("--decoder", metavar="NAME", help="liftoff or f1.")]


def decoder_settings(file: Path | None, decoder: str) -> Mapping[str, Any]:
    """The settings of a decoder. ConfigError names a wrong key; SourceMissing, SourceUnreadable."""
    from transfer_core.telemetry.decoders.registry import LIFTOFF_FULL, make_decoder
    from transfer_core.telemetry.decoders.stream_format import parse_configuration

    if decoder == "liftoff" and file is None:
        return LIFTOFF_FULL
    if file is None:
        return make_decoder({"decoder": decoder}).settings
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError as error:
        raise SourceMissing(f"{file} is not there", hint="Name the game's configuration with --format.") from error
    except OSError as error:
        raise SourceUnreadable(f"{file} can't be read: {error.strerror or error}", hint="Check the file.") from error
    return make_decoder({"decoder": decoder, "StreamFormat": list(parse_configuration(text).keys)}).settings
