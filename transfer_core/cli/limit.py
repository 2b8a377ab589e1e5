"""`drs-sync limit`: how much may be sent, over UDP and HTTP together, and when."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.errors import NotFoundError, UsageError
from transfer_core.service import TransferService, UploadLimits
from transfer_core.units import format_rate, parse_rate_bps

NONE = "none"

group = typer.Typer(help="How much may be sent, over UDP and HTTP together, and when.")
Rate = Annotated[str, typer.Argument(metavar="RATE", help="Such as 20mbit; none lifts the cap.")]


@group.callback(invoke_without_command=True)
def show(context: typer.Context, state: State = None, json: Json = False) -> None:
    """Show the limits, or change one of them."""
    if context.invoked_subcommand is not None:
        context.obj = state
        return
    with compose.open_service(state) as service:
        _report(service.uploads.limits(), as_json=json)


@group.command("rate")
def rate(
    context: typer.Context,
    cap: Rate,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="Of this destination alone.")] = "",
    state: State = None,
    json: Json = False,
) -> None:
    """Cap everything together, or what goes to one destination."""
    bps = parse_cap(cap)
    with compose.open_service(state or context.obj) as service:
        limits = service.uploads.limits()
        if not to:
            _change(service, replace(limits, all_bps=bps), as_json=json)
            return
        if to not in {each.name for each in service.destinations()}:
            raise NotFoundError(f"there is no destination {to!r}", hint="See `drs-sync destination list`.")
        others = {name: each for name, each in limits.by_destination.items() if name != to}
        capped = others if bps is None else {**others, to: bps}
        _change(service, replace(limits, by_destination=capped), as_json=json)


@group.command("hours")
def hours(
    context: typer.Context,
    when: Annotated[str, typer.Argument(metavar="HOURS", help="Such as 'mon-fri 8-18', 'sat,sun', '22-6', daily.")],
    cap: Annotated[str, typer.Argument(metavar="RATE", help="Such as 5mbit; 0 for nothing, none for no cap.")],
    state: State = None,
    json: Json = False,
) -> None:
    """Cap all uploads in some hours of the week, by this machine's local time."""
    from transfer_core.upload.timetable import span, with_span

    bps, cells = parse_cap(cap, may_be_zero=True), span(when)
    with compose.open_service(state or context.obj) as service:
        limits = service.uploads.limits()
        _change(service, replace(limits, timetable=with_span(limits.timetable, cells, bps)), as_json=json)


@group.command("concurrent")
def concurrent(
    context: typer.Context,
    count: Annotated[int, typer.Argument(metavar="N", min=1, max=16)],
    state: State = None,
    json: Json = False,
) -> None:
    """Set how many uploads over HTTP go at once."""
    with compose.open_service(state or context.obj) as service:
        _change(service, replace(service.uploads.limits(), concurrent=count), as_json=json)


@group.command("attempts")
def attempts(
    context: typer.Context,
    count: Annotated[int, typer.Argument(min=1, max=1000, metavar="N", help="Waiting for a network is no attempt.")],
    state: State = None,
    json: Json = False,
) -> None:
    """Set how often a job is tried in vain, one time after the other, before it has failed."""
    with compose.open_service(state or context.obj) as service:
        service.change_settings(replace(service.settings(), attempts_max=count))
    if json:
        output.json_document({"attempts_max": count})
        return
    output.line(f"attempts: {count}")


def parse_cap(text: str, *, may_be_zero: bool = False) -> float | None:
    """`20mbit` in bits per second; None for `none`. UsageError."""
    if text.strip().lower() == NONE:
        return None
    try:
        bps = parse_rate_bps(text)
    except ValueError as error:
        raise UsageError(str(error), hint="Write it as 20mbit, 500kbit or none.") from error
    if bps == 0 and not may_be_zero:
        raise UsageError("a cap of 0 would send nothing", hint="Use `drs-sync pause --all` for that, or none.")
    return bps


def _change(service: TransferService, limits: UploadLimits, *, as_json: bool) -> None:
    service.uploads.change_limits(limits)
    _report(limits, as_json=as_json)


def _report(limits: UploadLimits, *, as_json: bool) -> None:
    if as_json:
        output.json_document(asdict(limits))
        return
    from transfer_core.upload.timetable import spans

    output.line(f"all uploads: {_words(limits.all_bps)}")
    for name, cap in sorted(limits.by_destination.items()):
        output.line(f"to {output.printable(name)}: {_words(cap)}")
    for when, cap in spans(limits.timetable):
        output.line(f"{when}: {_words(cap) if cap else 'nothing'}")
    output.line(f"at once: {limits.concurrent}")


def _words(cap_bps: float | None) -> str:
    return "no cap" if cap_bps is None else format_rate(cap_bps)
