"""The door of the command line: finds the command, runs it, and turns errors into one line and an exit code.

Exit codes: 0 done, 1 failed, 2 wrong usage. An error is one line on stderr: its code, what happened, what to do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import typer

from transfer_core.cli.output import buffer_stdout, error_line
from transfer_core.cli.plain_words import read_plainly
from transfer_core.engine.system import collect_less_often, compute_in_one_thread
from transfer_core.errors import Cancelled, ConfigError, DrsError, UsageError

PROGRAM = "drs-sync"
DONE, FAILED, WRONG_USAGE = 0, 1, 2
HELP = ("-h", "--help")
INTERRUPTED = 130  # what typer gives for Ctrl+C
TRACEBACK_VARIABLE = "DRS_SYNC_TRACEBACK"

ROOM = "transfer_core.cli"
COMMANDS = (
    "console",
    "demo",
    "pair",
    "upload",
    "agent",
    "send",
    "status",
    "pause",
    "resume",
    "cancel",
    "retry",
    "priority",
    "history",
    "receipt",
    "scan",
    "sample-frames",
)
"""Each is a function in a module, both of that name."""
GROUPS: Mapping[str, str] = {
    "relay": "relay",
    "destination": "destination",
    "limit": "limit",
    "webhook": "webhook",
    "link": "link",
    "watch": "watches",
    "sync": "sync",
    "telemetry": "telemetry.group",
}
"""Several commands under one name: the `group` of that module."""
HIDDEN = ("engine-process",)
"""Likewise; for programs, not for people."""
PLAIN = ("agent",)
"""Commands that have to be quick: what is plain in their lines is read without typer."""


def command_line(only: str | None = None) -> typer.Typer:
    """All commands as one. With `only` no other than that is imported, which is most of the time that one takes."""
    whole = typer.Typer(
        name=PROGRAM,
        help="Gets files home over every link there is.",
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": list(HELP)},
    )
    whole.callback()(_no_more)
    for name in COMMANDS:
        if only in (None, name):
            whole.command(name)(_function(name))
    for name in HIDDEN:
        if only in (None, name):
            whole.command(name, hidden=True)(_function(name))
    for name, module in GROUPS.items():
        if only in (None, name):
            whole.add_typer(import_module(f"{ROOM}.{module}").group, name=name)
    return whole


def _no_more() -> None:
    # without a callback typer would take one command alone for the whole program
    pass


def _function(name: str) -> Callable[..., Any]:
    plain = name.replace("-", "_")
    function: Callable[..., Any] = getattr(import_module(f"{ROOM}.{plain}"), plain)
    return function


def _perform(arguments: Sequence[str]) -> Any:
    """Do what the line says, and give what its command gives."""
    name = arguments[0] if arguments else ""
    if name in PLAIN:
        function = _function(name)
        found = read_plainly(function, arguments[1:])
        if found is not None:
            try:
                return function(**found)
            except typer.Exit as end:
                return end.exit_code
    command = typer.main.get_command(command_line(name if name in (*COMMANDS, *HIDDEN, *GROUPS) else None))
    return command.main(list(arguments) or ["--help"], prog_name=PROGRAM, standalone_mode=False)


def run(arguments: Sequence[str], *, default: str | None = None) -> int:
    """Run one command line and give its exit code; `default` is the command where none is named."""
    options_only = not arguments or (arguments[0].startswith("-") and arguments[0] not in HELP)
    if options_only and default is not None:
        arguments = [default, *arguments]
    try:
        result = _perform(arguments)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        where = PROGRAM if context is None else context.command_path
        error_line(UsageError(error.format_message(), hint=f"See `{where} --help`."))
        return WRONG_USAGE
    except (typer.Abort, KeyboardInterrupt):
        result = INTERRUPTED
    except DrsError as error:
        error_line(error)
        return WRONG_USAGE if type(error) in (UsageError, ConfigError) else FAILED
    except BrokenPipeError:
        # whoever read our output has gone; keep the interpreter from complaining about it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        what = f"{type(error).__name__}: {error}"
        error_line(DrsError(what, hint=f"This is a fault of the program; {TRACEBACK_VARIABLE}=1 shows where it is."))
        return FAILED
    if result == INTERRUPTED:
        error_line(Cancelled("stopped before it was through", hint="What is queued stays queued."))
        return FAILED
    return result if isinstance(result, int) else DONE


def main(default: str | None = None) -> NoReturn:
    """Run the process's own arguments, and end the process with the exit code."""
    collect_less_often()
    compute_in_one_thread()
    buffer_stdout()
    sys.exit(run(sys.argv[1:], default=default))


if __name__ == "__main__":
    main()
