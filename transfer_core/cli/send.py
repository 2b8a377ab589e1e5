"""`drs-sync send`: queue files and send them now, with bars."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import DestPath, Json, Links, PolicyName, Priority, Simulate, State, Trace, link_names
from transfer_core.cli.stop_signal import stop_on_signals
from transfer_core.cli.upload import add, complain
from transfer_core.errors import StateLocked
from transfer_core.events import JobState
from transfer_core.units import format_bytes, format_duration

if TYPE_CHECKING:
    import threading

    from transfer_core.events import JobView
    from transfer_core.service import TransferService

POLL_S = 0.5


def send(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders with all that is in them.")],
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="A destination that was paired.")],
    priority: Priority = None,
    dest_path: DestPath = "",
    links: Links = None,
    simulate: Simulate = None,
    policy: PolicyName = None,
    trace: Trace = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Queue files and send them now. If an agent runs here already, it sends them, and this follows it."""
    with (
        stop_on_signals() as stop,
        compose.open_service(
            state, links=link_names(links), simulation=simulate, policy=policy, trace=trace
        ) as service,
    ):
        result = add(service, paths, to, priority, dest_path)
        skipped = complain(result)
        file_ids = {job.file_id for job in result.added}
        own = {"--links": links, "--simulate": simulate, "--policy": policy, "--trace": trace}
        jobs = _send_all(service, file_ids, stop, [name for name, value in own.items() if value], as_json=json)
        done = [job for job in jobs if job.status is JobState.COMPLETED]
        for job in done:
            if not json:
                output.line(_sentence(job))
        for job in jobs:
            if job.status is JobState.FAILED:
                output.error_line(output.job_error(job))
    if json:
        output.json_event("stopped", {"completed": len(done), "of": len(file_ids)})
    raise typer.Exit(1 if skipped or len(done) < len(file_ids) else 0)


def _send_all(
    service: TransferService, file_ids: set[str], stop: threading.Event, own: Sequence[str], *, as_json: bool
) -> list[JobView]:
    """These jobs as they stand when they have ended or a signal came. `own`: options that only an own agent follows."""
    from transfer_core.cli.agent_loop import ended, follow
    from transfer_core.cli.reporting import choose_reporter

    try:
        service.start()
    except StateLocked:
        besides = f" It has links and a policy of its own: {', '.join(own)} does not count." if own else ""
        output.note(f"The agent that runs here already sends them.{besides}")
        return _wait_for(service, file_ids, stop)
    watch = follow(service, choose_reporter(as_json=as_json, bars=True), stop, ended(file_ids))
    return [job for job in watch.jobs.values() if job.file_id in file_ids]


def _wait_for(service: TransferService, file_ids: Collection[str], stop: threading.Event) -> list[JobView]:
    """Look at the queue that another process works on."""
    while True:
        jobs = [job for job in service.jobs() if job.file_id in file_ids]
        going_on = any(job.status in (JobState.PENDING, JobState.UPLOADING) for job in jobs)
        if not going_on or stop.wait(POLL_S):
            return jobs


def _sentence(job: JobView) -> str:
    shares = ", ".join(f"{name} {format_bytes(count)}" for name, count in job.links.items())
    took = format_duration(job.duration_s)
    text = f"{output.printable(job.path)}: {format_bytes(job.size)}{f' in {took}' if took else ''}"
    return text + (f" ({shares})" if shares else "") + (f" -> {job.stored_as}" if job.stored_as else "")
