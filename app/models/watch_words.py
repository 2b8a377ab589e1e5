"""A watched folder in words and figures: how it does, what is wrong, how old the newest frame at the other end is."""

from __future__ import annotations

from app.figures import DASH, age_text, ms_text, span_text
from transfer_core.events import Severity
from transfer_core.events.watches import WatchState, WatchView
from transfer_core.units import NS_PER_MS, NS_PER_S, format_bytes

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


def problem(view: WatchView, now_ns: int, blocked: str = "") -> tuple[Severity, str]:
    """What needs a hand; INFO and nothing if all is well. `blocked` says why its destination takes nothing."""
    if view.state is WatchState.WAITING:
        return Severity.SERIOUS, view.why
    if view.online is False and view.state in (WatchState.WATCHING, WatchState.ARMED):
        return Severity.SERIOUS, f"{view.spec.destination} does not answer; frames are queued"
    if blocked and view.backlog:
        return Severity.SERIOUS, blocked
    if view.held:
        return Severity.CAUTION, view.held
    if view.error and (view.error_ns is None or now_ns - view.error_ns < ERROR_SHOWN_NS):
        return Severity.CAUTION, without_code(view.error)
    if view.why:
        return Severity.CAUTION, view.why
    there_ns = view.newest_there_ns
    if view.backlog and there_ns is not None and now_ns - there_ns > BEHIND_NS:
        return Severity.CAUTION, "the other end falls behind"
    return Severity.INFO, ""


def without_code(text: str) -> str:
    """What happened, without the code before it: that is for the log."""
    code, colon, words = text.partition(": ")
    return words if colon and code.startswith("E_") and " " not in code else text


def fps_text(fps: float | None) -> str:
    """`29.8`."""
    return DASH if fps is None else f"{fps:.1f}"


def delay_text(delay_ms: float | None) -> str:
    """`22 ms`, `4.6 s`."""
    if delay_ms is None or delay_ms < 1000:
        return f"{ms_text(delay_ms)} ms"
    return span_text(round(delay_ms * NS_PER_MS))


def age_there_text(view: WatchView, now_ns: int) -> str:
    """`there 0.2 s ago`; a dash while nothing has arrived."""
    if view.newest_there_ns is None:
        return DASH
    return f"there {age_text(view.newest_there_ns, now_ns)}"


def figures(view: WatchView, now_ns: int) -> list[tuple[str, str]]:
    """Label and value of each line of a card."""
    backlog = f"{view.backlog:,} · {format_bytes(view.backlog_bytes)}" if view.backlog else "0"
    known = view.latency_p50_ms is not None
    delay = f"{delay_text(view.latency_p50_ms)} · p99 {delay_text(view.latency_p99_ms)}" if known else DASH
    return [
        ("in", f"{fps_text(view.fps_in)} fps · {view.frames_in:,}"),
        ("out", f"{fps_text(view.fps_out)} fps · {view.frames_out:,}"),
        ("backlog", backlog),
        ("newest", age_there_text(view, now_ns)),
        ("delay", delay),
        ("errors", f"{view.errors:,}"),
    ]


def card_text(view: WatchView, now_ns: int, blocked: str = "") -> str:
    """All of a card as one text, for those who can't see it and for the clipboard."""
    lines = [f"{view.spec.name}: {state_words(view)}", f"{view.spec.directory} to {view.spec.destination}"]
    lines += [f"{label}: {value}" for label, value in figures(view, now_ns)]
    lines += [text for text in (view.run, problem(view, now_ns, blocked)[1]) if text]
    return "\n".join(lines)
