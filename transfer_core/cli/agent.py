"""`drs-sync agent`: run the queue, with no window."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, Links, PolicyName, Simulate, State, Trace, link_names, parse_listen
from transfer_core.cli.stop_signal import stop_on_signals
from transfer_core.cli.telemetry.forward import (
    Telemetry,
    TelemetryDecoder,
    TelemetryFormat,
    TelemetryTo,
    pass_on,
)
from transfer_core.engine.system import keep_what_is_made
from transfer_core.units import utc_iso


def agent(
    once: Annotated[bool, typer.Option("--once", help="End with the queue; exit 1 if a job failed.")] = False,
    links: Links = None,
    simulate: Simulate = None,
    policy: PolicyName = None,
    trace: Trace = None,
    api: Annotated[
        str | None, typer.Option("--api", metavar="HOST:PORT", help="Serve the REST and WebSocket API there.")
    ] = None,
    telemetry: Telemetry = None,
    telemetry_to: TelemetryTo = None,
    telemetry_format: TelemetryFormat = None,
    telemetry_decoder: TelemetryDecoder = "liftoff",
    state: State = None,
    json: Json = False,
) -> None:
    """Send what is queued until Ctrl+C."""
    from transfer_core.cli.agent_loop import drained, follow
    from transfer_core.cli.reporting import choose_reporter

    api_address = None if api is None else parse_listen(api)
    with (
        stop_on_signals() as stop,
        compose.open_service(
            state, links=link_names(links), simulation=simulate, policy=policy, trace=trace
        ) as service,
    ):
        began_at = utc_iso(time.time_ns())  # it sends before it can be watched
        service.start()
        keep_what_is_made()
        passed_on = pass_on(service, telemetry or [], telemetry_to, telemetry_format, telemetry_decoder)
        with compose.open_api(service, api_address) as api_where:
            if json:
                used = [link.name for link in service.links() if link.state.value != "unused"]
                output.json_event("ready", {"links": used, "api": api_where, "telemetry": passed_on})
            elif api_where is not None:
                output.line(f"API on http://{api_where}")
            if passed_on and not json:
                output.line("Telemetry that comes to " + ", ".join(passed_on) + " is passed on live")
            until = drained(service) if once else None
            watch = follow(service, choose_reporter(as_json=json, bars=False), stop, until, began_at=began_at)
    failed, left = watch.failed(), watch.left()
    if json:
        counts = {"completed": len(watch.completed()), "failed": len(failed), "left": len(left)}
        output.json_event("stopped", counts)
    if once:
        for job in failed:
            output.error_line(output.job_error(job))
        raise typer.Exit(1 if failed or left else 0)
