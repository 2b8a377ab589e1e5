"""`drs-sync sync`: folders that several machines keep the same."""

from __future__ import annotations

from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.events.sync import SyncConflictView, SyncFolderView, SyncHappening, SyncVersionView
from transfer_core.units import format_bytes

group = typer.Typer(help="Keep folders the same on several machines; no edit is ever lost.")


class Direct(StrEnum):
    """Whether machines may reach each other without the relay."""

    ON = "on"
    OFF = "off"


Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The folder on this machine.")]
Folder = Annotated[str | None, typer.Argument(metavar="NAME", help="One shared folder.", show_default="all")]
Relay = Annotated[str, typer.Option("--from", metavar="RELAY", help="The relay that has it.", show_default="the one")]


@group.command("share")
def share(
    directory: Directory,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What others will know it by.")],
    to: Annotated[str, typer.Option("--to", metavar="RELAY", help="The paired relay that brings it to others.")],
    state: State = None,
    json: Json = False,
) -> None:
    """Share a folder. A running agent begins at once; others join it with `sync accept`."""
    with compose.open_service(state) as service:
        _say_folder(service.sync.share(str(directory), name, to), "shared", as_json=json)


@group.command("accept")
def accept(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the folder was shared as.")],
    directory: Directory,
    relay: Relay = "",
    state: State = None,
    json: Json = False,
) -> None:
    """Take part in a shared folder. What is in DIR already is joined with it: nothing is overwritten."""
    with compose.open_service(state) as service:
        _say_folder(service.sync.accept(name, str(directory), relay), "accepted", as_json=json)


@group.command("leave")
def leave(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The shared folder.")],
    state: State = None,
    json: Json = False,
) -> None:
    """Share a folder no more on this machine. Its files stay here, and everywhere else."""
    with compose.open_service(state) as service:
        service.sync.leave(name)
    if json:
        output.json_document({"left": name})
    else:
        output.line(f"{name}: left; its files stay")


@group.command("status")
def status(name: Folder = None, state: State = None, json: Json = False) -> None:
    """Show how the folders stand, who takes part, and what is not synced."""
    with compose.open_service(state) as service:
        folders = service.sync.status(name)
    if json:
        output.json_document([asdict(folder) for folder in folders])
        return
    if not folders:
        output.line("No folder is shared. Begin with `drs-sync sync share DIR --name NAME --to RELAY`.")
        return
    rows = [
        (each.name, each.state.value, str(each.files), format_bytes(each.size_bytes), str(each.waiting), each.path)
        for each in folders
    ]
    output.table(("folder", "state", "files", "size", "waiting", "path"), rows, right=("files", "size", "waiting"))
    for each in folders:
        _say_details(each)


def _say_details(folder: SyncFolderView) -> None:
    if folder.text:
        output.line(output.printable(f"{folder.name}: {folder.text}"))
    for peer in folder.peers:
        told = "has everything" if peer.to_tell == 0 else f"{_many(peer.to_tell, 'change')} to tell"
        way = f", {peer.way}" if peer.way else ""
        output.line(output.printable(f"  {peer.name}: {'online' if peer.online else 'offline'}{way}, {told}"))
    if folder.conflicts:
        output.line(f"  {_many(folder.conflicts, 'conflict')}: see `drs-sync sync conflicts {folder.name}`")
    for path, why in folder.reports:
        output.line(output.printable(f"  {path}: {why}"))


@group.command("direct")
def direct(
    allowed: Annotated[
        Direct | None, typer.Argument(metavar="on|off", help="Whether they may.", show_default="show it")
    ] = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Let machines on one network reach each other without the relay, or show whether they may."""
    with compose.open_service(state) as service:
        settings = service.settings()
        if allowed is not None:
            settings = replace(settings, sync_direct=allowed is Direct.ON)
            service.change_settings(settings)
    if json:
        output.json_document({"direct": settings.sync_direct})
    else:
        said = "reach each other directly" if settings.sync_direct else "are reached through the relay alone"
        output.line(f"Machines on one network {said}.")


@group.command("pause")
def pause(name: Folder = None, state: State = None, json: Json = False) -> None:
    """Hold a folder, or all: edits are kept, and told when it goes on."""
    with compose.open_service(state) as service:
        service.sync.pause([name] if name else [])
    _say_done("paused", name, as_json=json)


@group.command("resume")
def resume(
    name: Folder = None,
    deletes: Annotated[
        bool, typer.Option("--deletes-are-meant", help="Yes, more than half of it was deleted on purpose.")
    ] = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Let a folder, or all, go on."""
    with compose.open_service(state) as service:
        service.sync.resume([name] if name else [], deletes_are_meant=deletes)
    _say_done("resumed", name, as_json=json)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


@group.command("conflicts")
def conflicts(name: Folder = None, state: State = None, json: Json = False) -> None:
    """List files that were edited on two sides at once; both versions are there."""
    with compose.open_service(state) as service:
        found = service.sync.conflicts(name)
    if json:
        output.json_document([asdict(each) for each in found])
        return
    if not found:
        output.line("No conflicts.")
        return
    for each in found:
        _say_conflict(each)
    output.note("Resolve with: drs-sync sync resolve PATH --keep mine|theirs|both")


def _say_conflict(conflict: SyncConflictView) -> None:
    output.line(output.printable(f"{conflict.folder}: {conflict.path}"))
    for said, version in (("in place", conflict.in_place), ("beside it", conflict.beside)):
        output.line(output.printable(f"  {said}: {_version_text(version)}"))


def _version_text(version: SyncVersionView | None) -> str:
    if version is None:
        return "nothing any more"
    return f"{version.whose}, {version.at}, {format_bytes(version.size_bytes)}, {version.path}"


@group.command("history")
def history(
    name: Folder = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many lines.")] = 50,
    state: State = None,
    json: Json = False,
) -> None:
    """Show what happened, newest first."""
    with compose.open_service(state) as service:
        lines = service.sync.history(name, limit=limit)
    if json:
        output.json_document([asdict(line) for line in lines])
        return
    output.table(("at", "folder", "what", "path", ""), [_history_row(line) for line in lines])


def _history_row(line: SyncHappening) -> tuple[str, ...]:
    return (line.at, line.folder, line.what, line.path, line.text)


@group.command("resolve")
def resolve(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The file, as `sync conflicts` shows it.")],
    keep: Annotated[str, typer.Option("--keep", metavar="mine|theirs|both", help="Which version stays.")],
    folder: Annotated[str | None, typer.Option("--folder", metavar="NAME", help="Where, if it can't be told.")] = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Resolve a conflict. What is dropped lies in the folder's trash for 30 days."""
    with compose.open_service(state) as service:
        done = service.sync.resolve(path, keep, folder=folder)
    if json:
        output.json_document(done)
        return
    for text in done:
        output.line(output.printable(text))


def _say_folder(folder: SyncFolderView, did: str, *, as_json: bool) -> None:
    if as_json:
        output.json_document(asdict(folder))
    else:
        output.line(output.printable(f"{folder.name}: {did}, {folder.path}"))


def _say_done(did: str, name: str | None, *, as_json: bool) -> None:
    if as_json:
        output.json_document({did: name})
    else:
        output.line(f"{name or 'all folders'}: {did}")
