"""`drs-sync retry`: queue failed or cancelled jobs again; they go on from what the relay has."""

from __future__ import annotations

from transfer_core.cli import compose, output
from transfer_core.cli.options import FileIds, Json, State


def retry(file_ids: FileIds, state: State = None, json: Json = False) -> None:
    """Queue failed or cancelled jobs again; they go on from what the relay has."""
    with compose.open_service(state) as service:
        whole = compose.whole_ids(service, file_ids)
        service.retry(whole)
        output.report_jobs(service, whole, "queued again", as_json=json)
