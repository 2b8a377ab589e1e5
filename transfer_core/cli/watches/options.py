"""What `watch add` and `watch import` both take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Annotated, get_type_hints

import typer

from transfer_core.cli.options import Priority
from transfer_core.config import PRIORITY_DEFAULT, parse_priority
from transfer_core.errors import UsageError

if TYPE_CHECKING:
    from transfer_core.events.watches import WatchSpec

Pattern = Annotated[
    str, typer.Option("--pattern", metavar='"*.jpg"', help="Names to send; with a slash, paths below the folder.")
]
Lookahead = Annotated[
    int, typer.Option("--lookahead", metavar="N", help="A frame N places later shows that a frame is complete; 0: no.")
]
StableMs = Annotated[
    float,
    typer.Option(
        "--stable-ms",
        metavar="MS",
        help="How long a file must not have changed to be complete. Of a network share, see docs/cameras.md.",
    ),
]
FileWaitMs = Annotated[
    float, typer.Option("--file-wait-ms", metavar="MS", help="How long to wait for a frame that is not there yet.")
]
MaxFiles = Annotated[int, typer.Option("--max-files", metavar="N", help="End after so many; 0: no limit.")]
PreserveStructure = Annotated[
    bool, typer.Option("--preserve-structure", help="Keep the folders that a file lies in, below the watched one.")
]
Once = Annotated[bool, typer.Option("--once", help="Send what is there, and end.")]
DeleteAfter = Annotated[
    str,
    typer.Option(
        "--delete-after",
        metavar="verified",
        help="Delete a source once the relay has verified it, if it is still as it was sent.",
        show_default="never",
    ),
]
CleanupPartFiles = Annotated[
    bool, typer.Option("--cleanup-part-files", help="Delete .part files that nobody has written to for an hour.")
]
OnTrigger = Annotated[bool, typer.Option("--on-trigger", help="Send only what a trigger asks for (`watch serve`).")]


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What a watch sends, and when; the options of `watch_options`."""

    pattern: Pattern = "*"
    lookahead: Lookahead = 4
    stable_ms: StableMs = 5.0
    file_wait_ms: FileWaitMs = 10.0
    max_files: MaxFiles = 0
    preserve_structure: PreserveStructure = False
    priority: Priority = None
    once: Once = False
    delete_after: DeleteAfter = ""
    cleanup_part_files: CleanupPartFiles = False
    on_trigger: OnTrigger = False

    def spec(
        self, *, name: str, directory: str, destination: str, start_after: str = "", dest_path: str = ""
    ) -> WatchSpec:
        """The watch of that folder. UsageError."""
        from transfer_core.events.watches import WatchSpec

        return WatchSpec(
            name=name,
            directory=directory,
            destination=destination,
            pattern=self.pattern,
            start_after=start_after,
            lookahead=self.lookahead,
            stable_ms=self.stable_ms,
            file_wait_ms=self.file_wait_ms,
            max_files=self.max_files,
            dest_path=dest_path,
            preserve_structure=self.preserve_structure,
            priority=PRIORITY_DEFAULT if self.priority is None else parse_priority(self.priority),
            once=self.once,
            delete_after=_deletes_after(self.delete_after),
            cleanup_part_files=self.cleanup_part_files,
            on_trigger=self.on_trigger,
        )


def watch_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options, before its `state`; it gets them as the argument `options`."""
    hints = get_type_hints(WatchOptions, include_extras=True)
    names = [field.name for field in fields(WatchOptions)]
    shared = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name])
        for each in fields(WatchOptions)
    ]
    own_hints = get_type_hints(command, include_extras=True)
    own = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=own_hints[each.name])
        for each in inspect.signature(command).parameters.values()
        if each.name != "options"
    ]
    place = next(at for at, each in enumerate(own) if each.name == "state")

    @wraps(command)
    def with_options(**values: object) -> None:
        chosen = WatchOptions(**{name: values.pop(name) for name in names})  # type: ignore[arg-type]
        command(**values, options=chosen)

    together = [*own[:place], *shared, *own[place:]]
    with_options.__signature__ = inspect.Signature(together)  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in together}
    return with_options


def _deletes_after(text: str) -> bool:
    """`verified`, or `never`. UsageError for others: nothing is deleted for less."""
    if text not in ("", "never", "verified"):
        raise UsageError(f"--delete-after {text!r} is not possible", hint="Write --delete-after verified.")
    return text == "verified"
