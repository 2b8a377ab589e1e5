"""`drs-sync watch`: folders whose files leave the moment they are complete. One file per command."""

from __future__ import annotations

import typer

from transfer_core.cli.watches.add import add
from transfer_core.cli.watches.changes import pause, remove, rescan, resume
from transfer_core.cli.watches.import_cameras import import_cameras
from transfer_core.cli.watches.list_watches import list_watches
from transfer_core.cli.watches.serve import serve
from transfer_core.cli.watches.trigger import trigger

group = typer.Typer(help="Watched folders: a file leaves the moment it is complete.", no_args_is_help=True)
group.command("add")(add)
group.command("list")(list_watches)
group.command("pause")(pause)
group.command("resume")(resume)
group.command("remove")(remove)
group.command("rescan")(rescan)
group.command("import")(import_cameras)
group.command("trigger")(trigger)
group.command("serve")(serve)
