"""How the console writes figures: fixed units and widths, a dash for what is not known. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from transfer_core.events import LinkState, LinkView
from transfer_core.units import NS_PER_S, format_bytes, format_duration

DASH = "—"
NO_NEWS = "NO NEWS"  # in the place of LIVE, while the engine is not heard of
STALE_NS = 2 * NS_PER_S  # figures older than this are drawn dim and hatched
LOST_NS = 10 * NS_PER_S  # and older than this not at all

QUOTA_SHORT = 0.9  # from this share of a quota on it needs a look

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_MARKUP = re.compile("<(?![0-9\N{WORD JOINER}])|&(?=lt;)")  # what may begin markup, and is not kept from it already
_BREAKS = re.compile("[\t-\r\x1c-\x1f\x85\u2028\u2029]+")
_NOT_DELIVERING = (LinkState.KILLED, LinkState.DOWN, LinkState.UNUSED)


def mbit_text(rate_bps: float | None) -> str:
    """`78.4`, for beside a fixed `Mbit/s`."""
    return DASH if rate_bps is None else f"{rate_bps / 1e6:.1f}"


def ms_text(value_ms: float | None) -> str:
    """Milliseconds: `17`, and `0.4` below ten, where the fraction matters."""
    if value_ms is None:
        return DASH
    return f"{value_ms:.1f}" if value_ms < 9.95 else f"{value_ms:.0f}"


def percent_text(share: float | None) -> str:
    """A share of 0..1 in percent: `1.1`, `100`, and `<0.1` rather than a zero that isn't one."""
    if share is None:
        return DASH
    percent = share * 100
    if 0 < percent < 0.05:
        return "<0.1"
    return f"{percent:.0f}" if percent == 0 or percent >= 9.95 else f"{percent:.1f}"


def score_text(score: float | None) -> str:
    """A score of 0..1 with two digits."""
    return DASH if score is None else f"{score:.2f}"


def files_text(count: int) -> str:
    """`1 file`, `10,003 files`."""
    return "1 file" if count == 1 else f"{count:,} files"


def age_text(then_ns: int | None, now_ns: int) -> str:
    """`0.2 s ago`; a dash for never."""
    if then_ns is None:
        return DASH
    return f"{span_text(now_ns - then_ns)} ago"


def span_text(span_ns: int) -> str:
    """`3.0 s`, `12 s`, then one unit alone, so that it fits a tile: `4 min`, `11 h`, `3 days`."""
    seconds = max(0, span_ns) // NS_PER_S
    if seconds < 60:
        return format_duration(max(0, span_ns) / NS_PER_S)
    if seconds < 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 2 * 86400 else f"{seconds // 86400} days"


def since_text(state: LinkState, since_ns: int | None, now_ns: int) -> str:
    """`killed 12 s ago`, `silent for 3.0 s`; the state alone when nobody knows since when."""
    if since_ns is None:
        return state.value
    if state is LinkState.KILLED:
        return f"killed {age_text(since_ns, now_ns)}"
    return f"{state.value} for {span_text(now_ns - since_ns)}"


def was_text(words: str, *, is_heard: bool) -> str:
    """`Online`; of an engine that is not heard of `Was online`: nobody knows how it is now."""
    if is_heard:
        return words
    return f"{'Was' if words[:1].isupper() else 'was'} {words[:1].lower()}{words[1:]}"


def why_text(link: LinkView) -> str:
    """Why it does not do better, without the word that its state says already."""
    return link.why.removeprefix(f"{link.state.value} ")


def without_code(why: str) -> str:
    """A reason for people, without an error's code before it."""
    code, colon, rest = why.partition(": ")
    return rest if colon and code.startswith("E_") else why


def is_unheard(link: LinkView, now_ns: int) -> bool:
    """True for a link that was said to deliver, so long ago that nobody knows: its engine may stand still."""
    delivers = link.state in (LinkState.UP, LinkState.DEGRADED, LinkState.RETURNING)
    return delivers and link.measured_ns is not None and now_ns - link.measured_ns > LOST_NS


