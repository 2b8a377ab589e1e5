"""What the engine tells the world: frozen snapshots, and the events that carry them. One module per subject. Pure.

A view is whole and final: whoever holds one may keep it. Times named `_at` are UTC ISO 8601 text, since people and
JSON read them; `_ns` times are from the monotonic clock, which all processes of a machine share, for ages. Rates are
bits per second. May import: nothing but `errors`.
"""

from transfer_core.events.base import Event
from transfer_core.events.engine_process import EngineFound, EngineLost, EngineSilent
from transfer_core.events.transfer import (
    DestinationsChanged,
    DestinationView,
    EngineChanged,
    EngineView,
    IncomingView,
    JobsChanged,
    JobsRemoved,
    JobState,
    JobView,
    LinkKind,
    LinkMark,
    LinkMarked,
    LinkSample,
    LinksChanged,
    LinkScore,
    LinksSampled,
    LinkState,
    LinkView,
    Notice,
    RelayChanged,
    RelayView,
    Severity,
    Skipped,
)

__all__ = [
    "DestinationView",
    "DestinationsChanged",
    "EngineChanged",
    "EngineFound",
    "EngineLost",
    "EngineSilent",
    "EngineView",
    "Event",
    "IncomingView",
    "JobState",
    "JobView",
    "JobsChanged",
    "JobsRemoved",
    "LinkKind",
    "LinkMark",
    "LinkMarked",
    "LinkSample",
    "LinkScore",
    "LinkState",
    "LinkView",
    "LinksChanged",
    "LinksSampled",
    "Notice",
    "RelayChanged",
    "RelayView",
    "Severity",
    "Skipped",
]
