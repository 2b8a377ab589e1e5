"""What several commands take: their shared options, and how addresses, priorities and durations are read."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

import typer

from transfer_core.config import Policy
from transfer_core.errors import UsageError
from transfer_core.units import NS_PER_S, parse_bytes, parse_duration_ns

START_LEAST = 4  # characters of an id
PIXELS_LEAST, PIXELS_MOST = 200, 10_000  # of a window

State = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="Where queue, keys and settings are kept.", show_default="per user"),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]
FileIds = Annotated[
    list[str], typer.Argument(metavar="FILE_ID...", help="As `status` shows them; 4 characters are enough.")
]
Priority = Annotated[
    str | None,
    typer.Option("--priority", metavar="1-10", help="1 first; or critical, high, normal, low, background."),
]
DestPath = Annotated[str, typer.Option("--dest-path", metavar="P", help="The folder at the relay to put it in.")]
Links = Annotated[str | None, typer.Option("--links", metavar="A,B", help="Use these links alone.")]
Simulate = Annotated[
    Path | None, typer.Option("--simulate", metavar="FILE.toml", help="Send over the simulated links of this file.")
]
Trace = Annotated[
    Path | None,
    typer.Option("--trace", metavar="FILE", help="Write each packet, loss and choice of a path there, as qlog."),
]
PolicyName = Annotated[
    Policy | None, typer.Option("--policy", help="How links share the work.", show_default="the settings'")
]


def window_size(text: str | None) -> tuple[int, int] | None:
    """`1366x768` as two numbers of px. UsageError unless both are sizes that a window can have."""
    if text is None:
        return None
    wide, _, high = text.lower().partition("x")
    if not (wide.isascii() and wide.isdigit() and high.isascii() and high.isdigit()):
        raise UsageError(f"{text!r} is no size", hint="Give width and height, such as 1366x768.")
    size = int(wide), int(high)
    if not all(PIXELS_LEAST <= each <= PIXELS_MOST for each in size):
        raise UsageError(f"{text!r} is no size", hint=f"Give two numbers from {PIXELS_LEAST} to {PIXELS_MOST}.")
    return size


def check_start(text: str) -> None:
    """UsageError for so short a start of an id that a slip would reach another thing than was meant."""
    if len(text) < START_LEAST:
        raise UsageError(f"{text!r} is too short for an id", hint=f"Write {START_LEAST} characters of it, or more.")


def link_names(text: str | None) -> list[str] | None:
    """`wifi,lte` as a list; None if nothing was asked."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError("--links names no link", hint="Give names from `drs-sync scan`, with commas between them.")
    return names


def parse_address(text: str, *, any_port: bool = False) -> tuple[str, int]:
    """`HOST:PORT` or `[IPV6]:PORT` as a pair; port 0 only where the system may choose. UsageError if it is none."""
    host, colon, port_text = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not colon or not host or (":" in host and not _is_ipv6(host)) or not port_text.isascii():
        raise UsageError(f"{text!r} is no address", hint="Write HOST:PORT, as 192.168.1.5:9000 or [fd00::5]:9000.")
    if not port_text.isdigit() or not (0 if any_port else 1) <= int(port_text) <= 65535:
        raise UsageError(f"{port_text!r} in {text!r} is no port", hint="Use a number from 1 to 65535.")
    return host, int(port_text)


def parse_listen(text: str) -> tuple[str, int]:
    """An address of this machine to listen on: numeric, or `localhost`."""
    host, port = parse_address(text, any_port=True)
    if host == "localhost":
        host = "127.0.0.1"
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        hint = "Use 0.0.0.0 for all of this machine's IPv4 addresses, [::] for IPv6, or one of them."
        raise UsageError(f"{host!r} is no numeric address", hint=hint) from error
    return host, port


def format_address(address: tuple[str, int]) -> str:
    """`192.168.1.5:9000` or `[fd00::5]:9000`."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_seconds(text: str) -> float:
    """`10m`, `90s` as seconds, more than none. UsageError if it is no duration."""
    try:
        seconds = parse_duration_ns(text) / NS_PER_S
    except ValueError as error:
        raise UsageError(str(error), hint="Write it as 90s, 10m, 2h or 1d.") from error
    if seconds <= 0:
        raise UsageError(f"{text!r} is no time at all", hint="Write it as 90s, 10m, 2h or 1d.")
    return seconds


def parse_size(text: str) -> int:
    """`500MB`, `1.5GB` in bytes. UsageError if it is no size."""
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise UsageError(str(error), hint="Write it as 500MB, 20GB or 1.5TB.") from error


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
