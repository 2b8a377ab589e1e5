"""`drs-sync watch pause`, `resume`, `remove` and `rescan`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.errors import NotFoundError

if TYPE_CHECKING:
    from transfer_core.service.watches import WatchService

Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="As `watch list` shows them.")]


def pause(names: Names, state: State = None, json: Json = False) -> None:
    """Take no new files; what is queued goes on."""
    _each(names, lambda watches, name: watches.pause(name), "paused", state, as_json=json)


def resume(names: Names, state: State = None, json: Json = False) -> None:
    """Go on, or begin again after the end."""
    _each(names, lambda watches, name: watches.resume(name), "watched again", state, as_json=json)


def remove(names: Names, state: State = None, json: Json = False) -> None:
    """Forget these watches; what is queued goes on, and no file is deleted."""
    _each(names, lambda watches, name: watches.remove(name), "forgotten", state, as_json=json)


def rescan(names: Names, state: State = None, json: Json = False) -> None:
    """Look at everything in these folders again."""
    _each(names, lambda watches, name: watches.rescan(name), "is looked at again", state, as_json=json)


def _each(
    names: Sequence[str], verb: Callable[[WatchService, str], None], did: str, state: State, *, as_json: bool
) -> None:
    with compose.open_service(state) as service:
        known = {view.spec.name for view in service.watches.views()}
        for name in names:
            if name not in known:
                raise NotFoundError(f"there is no watch {name!r}", hint="See `drs-sync watch list`.")
        for name in names:
            verb(service.watches, name)
    if as_json:
        output.json_document([{"name": name, "did": did} for name in names])
        return
    for name in names:
        output.line(f"{name}: {did}")
