"""`drs-sync relay`: receive. Its sub-commands pair agents and list what is there, also while it runs elsewhere."""

from __future__ import annotations

import threading
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.compose_workers import check_workers, open_crew
from transfer_core.cli.options import (
    Json,
    State,
    Trace,
    format_address,
    parse_address,
    parse_listen,
    parse_seconds,
    parse_size,
)
from transfer_core.cli.relay_clear import clear
from transfer_core.cli.relay_place import keep_directory
from transfer_core.cli.relay_supervise import supervise
from transfer_core.cli.relay_worker import worker
from transfer_core.cli.stop_signal import stop_on_signals
from transfer_core.config import RelayConfig
from transfer_core.engine.system import keep_what_is_made
from transfer_core.errors import DrsError, NotFoundError, UsageError, WriteFailed
from transfer_core.units import utc_iso

if TYPE_CHECKING:
    from transfer_core.server.relay import Relay
    from transfer_core.server.workers.crew import Crew

group = typer.Typer(help="Receive files, and pair agents with this relay.", invoke_without_command=True)
group.command("clear")(clear)
group.command("worker", hidden=True)(worker)
group.command("supervise", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(supervise)
LISTEN_DEFAULT = format_address((RelayConfig().listen_host, RelayConfig().listen_port))
KEEP_FREE_DEFAULT = f"{RelayConfig().keep_free_bytes // 10**6}MB"
TURN_S = 0.5


class Limits(TypedDict):
    """What a relay of one process and one of several take alike."""

    quota_bytes: int | None
    keep_free_bytes: int
    trace: Path | None


@group.callback(invoke_without_command=True)
def relay(
    context: typer.Context,
    directory: Annotated[Path | None, typer.Option("--dir", metavar="DIR", help="Where files are put.")] = None,
    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT", help="UDP; port 0: any.")] = LISTEN_DEFAULT,
    http: Annotated[
        str | None, typer.Option("--http", metavar="HOST:PORT", help="Take uploads over HTTP too; port 0: any.")
    ] = None,
    tls: Annotated[
        bool | None,
        typer.Option("--tls/--no-tls", help="HTTP over TLS, with its own certificate.", show_default="off loopback"),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="Your certificate chain (PEM).")
    ] = None,
    key: Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="Its key (PEM).")] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy here hands on requests from elsewhere; TLS ends in it.")
    ] = False,
    database: Annotated[
        str,
        typer.Option("--database", metavar="URL", help="Keep figures of shared folders in this PostgreSQL database."),
    ] = "",
    races: Annotated[bool, typer.Option("--races", help="Serve races and their viewers on the HTTP side too.")] = False,
    quota: Annotated[
        str | None, typer.Option("--quota", metavar="20GB", help="What each agent may store.", show_default="no limit")
    ] = None,
    keep_free: Annotated[
        str, typer.Option("--keep-free", metavar="1GB", help="What is always left free on the disk.")
    ] = KEEP_FREE_DEFAULT,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", help="Receive in so many processes; for many agents, on Linux.")
    ] = 1,
    trace: Trace = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Receive files until Ctrl+C."""
    if context.invoked_subcommand is not None:
        context.obj = state
        return
    if directory is None:
        raise UsageError("the relay needs --dir", hint="Write `drs-sync relay --dir DIR`.")
    address = parse_listen(listen)
    if http is None and (tls is not None or certificate is not None or key is not None):
        raise UsageError("TLS is for the HTTP side, which is not asked for", hint="Add --http HOST:PORT.")
    if http is None and database:
        raise UsageError("--database is for the HTTP side, which is not asked for", hint="Add --http HOST:PORT.")
    if http is None and races:
        raise UsageError("--races is for the HTTP side, which is not asked for", hint="Add --http HOST:PORT.")
    check_workers(workers, has_http=http is not None)
    http_side = coordinator = mounted_races = None
    if http is not None:
        coordinator = compose.open_coordinator(database)
        mounted_races = compose.open_races(parse_listen(http)[0]) if races else None
        http_side = compose.open_http_side(
            parse_listen(http),
            tls=tls,
            certificate=certificate,
            key=key,
            behind_proxy=behind_proxy,
            mounted=[coordinator] if mounted_races is None else [coordinator, mounted_races],
        )
    quota_bytes, keep_free_bytes = None if quota is None else parse_size(quota), parse_size(keep_free)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteFailed(f"{directory} can't be made: {error.strerror or error}") from error
    limits: Limits = {"quota_bytes": quota_bytes, "keep_free_bytes": keep_free_bytes, "trace": trace}
    with stop_on_signals() as stop:
        receiver: Relay | Crew
        if workers > 1:
            receiver = open_crew(state, directory, address, workers, partial(_say, as_json=json), **limits)
        else:
            receiver = compose.open_relay(
                state,
                directory,
                address,
                partial(_say, as_json=json),
                http=http_side,
                coordinator=coordinator,
                races=mounted_races,
                **limits,
            )
        receiver.start()
        keep_what_is_made()
        try:
            _keep_listen(state, format_address(receiver.address))
            keep_directory(compose.state_directory(state), directory)
            _run_until(receiver, stop)
        finally:
            receiver.stop()
    if json:
        output.json_event("stopped")


@group.command("pair")
def pair(
    context: typer.Context,
    address: Annotated[
        list[str] | None,
        typer.Option(
            "--address", metavar="HOST:PORT", help="Where agents reach it; may be given again.", show_default="all"
        ),
    ] = None,
    expires: Annotated[str, typer.Option("--expires", metavar="10m", help="How long the token can be used.")] = "10m",
    state: State = None,
    json: Json = False,
) -> None:
    """Print a pairing token, which pairs one agent."""
    state = state or context.obj
    seconds = parse_seconds(expires)
    addresses = [format_address(parse_address(text)) for text in address or []] or _own_addresses(state)
    token = compose.make_relay_token(state, addresses, seconds)
    if json:
        output.json_document(asdict(token))
        return
    output.line(token.text)
    output.note(f"For {', '.join(token.addresses)}, until {token.expires_at}. On the agent: drs-sync pair TOKEN")


@group.command("list")
def list_arrived(context: typer.Context, state: State = None, json: Json = False) -> None:
    """Show what is arriving, and what has arrived, newest first, over UDP and HTTP."""
    from transfer_core.server.uploads import listing

    where = state or context.obj
    with compose.open_relay_store(where) as store, compose.open_upload_database(where) as database:
        incoming = listing.list_arrived(store, database)
    if json:
        output.json_document([asdict(each) for each in incoming])
        return
    if not incoming:
        output.line("Nothing has arrived yet.")
        return
    rows = [
        (each.agent, each.path, output.arrived(each), each.status.value, each.completed_at or "", each.stored_as)
        for each in incoming
    ]
    output.table(("agent", "file", "arrived", "status", "completed", "stored as"), rows, right=("arrived",))


@group.command("agents")
def list_agents(context: typer.Context, state: State = None, json: Json = False) -> None:
    """Show the agents that are paired."""
    with compose.open_relay_store(state or context.obj) as store:
        agents = store.agents()
    if json:
        output.json_document([{**asdict(each), "public_key": each.public_key.hex()} for each in agents])
        return
    if not agents:
        output.line("No agent is paired yet. Make a token with `drs-sync relay pair`.")
        return
    rows = [
        (each.name, each.public_key.hex()[:16], each.folder, each.paired_at, "revoked" if each.revoked else "")
        for each in agents
    ]
    output.table(("agent", "key", "folder", "paired", ""), rows)


@group.command("revoke")
def revoke(
    context: typer.Context,
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="Its name or folder; or a token's name.")],
    state: State = None,
    json: Json = False,
) -> None:
    """Forget an agent: it can't send here any more until it is paired again; a running relay ends its session."""
    with compose.open_relay_store(state or context.obj) as store:
        found = store.revoke(agent)
    with compose.open_upload_database(state or context.obj) as database:
        found += database.revoke_token(agent)
    if not found:
        raise NotFoundError(
            f"no agent or token is called {agent!r}", hint="See `drs-sync relay agents` and `relay http-tokens`."
        )
    if json:
        output.json_document({"revoked": agent})
    else:
        output.line(f"{agent}: revoked")


