"""`drs-sync telemetry decode`: datagrams given as hexadecimal digits, named by component."""

from __future__ import annotations

import json as json_format
from typing import Annotated, Any

import typer

from transfer_core.cli import output
from transfer_core.cli.options import Json, State
from transfer_core.cli.telemetry.layout import DecoderName, Format, decoder_settings
from transfer_core.errors import DatagramRefused, UsageError


def decode(
    more: Annotated[list[str] | None, typer.Argument(metavar="[HEX]...", help="More datagrams.")] = None,
    datagrams: Annotated[list[str] | None, typer.Option("--hex", metavar="HEX", help="One datagram.")] = None,
    layout: Format = None,
    decoder: DecoderName = "liftoff",
    _state: State = None,
    json: Json = False,
) -> None:
    """Print one object for each datagram; exit 1 if one can't be decoded, with its reason."""
    from transfer_core.telemetry.decoders.registry import make_decoder

    given = [*(datagrams or []), *(more or [])]
    if not given:
        raise UsageError("no datagram is given", hint="Give some as `--hex 0000484100...`.")
    decoding = make_decoder(decoder_settings(layout, decoder))
    failed = False
    for number, text in enumerate(given, start=1):
        try:
            found = decoding.named(_from_hex(text))
        except DatagramRefused as refusal:
            failed = True
            output.error_line(DatagramRefused(f"datagram {number}: {refusal.message}", hint=refusal.hint))
            continue
        if json:
            output.line(json_format.dumps(found, allow_nan=False))
        else:
            _print(number, found)
    if failed:
        raise typer.Exit(1)


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError as error:
        raise DatagramRefused(
            f"{output.printable(text[:40])!r} is no hexadecimal number", hint="Use 0-9 and a-f."
        ) from error


def _print(number: int, found: dict[str, Any]) -> None:
    rows = []
    for name, value in found.items():
        if name == "Cars":
            cars = [(f"Car {at} {field}", f"{each:g}") for at, car in enumerate(value) for field, each in car.items()]
            rows.extend(cars)
        else:
            rows.append((name, ", ".join(f"{each:g}" for each in value) if isinstance(value, list) else f"{value}"))
    output.table((f"datagram {number}", "value"), rows, right=("value",))
