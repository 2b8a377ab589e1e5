"""Which commands of the Telemetry page can do nothing just now, and why. No Qt."""

from __future__ import annotations

FIRST_SELECT = "Select a race in the list first"
NOT_RECORDING = "No race is being recorded"
NOTHING_TO_MARK = "No race is being recorded or replayed"


def refusals(*, has_selected: bool, is_recording: bool, is_replaying: bool) -> dict[str, str]:
    """Why not, by command; empty for what can be done."""
    of_selected = "" if has_selected else FIRST_SELECT
    of_recorded = "" if is_recording else NOT_RECORDING
    return {
        **dict.fromkeys(("replay", "compare", "export", "delete"), of_selected),
        **dict.fromkeys(("end", "join"), of_recorded),
        "mark": "" if is_recording or is_replaying else NOTHING_TO_MARK,
    }
