"""What about a source needs a hand: silence, loss, an empty battery, a channel beyond its limit. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from transfer_core.events import Severity
from transfer_core.events.alarm_limits import AlarmLimits, ChannelRule
from transfer_core.events.telemetry import SourceView

Value = Callable[[str], float | None]  # of a channel, now; None where it is not known
_RANKS = (Severity.INFO, Severity.CAUTION, Severity.SERIOUS, Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class Alarm:
    """The worst about a source, in words."""

    severity: Severity
    text: str


FINE = Alarm(Severity.INFO, "live")


def alarm_of(source: SourceView, value: Value, limits: AlarmLimits, *, live: bool = True) -> Alarm:
    """The worst; of two that are as bad the first of: battery, link, the rules in their order."""
    if source.over:
        return Alarm(Severity.INFO, "run over")
    if source.stale:
        return Alarm(Severity.SERIOUS, "silent") if live else Alarm(Severity.INFO, "no data here")
    if source.refused and source.refused == source.datagrams:
        return Alarm(Severity.SERIOUS, f"can't be decoded: {source.refused_why}")
    found = [
        *_battery(value("BatteryPercentage"), limits),
        *_loss(source.loss, limits),
        *(alarm for rule in limits.rules for alarm in _beyond(rule, value(rule.channel))),
    ]
    if source.refused:
        found.append(Alarm(Severity.CAUTION, f"{source.refused} refused: {source.refused_why}"))
    if found:
        return max(found, key=lambda alarm: _RANKS.index(alarm.severity))
    return FINE if live else Alarm(Severity.INFO, "replayed")


def _battery(share: float | None, limits: AlarmLimits) -> list[Alarm]:
    """Without the game's battery simulation it is sent as 0, which is no alarm."""
    if share is None or not 0 < share <= limits.battery_low:
        return []
    return [Alarm(Severity.CRITICAL if share <= limits.battery_empty else Severity.CAUTION, f"battery {share:.0%}")]


def _loss(loss: float | None, limits: AlarmLimits) -> list[Alarm]:
    if loss is None or loss <= 0 or loss < limits.loss:
        return []
    return [Alarm(Severity.SERIOUS if loss >= limits.heavy_loss else Severity.CAUTION, f"link loses {loss:.0%}")]


def _beyond(rule: ChannelRule, value: float | None) -> list[Alarm]:
    if value is None or not (value > rule.value if rule.above else value < rule.value):
        return []
    return [Alarm(rule.severity, f"{rule.channel} {value:.4g}")]
