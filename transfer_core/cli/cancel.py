"""`drs-sync cancel`: give jobs up; the relay drops what it has of them."""

from __future__ import annotations

from transfer_core.cli import compose, output
from transfer_core.cli.options import FileIds, Json, State


def cancel(file_ids: FileIds, state: State = None, json: Json = False) -> None:
    """Give jobs up; the relay drops what it has of them."""
    with compose.open_service(state) as service:
        whole = compose.whole_ids(service, file_ids)
        service.cancel(whole)
        output.report_jobs(service, whole, "cancelled", as_json=json)
