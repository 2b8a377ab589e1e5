"""A trigger's selection as text, for the database."""

from __future__ import annotations

import json
from dataclasses import asdict

from transfer_core.ingest.selection import Selection
from transfer_core.jobs.store import RunRow


def run_row(watch: str, selection: Selection) -> RunRow:
    """The row that keeps it."""
    return RunRow(selection.run_id, watch, json.dumps(asdict(selection)), 0)


def selection_of(run: RunRow) -> Selection:
    """What the row keeps."""
    return Selection(**json.loads(run.selection))
