"""How watches are shown: a table for people, JSON for programs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from transfer_core.cli import output
from transfer_core.events.watch_words import watch_object, watch_problem
from transfer_core.units import NS_PER_S, format_duration

if TYPE_CHECKING:
    from transfer_core.events.watches import WatchView


def view_objects(views: Sequence[WatchView]) -> list[dict[str, Any]]:
    """Watches for programs."""
    return [watch_object(view, time.monotonic_ns()) for view in views]


def views_table(views: Sequence[WatchView]) -> None:
    """Watches for people."""
    now_ns = time.monotonic_ns()
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
            format_duration(_age_s(view, now_ns)) or "",
            str(view.errors),
            watch_problem(view, now_ns)[1] or view.run,
        )
        for view in views
    ]
    output.table(heads, rows, right=("in", "out", "backlog", "errors"))


def _age_s(view: WatchView, now_ns: int) -> float | None:
    return None if view.newest_there_ns is None else (now_ns - view.newest_there_ns) / NS_PER_S


def report_views(views: Sequence[WatchView], did: str, *, as_json: bool) -> None:
    """Say what was done to these."""
    if as_json:
        output.json_document(view_objects(views))
        return
    for view in views:
        output.line(f"{view.spec.name}: {output.printable(view.spec.directory)} {did}")