@group.command("receipt")
def receipt(
    context: typer.Context,
    file_id: Annotated[str, typer.Argument(metavar="FILE_ID", help="As in `relay list --json`.")],
    state: State = None,
) -> None:
    """Print a receipt of a file that has arrived, signed by this relay: JSON, for whoever wants a proof."""
    output.json_document(compose.relay_receipt(state or context.obj, file_id))


@group.command("http-token")
def http_token(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for; files go to a folder of that name.")],
    state: State = None,
    json: Json = False,
) -> None:
    """Make a bearer token for another program that uploads over HTTP. It is shown once; an older one ends."""
    token = compose.make_http_token(state or context.obj, name)
    if json:
        output.json_document({"name": name, "token": token})
        return
    output.line(token)
    output.note("Send it as `Authorization: Bearer TOKEN`. It can't be shown again; `relay revoke` ends it.")


@group.command("http-tokens")
def http_tokens(context: typer.Context, state: State = None, json: Json = False) -> None:
    """Show the tokens of other programs, without what they are."""
    with compose.open_upload_database(state or context.obj) as database:
        tokens = database.tokens()
    if json:
        output.json_document(
            [{"name": each.name, "folder": each.folder, "created_at": utc_iso(each.created_ns)} for each in tokens]
        )
        return
    if not tokens:
        output.line("There is none. Make one with `drs-sync relay http-token NAME`.")
        return
    output.table(("token", "folder", "made"), [(each.name, each.folder, utc_iso(each.created_ns)) for each in tokens])


def _run_until(receiver: Relay | Crew, stop: threading.Event) -> None:
    """Wait for a signal. DrsError if the relay ends before."""
    while not stop.wait(TURN_S):
        failure = receiver.failure
        if isinstance(failure, DrsError):
            raise failure
        if failure is not None:
            raise DrsError(f"the relay ended: {type(failure).__name__}: {failure}") from failure


def _keep_listen(state: Path | None, listen: str) -> None:
    from transfer_core.cli.own_addresses import keep_listen

    keep_listen(compose.state_directory(state), listen)


def _own_addresses(state: Path | None) -> list[str]:
    from transfer_core.cli.own_addresses import kept_listen, reachable_hosts

    host, port = parse_listen(kept_listen(compose.state_directory(state), LISTEN_DEFAULT))
    return [format_address((each, port)) for each in reachable_hosts(host)]


def _say(event: dict[str, Any], *, as_json: bool) -> None:
    """One event of the relay; it brings its name and time along."""
    fields = dict(event)
    name = str(fields.pop("event"))
    if as_json:
        output.json_event(name, fields)
        return
    fields.pop("at", None)
    facts = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in fields.items())
    output.line(output.printable(f"{name.replace('_', ' ')}: {facts}"))
