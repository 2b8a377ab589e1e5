"""How long an answer of a verb is waited for: most take milliseconds; those named here take what they take."""

from __future__ import annotations

ANSWER_S = 15.0  # one of milliseconds that takes so long hangs, on a disk or a lock

SLOW_VERBS = frozenset(
    {
        "add_paths",
        "chunk_map",
        "forget_destination",
        "history",
        "incoming",
        "manifest",
        "pair",
        "read_token",
        "relay_token",
        "scan",
        "start",
        "start_relay",
        "stop_relay",
        "uploads.add_destination",
        "uploads.test_destination",
        "uploads.test_known",
        "uploads.test_webhook",
        "watches.add",
        "watches.import_cameras",
        "watches.import_file",
        "watches.trigger",
        "telemetry.delete_race",
        "telemetry.end_race",
        "telemetry.export",
        "telemetry.open_recording",
        "telemetry.open_replay",
        "telemetry.recorded_sources",
        "telemetry.save_race",
        "telemetry.series",
    }
)
"""They walk through folders, wait for another machine, or read a race: seconds, or minutes."""


def answer_within_s(verb: str) -> float | None:
    """Seconds until an answer is waited for no longer; None for a verb that takes what it takes."""
    return None if verb in SLOW_VERBS else ANSWER_S
