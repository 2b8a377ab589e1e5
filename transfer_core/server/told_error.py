"""An error in the words of HTTP: no hint speaks of the command line."""

from __future__ import annotations

from transfer_core.errors import DrsError, UsageError

SEE_DOCS = "Look at /docs for what this address takes."


def told_hint(error: DrsError) -> str:
    """What to do, for one who asks over HTTP."""
    return SEE_DOCS if error.hint == UsageError.default_hint else error.hint


def error_object(error: DrsError) -> dict[str, str]:
    """An error as all of the relay's HTTP says it."""
    return {"error": error.message, "code": error.code, "hint": told_hint(error)}
