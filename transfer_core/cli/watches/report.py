"""How watches are shown: a table for people, JSON for programs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from transfer_core.cli import output
from transfer_core.units import NS_PER_S, format_duration

if TYPE_CHECKING:
    from transfer_core.events.watches import WatchView


def view_object(view: WatchView) -> dict[str, Any]:
    """A watch for programs; null is not known."""
    value = {**asdict(view.spec), **{key: each for key, each in asdict(view).items() if key != "spec"}}
    for monotonic in ("newest_there_ns", "error_ns"):
        value.pop(monotonic)
    return {**value, "state": view.state.value, "newest_there_age_s": age_s(view)}


def age_s(view: WatchView) -> float | None:
    """How old the newest frame at the other end is, in seconds."""
    return None if view.newest_there_ns is None else (time.monotonic_ns() - view.newest_there_ns) / NS_PER_S


def views_table(views: Sequence[WatchView]) -> None:
    """Watches for people."""
    heads = ("watch", "state", "folder", "to", "in", "out", "backlog", "age there", "errors", "why")
    rows = [
        (
            view.spec.name,
            view.state.value,
            view.spec.directory,
            view.spec.destination,
            str(view.frames_in),
            str(view.frames_out),
            str(view.backlog),
            format_duration(age_s(view)) or "",
            str(view.errors),
            view.why or view.held or view.error or view.run,
        )
        for view in views
    ]
    output.table(heads, rows, right=("in", "out", "backlog", "errors"))


def report_views(views: Sequence[WatchView], did: str, *, as_json: bool) -> None:
    """Say what was done to these."""
    if as_json:
        output.json_document([view_object(view) for view in views])
        return
    for view in views:
        output.line(f"{view.spec.name}: {output.printable(view.spec.directory)} {did}")
