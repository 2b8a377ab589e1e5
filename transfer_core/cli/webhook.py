"""`drs-sync webhook`: who is told when a job completes or fails."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.destination import read_secret
from transfer_core.cli.options import Json, State

group = typer.Typer(help="Who is told when a job completes or fails (Standard Webhooks).")
Url = Annotated[str, typer.Argument(metavar="URL")]


@group.command("add")
def add(
    url: Url,
    secret_file: Annotated[
        Path | None, typer.Option("--secret-file", metavar="FILE", help="whsec_...", show_default="one is made")
    ] = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Tell that address from now on; prints the secret with which messages are signed."""
    given = "" if secret_file is None else read_secret(secret_file)
    with compose.open_service(state) as service:
        secret = service.uploads.add_webhook(url, given)
    if json:
        output.json_document({"url": url, "secret": secret})
    else:
        output.line(secret)


@group.command("list")
def list_all(state: State = None, json: Json = False) -> None:
    """Show who is told, and how much waits to be told."""
    with compose.open_service(state) as service:
        known = service.uploads.webhooks()
    if json:
        output.json_document([asdict(each) for each in known])
        return
    if not known:
        output.line("Nobody is told. Use `drs-sync webhook add URL`.")
        return
    rows = [(each.url, str(each.waiting), each.disabled or "on", each.created_at) for each in known]
    output.table(("address", "waiting", "state", "since"), rows, right=("waiting",))


@group.command("remove")
def remove(url: Url, state: State = None) -> None:
    """Tell it nothing more, also not what waits."""
    with compose.open_service(state) as service:
        service.uploads.remove_webhook(url)
    output.line(f"{url}: removed")


@group.command("test")
def send_test(url: Url, state: State = None) -> None:
    """Have the running agent tell it that it works."""
    with compose.open_service(state) as service:
        service.uploads.test_webhook(url)
    output.line("A message waits for it; an agent that runs sends it. See `drs-sync webhook list`.")