def has_answered(link: LinkView) -> bool:
    """True for a link that has delivered since its state began."""
    return link.measured_ns is not None and (link.since_ns is None or link.measured_ns >= link.since_ns)


def shown_state(link: LinkView, now_ns: int) -> LinkState:
    """The state that its mark may show: nobody knows how one does that is not heard of."""
    return LinkState.IDLE if is_unheard(link, now_ns) else link.state


def file_name(path: str) -> str:
    """The last part of a path, or the path where it has none, on one line that reads as it is written.

    Line breaks, other control characters, what turns the direction of text (Unicode bidi embeddings, overrides and
    isolates) and bytes that are no UTF-8 (lone surrogates here) are legal in names; they are shown as U+FFFD.
    """
    return seen(PurePath(path).name or path)


def seen(text: str) -> str:
    """The text with a mark (U+FFFD) for each character that would be drawn as nothing, or would turn the others."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


def plain_tip(text: str) -> str:
    """The text as a tool tip that Qt shows as it is written, line by line, with a mark for what is unseen.

    Qt takes one with a tag in its first line for HTML (`Qt.mightBeRichText`), and names of files, links and machines
    are not ours. A word joiner, which is drawn as nothing, keeps `<` from beginning a tag.
    """
    return _MARKUP.sub("\\g<0>\N{WORD JOINER}", "\n".join(map(seen, text.split("\n"))))


def table_line(cells: Iterable[str]) -> str:
    """One row for the clipboard: whatever is in a cell, each stays one when it is pasted in a table."""
    return "\t".join(seen(_BREAKS.sub(" ", cell)) for cell in cells)


def moment_text(at: str | None) -> str:
    """UTC ISO 8601 as `2026-11-21 14:32:07`."""
    return (at or "").replace("T", " ")[:19]


def clock_text(at: str | None) -> str:
    """The time of day of UTC ISO 8601, as `14:32:07`."""
    return (at or "")[11:19]


def is_stale(measured_ns: int | None, now_ns: int) -> bool:
    """True when the figures say how it was rather than how it is."""
    return measured_ns is None or now_ns - measured_ns > STALE_NS


def is_lost(state: LinkState, measured_ns: int | None, now_ns: int) -> bool:
    """True when the figures say nothing any more."""
    return state in _NOT_DELIVERING or measured_ns is None or now_ns - measured_ns > LOST_NS


def limits_text(link: LinkView) -> str:
    """What a link may, in a line: `cap 20 Mbit/s`, `16.4 of 20.0 GB used`, `cap 20 · 16.4 of 20.0 GB`; or nothing."""
    cap = "" if link.rate_cap_bps is None else f"cap {link.rate_cap_bps / 1e6:g}"
    if link.quota_bytes is None:
        return f"{cap} Mbit/s" if cap else ""
    used, limit = format_bytes(link.used_bytes), format_bytes(link.quota_bytes)
    if used.partition(" ")[2] == limit.partition(" ")[2]:
        used = used.partition(" ")[0]
    return f"{cap} · {used} of {limit}" if cap else f"{used} of {limit} used"


def plan_text(link: LinkView) -> str:
    """The same in full: the cap, what the data plan has left, and when it begins anew."""
    parts = [] if link.rate_cap_bps is None else [f"at most {link.rate_cap_bps / 1e6:g} Mbit/s"]
    if link.quota_bytes is not None:
        left = format_bytes(max(0, link.quota_bytes - link.used_bytes))
        renews = f" until {link.quota_renews}" if link.quota_renews else ""
        parts.append(f"{left} of {format_bytes(link.quota_bytes)} left{renews}")
    return ", ".join(parts)


def is_short(link: LinkView) -> bool:
    """True when little of the link's quota is left."""
    return link.quota_bytes is not None and link.used_bytes >= QUOTA_SHORT * link.quota_bytes
