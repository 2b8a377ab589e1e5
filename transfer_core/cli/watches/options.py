"""What `watch add` and `watch import` both take."""

from __future__ import annotations

from typing import Annotated

import typer

from transfer_core.errors import UsageError

To = Annotated[str, typer.Option("--to", metavar="NAME", help="A destination that was paired.")]
Pattern = Annotated[
    str, typer.Option("--pattern", metavar='"*.jpg"', help="Names to send; with a slash, paths below the folder.")
]
Lookahead = Annotated[
    int, typer.Option("--lookahead", metavar="N", help="A frame N places later shows that a frame is complete; 0: no.")
]
StableMs = Annotated[
    float, typer.Option("--stable-ms", metavar="MS", help="How long a file must not have changed to be complete.")
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


def deletes_after(text: str) -> bool:
    """`verified`, or `never`. UsageError for others: nothing is deleted for less."""
    if text not in ("", "never", "verified"):
        raise UsageError(f"--delete-after {text!r} is not possible", hint="Write --delete-after verified.")
    return text == "verified"
