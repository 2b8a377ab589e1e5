"""The door of the command line: finds the command, runs it, and turns errors into one line and an exit code.

Exit codes: 0 done, 1 failed, 2 wrong usage. An error is one line on stderr: its code, what happened, what to do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import typer

from transfer_core.cli import (
    agent,
    cancel,
    console,
    demo,
    destination,
    history,
    limit,
    link,
    pair,
    pause,
    priority,
    receipt,
    relay,
    resume,
    retry,
    sample_frames,
    scan,
    send,
    status,
    sync,
    telemetry,
    upload,
    watches,
    webhook,
)
from transfer_core.cli.output import error_line
from transfer_core.errors import Cancelled, ConfigError, DrsError, UsageError

PROGRAM = "drs-sync"
DONE, FAILED, WRONG_USAGE = 0, 1, 2
HELP = ("-h", "--help")
INTERRUPTED = 130  # what typer gives for Ctrl+C
TRACEBACK_VARIABLE = "DRS_SYNC_TRACEBACK"

COMMANDS: Mapping[str, Callable[..., Any]] = {
    "console": console.console,
    "demo": demo.demo,
    "pair": pair.pair,
    "upload": upload.upload,
    "agent": agent.agent,
    "send": send.send,
    "status": status.status,
    "pause": pause.pause,
    "resume": resume.resume,
    "cancel": cancel.cancel,
    "retry": retry.retry,
    "priority": priority.priority,
    "history": history.history,
    "receipt": receipt.receipt,
    "scan": scan.scan,
    "sample-frames": sample_frames.sample_frames,
}
GROUPS: Mapping[str, typer.Typer] = {
    "relay": relay.group,
    "destination": destination.group,
    "limit": limit.group,
    "webhook": webhook.group,
    "link": link.group,
    "watch": watches.group,
    "sync": sync.group,
    "telemetry": telemetry.group,
}


def command_line() -> typer.Typer:
    """All commands as one."""
    whole = typer.Typer(
        name=PROGRAM,
        help="Gets files home over every link there is.",
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": list(HELP)},
    )
    for name, function in COMMANDS.items():
        whole.command(name)(function)
    for name, group in GROUPS.items():
        whole.add_typer(group, name=name)
    return whole


def run(arguments: Sequence[str], *, default: str | None = None) -> int:
    """Run one command line and give its exit code; `default` is the command where none is named."""
    options_only = not arguments or (arguments[0].startswith("-") and arguments[0] not in HELP)
    if options_only and default is not None:
        arguments = [default, *arguments]
    command = typer.main.get_command(command_line())
    try:
        result = command.main(list(arguments) or ["--help"], prog_name=PROGRAM, standalone_mode=False)
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
        error_line(Cancelled("stopped from the keyboard", hint="What is queued stays queued."))
        return FAILED
    return result if isinstance(result, int) else DONE


def main(default: str | None = None) -> NoReturn:
    """Run the process's own arguments, and end the process with the exit code."""
    sys.exit(run(sys.argv[1:], default=default))


if __name__ == "__main__":
    main()
