"""What about a source needs a hand: silence, loss, an empty battery. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

from transfer_core.events import Severity
from transfer_core.events.telemetry import SourceView


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on something is wrong."""

    battery_low: float = 0.25
    battery_empty: float = 0.10
    loss: float = 0.02
    heavy_loss: float = 0.20


@dataclass(frozen=True, slots=True)
class Alarm:
    """The worst about a source, in words."""

    severity: Severity
    text: str


FINE = Alarm(Severity.INFO, "live")


def alarm_of(source: SourceView, battery: float | None, limits: Limits, *, live: bool = True) -> Alarm:
    """`battery` is 0 to 1, None where it is not known (without the game's battery simulation it is sent as 0)."""
    if source.over:
        return Alarm(Severity.INFO, "run over")
    if source.stale:
        return Alarm(Severity.SERIOUS, "silent") if live else Alarm(Severity.INFO, "no data here")
    if source.refused and source.refused == source.datagrams:
        return Alarm(Severity.SERIOUS, f"can't be decoded: {source.refused_why}")
    if battery is not None and 0 < battery <= limits.battery_empty:
        return Alarm(Severity.CRITICAL, f"battery {battery:.0%}")
    if source.loss is not None and source.loss >= limits.heavy_loss:
        return Alarm(Severity.SERIOUS, f"link loses {source.loss:.0%}")
    if battery is not None and 0 < battery <= limits.battery_low:
        return Alarm(Severity.CAUTION, f"battery {battery:.0%}")
    if source.loss is not None and source.loss >= limits.loss:
        return Alarm(Severity.CAUTION, f"link loses {source.loss:.0%}")
    if source.refused:
        return Alarm(Severity.CAUTION, f"{source.refused} refused: {source.refused_why}")
    return FINE if live else Alarm(Severity.INFO, "replayed")
