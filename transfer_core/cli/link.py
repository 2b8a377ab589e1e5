"""`drs-sync link`: kill and restore a link of the running agent; lay down what each link may."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State, parse_size
from transfer_core.config import Policy
from transfer_core.errors import UsageError
from transfer_core.service.link_limits import limits_of, with_limits

group = typer.Typer(help="Kill or restore a link of the running agent; say what each link may.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `scan` shows it.")]

Role = Annotated[str | None, typer.Option("--role", metavar="primary|overflow|backup", help="When it is used.")]
Cap = Annotated[float | None, typer.Option("--cap", metavar="MBPS", help="At most so many Mbit/s; 0 is no cap.")]
Quota = Annotated[str | None, typer.Option("--quota", metavar="20GB", help="Data in a month; 0 is no quota.")]
ResetDay = Annotated[
    int | None, typer.Option("--reset-day", metavar="DAY", help="Day of the month on which it begins anew.")
]


@group.command("kill")
def kill(name: Name, state: State = None, json: Json = False) -> None:
    """Drop every datagram on that link, both ways. The engine isn't told: it has to notice."""
    with compose.open_service(state) as service:
        service.kill_link(name)
    _say(name, "killed", as_json=json)


@group.command("restore")
def restore(name: Name, state: State = None, json: Json = False) -> None:
    """Undo `link kill`."""
    with compose.open_service(state) as service:
        service.restore_link(name)
    _say(name, "restored", as_json=json)


@group.command("set")
def set_link(
    name: Name,
    role: Role = None,
    cap: Cap = None,
    quota: Quota = None,
    reset_day: ResetDay = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Say what a link may. A running agent works by it at once; what is not named stays as it is."""
    with compose.open_service(state) as service:
        settings = service.settings()
        limits = limits_of(settings, name)
        if role is not None:
            limits = replace(limits, role=role)
        if cap is not None:
            limits = replace(limits, cap_mbps=cap)
        if quota is not None:
            limits = replace(limits, quota_bytes=parse_size(quota))
        if reset_day is not None:
            if not limits.quota_bytes:
                raise UsageError(f"{name} has no quota that could begin anew", hint="Give it one with --quota.")
            limits = replace(limits, reset_day=reset_day)
        service.change_settings(with_limits(settings, name, limits))
    _say(name, "set", as_json=json)


@group.command("policy")
def set_policy(
    policy: Annotated[Policy, typer.Argument(help="How the links share the work.")],
    state: State = None,
    json: Json = False,
) -> None:
    """Change how the links share the work, also in the middle of a transfer."""
    with compose.open_service(state) as service:
        service.change_settings(replace(service.settings(), policy=policy))
    if json:
        output.json_document({"policy": policy.value})
    else:
        output.line(f"policy: {policy.value}")


def _say(name: str, did: str, *, as_json: bool) -> None:
    if as_json:
        output.json_document({"link": name, "done": did})
    else:
        output.line(f"link {name}: {did}")
