"""A watched folder in words and figures: how it does, what is wrong, how old the newest frame at the other end is."""

from __future__ import annotations

from app.figures import DASH, age_text, ms_text, span_text
from transfer_core.events.watch_words import watch_problem
from transfer_core.events.watches import WatchState, WatchView
from transfer_core.units import NS_PER_MS, format_bytes

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


def fps_text(fps: float | None) -> str:
    """`29.8`."""
    return DASH if fps is None else f"{fps:.1f}"


def delay_text(delay_ms: float | None) -> str:
    """`22 ms`, `4.6 s`."""
    if delay_ms is None or delay_ms < 1000:
        return f"{ms_text(delay_ms)} ms"
    return span_text(round(delay_ms * NS_PER_MS))


def delays_text(p50_ms: float | None, p99_ms: float | None) -> str:
    """`22 · p99 74 ms`, `640 ms · p99 4.6 s`: a unit that both have is named once. A dash while none is known."""
    if p50_ms is None:
        return DASH
    usual, most = delay_text(p50_ms), delay_text(p99_ms)
    unit = " " + most.rpartition(" ")[2]
    return f"{usual.removesuffix(unit)} · p99 {most}"


def age_there_text(view: WatchView, now_ns: int) -> str:
    """`there 0.2 s ago`; a dash while nothing has arrived."""
    if view.newest_there_ns is None:
        return DASH
    return f"there {age_text(view.newest_there_ns, now_ns)}"


def figures(view: WatchView, now_ns: int) -> list[tuple[str, str]]:
    """Label and value of each line of a card."""
    backlog = f"{view.backlog:,} · {format_bytes(view.backlog_bytes)}" if view.backlog else "0"
    return [
        ("in", f"{fps_text(view.fps_in)} fps · {view.frames_in:,}"),
        ("out", f"{fps_text(view.fps_out)} fps · {view.frames_out:,}"),
        ("backlog", backlog),
        ("newest", age_there_text(view, now_ns)),
        ("delay", delays_text(view.latency_p50_ms, view.latency_p99_ms)),
        ("errors", f"{view.errors:,}"),
    ]


def card_text(view: WatchView, now_ns: int) -> str:
    """All of a card as one text, for those who can't see it and for the clipboard."""
    lines = [f"{view.spec.name}: {state_words(view)}", f"{view.spec.directory} to {view.spec.destination}"]
    lines += [f"{label}: {value}" for label, value in figures(view, now_ns)]
    lines += [text for text in (view.run, watch_problem(view, now_ns)[1]) if text]
    return "\n".join(lines)
