"""A watched folder in words and figures: how it does, what is wrong, how old the newest frame at the other end is."""

from __future__ import annotations

from app.figures import DASH, ms_text
from transfer_core.events import Severity
from transfer_core.events.watches import WatchState, WatchView
from transfer_core.units import NS_PER_S, format_bytes, format_duration

ERROR_SHOWN_NS = 600 * NS_PER_S  # after that it is in the count and in the log
BEHIND_NS = 5 * NS_PER_S  # a camera whose newest frame there is older, with more queued, falls behind
ERROR_SHOWN_NS = 600 * NS_PER_S  # after that it is in the count and in the log

_STATE_WORDS = {
    WatchState.WATCHING: "watching",
    WatchState.PAUSED: "paused",
    WatchState.WAITING: "folder is away",
    WatchState.ARMED: "armed: waits for a trigger",
    WatchState.ENDED: "ended",
    WatchState.IDLE: "no agent runs",
}


def state_words(view: WatchView) -> str:
    """The state for people."""
    return _STATE_WORDS[view.state]


def problem(view: WatchView, now_ns: int) -> tuple[Severity, str]:
    """What needs a hand; INFO and nothing if all is well."""
    if view.state is WatchState.WAITING:
        return Severity.SERIOUS, view.why
    if view.online is False and view.state in (WatchState.WATCHING, WatchState.ARMED):
        return Severity.SERIOUS, f"{view.spec.destination} does not answer; frames are queued"
    if view.held:
        return Severity.CAUTION, view.held
    if view.error and (view.error_ns is None or now_ns - view.error_ns < ERROR_SHOWN_NS):
        return Severity.CAUTION, view.error
    if view.why:
        return Severity.CAUTION, view.why
    there_ns = view.newest_there_ns
    if view.backlog and there_ns is not None and now_ns - there_ns > BEHIND_NS:
        return Severity.CAUTION, "the other end falls behind"
    return Severity.INFO, ""


def fps_text(fps: float | None) -> str:
    """`29.8`."""
    return DASH if fps is None else f"{fps:.1f}"


def age_there_text(view: WatchView, now_ns: int) -> str:
    """`0.2 s`; a dash while nothing has arrived."""
    if view.newest_there_ns is None:
        return DASH
    return format_duration(max(0, now_ns - view.newest_there_ns) / NS_PER_S) or ">4 days"


def figures(view: WatchView, now_ns: int) -> list[tuple[str, str]]:
    """Label and value of each line of a card."""
    backlog = f"{view.backlog} · {format_bytes(view.backlog_bytes)}" if view.backlog else "0"
    return [
        ("in", f"{fps_text(view.fps_in)} fps · {view.frames_in}"),
        ("out", f"{fps_text(view.fps_out)} fps · {view.frames_out}"),
        ("backlog", backlog),
        ("age there", age_there_text(view, now_ns)),
        ("p50 / p99", f"{ms_text(view.latency_p50_ms)} / {ms_text(view.latency_p99_ms)} ms"),
        ("errors", str(view.errors)),
    ]


def card_text(view: WatchView, now_ns: int) -> str:
    """All of a card as one text, for those who can't see it and for the clipboard."""
    lines = [f"{view.spec.name}: {state_words(view)}", f"{view.spec.directory} to {view.spec.destination}"]
    lines += [f"{label}: {value}" for label, value in figures(view, now_ns)]
    lines += [text for text in (view.run, problem(view, now_ns)[1]) if text]
    return "\n".join(lines)
