"""What is listened to, recorded and passed on, in a line."""

from __future__ import annotations

from collections.abc import Sequence

from app.figures import was_text
from app.models.sources_model import SourceRow
from transfer_core.events import Severity
from transfer_core.events.telemetry import ListenerView, RaceView

NAMED_MOST = 2  # sources that need a hand


def live_words(
    listeners: Sequence[ListenerView],
    running: Sequence[RaceView],
    left_out: int,
    rows: Sequence[SourceRow] = (),
    *,
    is_heard: bool = True,
) -> str:
    """For the band over the page. Who needs a hand comes first, since the table may have no room for all sources."""
    if not listeners:
        return "nothing is listened to yet: Listen (L), or New race (N)"
    told = [_alarm_words(rows), "  ".join(_listener_words(each) for each in listeners)]
    if left_out:
        told.append(f"plots leave {left_out} sources out: select rows of the table to choose")
    recording = was_text("recording", is_heard=is_heard)
    told.append(", ".join(f"{recording} {race.name!r}" for race in running))
    return "   ".join(filter(None, told))


def _alarm_words(rows: Sequence[SourceRow]) -> str:
    bad = [row for row in rows if row.is_known and row.alarm.severity is not Severity.INFO]
    named = [f"{row.source.name or row.source.source_id}: {row.alarm.text}" for row in bad[:NAMED_MOST]]
    more = [f"and {len(bad) - NAMED_MOST} more"] if len(bad) > NAMED_MOST else []
    return f"◆ {', '.join([*named, *more])}" if named else ""


def _listener_words(each: ListenerView) -> str:
    if each.origin:
        words = f"UDP {each.port} from {each.origin}"
        words += f", {each.missing} missing" if each.missing else ""
    else:
        words = f"UDP {each.host}:{each.port}"
        words += f", {each.kernel_drops} dropped by the system" if each.kernel_drops else ""
    if each.forwards_to:
        words += f" → {each.forwards_to}"
        lost = each.forward_skipped + each.forward_missing
        words += f" ({each.forward_error})" if each.forward_error else f", {lost} not there" if lost else ""
    return f"{words} — {each.error}" if each.error else words
