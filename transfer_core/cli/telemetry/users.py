"""`drs-sync telemetry users`: who may see and do what at `telemetry serve`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.errors import UsageError


def users(
    add: Annotated[str | None, typer.Option("--add", metavar="NAME", help="A new one; the password is asked.")] = None,
    role: Annotated[str | None, typer.Option("--role", metavar="viewer|engineer|admin", help="With --add.")] = None,
    promote: Annotated[str | None, typer.Option("--set", metavar="NAME", help="Give this one the --role.")] = None,
    reset: Annotated[str | None, typer.Option("--reset", metavar="NAME", help="Print a reset token.")] = None,
    delete: Annotated[str | None, typer.Option("--delete", metavar="NAME", help="Delete this account.")] = None,
    state: State = None,
    json: Json = False,
) -> None:
    """List accounts, or change one."""
    from transfer_core.server.races.accounts import UserRole

    if sum(each is not None for each in (add, promote, reset, delete)) > 1:
        raise UsageError("one thing at a time", hint="Give one of --add, --set, --reset, --delete.")
    if role is not None and role not in list(UserRole):
        raise UsageError(f"{role!r} is no role", hint="Use viewer, engineer or admin.")
    chosen = None if role is None else UserRole(role)
    with compose.open_accounts(state) as accounts:
        if add is not None:
            accounts.create(add, _password(), chosen)
        elif promote is not None:
            if chosen is None:
                raise UsageError("--set needs a --role", hint="Use viewer, engineer or admin.")
            accounts.set_role(accounts.named(promote).user_id, chosen)
        elif delete is not None:
            accounts.delete(accounts.named(delete).user_id)
        elif reset is not None:
            token = accounts.make_reset(accounts.named(reset).user_id)
            if json:
                output.json_document({"username": reset, "token": token, "expires_in_s": 3600})
            else:
                output.line(token)
            return
        known = accounts.users()
    if json:
        facts: list[dict[str, Any]] = [
            {"user_id": each.user_id, "username": each.name, "role": each.role.value, "created_at": each.created_at}
            | {"asked_reset_at": each.asked_reset_at}
            for each in known
        ]
        output.json_document(facts)
        return
    rows = [
        (str(each.user_id), each.name, each.role.value, each.created_at[:10], each.asked_reset_at or "")
        for each in known
    ]
    output.table(("id", "name", "role", "since", "asked for a reset"), rows, right=("id",))


def _password() -> str:
    """Asked for on a terminal, else the first line of stdin; never an argument, which others can see."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
