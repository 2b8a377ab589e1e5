"""`drs-sync watch serve`: run the queue, and answer triggers over ZeroMQ."""

from __future__ import annotations

from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, Links, PolicyName, Simulate, State, link_names
from transfer_core.cli.stop_signal import stop_on_signals
from transfer_core.errors import StateLocked


def serve(
    zmq: Annotated[
        str, typer.Option("--zmq", metavar="tcp://127.0.0.1:5555", help="Where to answer; tcp:// or ipc://.")
    ] = "tcp://127.0.0.1:5555",
    links: Links = None,
    simulate: Simulate = None,
    policy: PolicyName = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Answer triggers until Ctrl+C, and send what they ask for; beside an agent that runs already, only answer."""
    from transfer_core.cli.agent_loop import follow
    from transfer_core.cli.reporting import choose_reporter

    with (
        stop_on_signals() as stop,
        compose.open_service(state, links=link_names(links), simulation=simulate, policy=policy) as service,
        compose.open_trigger_server(service, zmq) as where,
    ):
        try:
            service.start()
        except StateLocked:
            output.note("The agent that runs here already sends what is asked for.")
        if where.startswith("tcp://") and not where.startswith(("tcp://127.", "tcp://[::1]", "tcp://localhost")):
            output.note("Whoever reaches this address can trigger these cameras; there is no password.")
        if json:
            output.json_event("ready", {"zmq": where})
        else:
            output.line(f"Triggers on {where}")
        follow(service, choose_reporter(as_json=json, bars=False), stop, None)
    if json:
        output.json_event("stopped")
