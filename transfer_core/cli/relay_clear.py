"""`drs-sync relay clear`: delete what has arrived in a folder, safely."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.cli.relay_place import kept_directory
from transfer_core.errors import NotFoundError, UsageError, WriteFailed
from transfer_core.units import format_bytes

if TYPE_CHECKING:
    from transfer_core.storage.clearing import Cleared

CONFIG_NAME = "camera_config.json"
SEARCH_DEPTH = 8


def clear(
    context: typer.Context,
    directory: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="The folder to clear.")] = None,
    camera: Annotated[
        str | None, typer.Option("--camera", metavar="NAME", help="What has arrived from this camera.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="What has arrived from all cameras of --config.")] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Where cameras' frames are put.",
            show_default="with --all, camera_config.json in this folder",
        ),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="The relay's folder.", show_default="where the relay last received"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Delete what is in these folders, and not the folders; what is being received stays."""
    if (directory is not None) + (camera is not None) + everything != 1:
        raise UsageError("name a folder, --camera or --all", hint="Write `drs-sync relay clear DIR`.")
    state_dir = compose.state_directory(state or context.obj)
    received = root or kept_directory(state_dir)
    if directory is not None:
        folders: Sequence[Path] = [directory]
    else:
        folders = _camera_folders(received, camera, config)
    found = _look(folders, keep=(state_dir,))
    if not yes:
        _ask(found)
    did = {folder: _clear(folder) for folder in found}
    if received is not None:
        _forget(state_dir, received, did)
    _report(did, as_json=json)
    if any(cleared.left for cleared in did.values()):
        raise typer.Exit(1)


def _look(folders: Sequence[Path], *, keep: tuple[Path, ...]) -> dict[Path, Cleared]:
    """Check all of them before anything is deleted."""
    from transfer_core.storage.clearing import check_clearable, clear

    return {folder: clear(folder, only_look=True) for folder in [check_clearable(each, keep=keep) for each in folders]}


def _clear(folder: Path) -> Cleared:
    from transfer_core.storage.clearing import clear

    try:
        return clear(folder)
    except OSError as error:
        raise WriteFailed(f"{folder} can't be cleared: {error.strerror or error}") from error


def _ask(found: dict[Path, Cleared]) -> None:
    """UsageError where nobody can be asked; ends the command if the answer is no."""
    for folder, cleared in found.items():
        output.note(f"{folder}: {cleared.files} files, {format_bytes(cleared.size_bytes)}")
    if not sys.stdin.isatty():
        raise UsageError("nothing was deleted: nobody can be asked", hint="Say --yes if you are sure.")
    if not typer.confirm("Delete these files for good?", err=True):
        output.note("Nothing was deleted.")
        raise typer.Exit(1)


def _camera_folders(received: Path | None, camera: str | None, config: Path | None) -> list[Path]:
    """Folders of one camera or of all of a configuration, of all agents. NotFoundError if there is none."""
    from transfer_core.ingest.camera_config import parse_camera_config
    from transfer_core.ingest.config_file import read_camera_config

    if received is None:
        raise UsageError("the relay's folder is not known", hint="Name it with --dir.")
    if config is None and camera is None:
        config = Path(CONFIG_NAME)
        if not config.is_file():
            raise UsageError("--all needs the cameras", hint="Name their file with --config camera_config.json.")
    if config is None:
        found = _folders_called(received, str(camera))
    else:
        cameras = {each.name: each.dest_path for each in parse_camera_config(read_camera_config(config))}
        if camera is not None and camera not in cameras:
            raise NotFoundError(f"{config} has no camera {camera!r}", hint="It has: " + ", ".join(sorted(cameras)))
        wanted = [dest for name, dest in cameras.items() if camera in (None, name)]
        found = [agent / dest for agent in _agents(received) for dest in wanted if (agent / dest).is_dir()]
    if not found:
        what = "these cameras" if camera is None else repr(camera)
        raise NotFoundError(f"nothing has arrived below {received} from {what}", hint="Nothing was deleted.")
    return found


def _agents(received: Path) -> list[Path]:
    """The folders of agents: one each, below the relay's."""
    try:
        return sorted(path for path in received.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError as error:
        raise NotFoundError(
            f"{received} can't be read: {error.strerror or error}", hint="Name it with --dir."
        ) from error


def _folders_called(received: Path, camera: str) -> list[Path]:
    found: list[Path] = []
    for place, folders, _ in os.walk(received):
        if camera in folders:
            found.append(Path(place, camera))
            folders.remove(camera)
        if len(Path(place).relative_to(received).parts) >= SEARCH_DEPTH:
            folders.clear()
    return [path for path in found if not path.is_symlink()]


def _forget(state_dir: Path, received: Path, did: dict[Path, Cleared]) -> None:
    """What was deleted counts for no quota any more."""
    whole = received.resolve()
    gone = {
        (folder / name).relative_to(whole).as_posix(): size
        for folder, cleared in did.items()
        if whole == folder or whole in folder.parents
        for name, size in cleared.sizes.items()
    }
    with compose.open_relay_store(state_dir) as store:
        store.forget_stored(gone)


def _report(did: dict[Path, Cleared], *, as_json: bool) -> None:
    if as_json:
        output.json_document([{"directory": str(folder), **asdict(cleared)} for folder, cleared in did.items()])
        return
    for folder, cleared in did.items():
        output.line(f"{folder}: {cleared.files} files deleted, {format_bytes(cleared.size_bytes)}")
        for left in cleared.left:
            output.note(f"left: {output.printable(left)}")
