"""A watched folder in words: what is wrong with it, and all of it as an object for programs. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from transfer_core.events.transfer import Severity
from transfer_core.events.watches import WatchState, WatchView
from transfer_core.units import NS_PER_S

BEHIND_NS = 5 * NS_PER_S  # a camera whose newest frame there is older, with more queued, falls behind
ERROR_SHOWN_NS = 600 * NS_PER_S  # after that it is in the count and in the log


def watch_problem(view: WatchView, now_ns: int) -> tuple[Severity, str]:
    """What needs a hand; INFO and nothing if all is well. `now_ns` is the monotonic clock's."""
    if view.state is WatchState.WAITING:
        return Severity.SERIOUS, view.why
    if view.online is False and view.state in (WatchState.WATCHING, WatchState.ARMED):
        return Severity.SERIOUS, f"{view.spec.destination} does not answer; frames are queued"
    if view.blocked and view.backlog:
        return Severity.SERIOUS, view.blocked
    if view.held:
        return Severity.CAUTION, view.held
    if view.error and (view.error_ns is None or now_ns - view.error_ns < ERROR_SHOWN_NS):
        return Severity.CAUTION, without_code(view.error)
    if view.why:
        return Severity.CAUTION, view.why
    there_ns = view.newest_there_ns
    is_sent = view.state is WatchState.WATCHING and view.online
    if is_sent and view.backlog and there_ns is not None and now_ns - there_ns > BEHIND_NS:
        return Severity.CAUTION, "the other end falls behind"
    return Severity.INFO, ""


def watch_object(view: WatchView, now_ns: int) -> dict[str, Any]:
    """A watch for programs; null is not known. Moments of this machine's monotonic clock are told as ages."""
    fields = asdict(view)
    there_ns = fields.pop("newest_there_ns")
    del fields["error_ns"]
    age_s = None if there_ns is None else (now_ns - there_ns) / NS_PER_S
    told = {"state": view.state.value, "newest_there_age_s": age_s, "problem": watch_problem(view, now_ns)[1]}
    return {**fields.pop("spec"), **fields, **told}


def without_code(text: str) -> str:
    """What happened, without the code before it: that is for the log."""
    code, colon, words = text.partition(": ")
    return words if colon and code.startswith("E_") and " " not in code else text
