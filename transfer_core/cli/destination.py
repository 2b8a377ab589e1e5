"""`drs-sync destination`: where jobs can go besides paired relays - upload servers, tus servers, buckets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.errors import DrsError, UsageError, error_from_code
from transfer_core.service import DestinationTest, NewDestination

TOKEN_VARIABLE = "DRS_SYNC_TOKEN"

group = typer.Typer(help="Where jobs can go: upload servers, tus servers, S3 buckets.")
Name = Annotated[str, typer.Argument(metavar="NAME")]
Kind = Annotated[str, typer.Option("--kind", help="chunked, tus, s3 or relay-http.", show_default="found out")]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help=f"Holds the bearer token or secret key; else {TOKEN_VARIABLE}."),
]
Pin = Annotated[str, typer.Option("--pin", metavar="SHA256", help="Trust the certificate with this hash, alone.")]
CaFile = Annotated[Path | None, typer.Option("--ca-file", metavar="FILE", help="Trust this authority.")]
Endpoint = Annotated[str, typer.Option("--endpoint", metavar="URL", help="s3: the server, if it is not Amazon's.")]
Region = Annotated[str, typer.Option("--region", help="s3: the bucket's region.")]
KeyId = Annotated[str, typer.Option("--key-id", help="s3: the access key's id.", show_default="as boto3 finds it")]
Compress = Annotated[bool, typer.Option("--compress", help="Send files as zstd, with .zst at the end of the name.")]


@group.command("add")
def add(
    name: Name,
    url: Annotated[str, typer.Argument(metavar="URL", help="http://HOST:PORT, https://HOST or s3://BUCKET/PREFIX.")],
    kind: Kind = "",
    token_file: TokenFile = None,
    pin: Pin = "",
    ca_file: CaFile = None,
    endpoint: Endpoint = "",
    region: Region = "",
    key_id: KeyId = "",
    compress: Compress = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Keep a destination; without --kind its server is asked what it speaks."""
    options = {
        "pin": pin,
        "ca_file": str(ca_file.absolute()) if ca_file else "",
        "endpoint": endpoint,
        "region": region,
        "key_id": key_id,
        "compress": "zstd" if compress else "",
    }
    given = {key: value for key, value in options.items() if value}
    with compose.open_service(state) as service:
        kept = service.uploads.add_destination(NewDestination(name, url, kind, _token(token_file), given))
    if json:
        output.json_document(asdict(kept))
    else:
        output.line(f"{kept.name}: {', '.join(kept.addresses)}, {kept.kind}")


def _token(path: Path | None) -> str:
    """Not from the command line, which every user of the machine can read."""
    if path is None:
        return os.environ.get(TOKEN_VARIABLE, "")
    return read_secret(path)


def read_secret(path: Path) -> str:
    """What the file holds. UsageError if it can't be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read: {error}") from error


@group.command("fallback")
def fallback(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A paired relay.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="Its HTTP side, as its ready line says; none for none.")],
    pin: Pin = "",
    state: State = None,
    json: Json = False,
) -> None:
    """Say where a relay is reached over HTTP when UDP does not get through."""
    with compose.open_service(state) as service:
        kept = service.uploads.set_fallback(name, "" if url == "none" else url, pin)
    if json:
        output.json_document(asdict(kept))
    else:
        output.line(f"{kept.name}: " + (f"falls back to {url}" if url != "none" else "has no way but UDP"))


@group.command("list")
def list_all(state: State = None, json: Json = False) -> None:
    """Show all destinations. Whether each is there is known while an agent runs: see `status`, or use `test`."""
    with compose.open_service(state) as service:
        known = service.destinations()
    if json:
        output.json_document([asdict(each) for each in known])
        return
    if not known:
        output.line("There are none yet. Use `drs-sync pair TOKEN` or `drs-sync destination add NAME URL`.")
        return
    rows = [(each.name, each.kind, ", ".join(each.addresses), each.fingerprint) for each in known]
    output.table(("name", "kind", "address", "fingerprint"), rows)


@group.command("remove")
def remove(names: Annotated[list[str], typer.Argument(metavar="NAME...")], state: State = None) -> None:
    """Forget destinations for which nothing is queued."""
    with compose.open_service(state) as service:
        for name in names:
            service.forget_destination(name)
            output.line(f"{name}: removed")


@group.command("test")
def test(
    names: Annotated[list[str], typer.Argument(metavar="NAME...")], state: State = None, json: Json = False
) -> None:
    """Ask destinations whether they are there and speak what they should; exit 1 if one doesn't."""
    with compose.open_service(state) as service:
        found = [(name, service.uploads.test_known(name)) for name in names]
    if json:
        output.json_document([{"name": name, **asdict(result)} for name, result in found])
    else:
        _print(found)
    if not all(result.is_good for _, result in found):
        raise typer.Exit(1)


def _print(found: Sequence[tuple[str, DestinationTest]]) -> None:
    for name, result in found:
        if result.is_good:
            output.line(f"{name}: good, speaks {result.kind}, {result.rtt_ms or 0:.0f} ms over {result.link}")
        else:
            output.error_line(_error(name, result))


def _error(name: str, result: DestinationTest) -> DrsError:
    error = error_from_code(result.error, f"{name}: {result.why}")
    error.hint = result.hint or error.hint
    return error
