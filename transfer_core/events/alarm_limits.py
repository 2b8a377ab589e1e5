"""From where on something about a telemetry source needs a hand: battery, link loss, and any channel.

A rule is written as people say it: `BatteryVoltage < 13.5`, `MotorRPM1 > 30000 critical`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite

from transfer_core.errors import ConfigError
from transfer_core.events.base import Event
from transfer_core.events.transfer import Severity

RULES_MAX = 40
SEVERITIES = (Severity.CAUTION, Severity.SERIOUS, Severity.CRITICAL)
_RULE = re.compile(r"\s*([A-Za-z][A-Za-z0-9]{0,59})\s*([<>])\s*([-+0-9.eE]{1,20})\s*([a-z]*)\s*")


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """A channel that is above, or else below, a value, as it comes over the wire."""

    channel: str
    above: bool
    value: float
    severity: Severity = Severity.CAUTION

    def __str__(self) -> str:
        severity = "" if self.severity is Severity.CAUTION else f" {self.severity.value}"
        return f"{self.channel} {'>' if self.above else '<'} {self.value:g}{severity}"


@dataclass(frozen=True, slots=True)
class AlarmLimits:
    """Shares are 0 to 1. Of two that hold the worse one is said."""

    battery_low: float = 0.25
    battery_empty: float = 0.10
    loss: float = 0.02
    heavy_loss: float = 0.20
    rules: tuple[ChannelRule, ...] = ()

    def checked(self) -> AlarmLimits:
        """Itself. ConfigError names what can't be."""
        shares = ("battery_low", "battery_empty", "loss", "heavy_loss")
        for name in shares:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"{name} is not between 0 and 1", hint="Write 0.25 for 25 %.")
        for lesser, greater in (("battery_empty", "battery_low"), ("loss", "heavy_loss")):
            if getattr(self, lesser) > getattr(self, greater):
                raise ConfigError(f"{lesser} is above {greater}", hint="Exchange them.")
        if len(self.rules) > RULES_MAX:
            raise ConfigError(f"there are more than {RULES_MAX} rules", hint="Leave some out.")
        return self


@dataclass(frozen=True, slots=True)
class AlarmLimitsChanged(Event):
    """The limits as they are now."""

    limits: AlarmLimits


def parse_rule(text: str) -> ChannelRule:
    """`Speed > 40`, `BatteryVoltage < 13.5 critical`. ConfigError says what it is to look like."""
    hint = "Write CHANNEL < NUMBER or CHANNEL > NUMBER, and serious or critical behind it if it is."
    found = _RULE.fullmatch(text)
    try:
        value = float(found[3]) if found is not None else float("nan")
        severity = Severity(found[4] or Severity.CAUTION.value) if found is not None else Severity.INFO
    except ValueError as error:
        raise ConfigError(f"{text.strip()!r} is no rule", hint=hint) from error
    if found is None or not isfinite(value) or severity not in SEVERITIES:
        raise ConfigError(f"{text.strip()!r} is no rule", hint=hint)
    return ChannelRule(found[1], found[2] == ">", value, severity)


def parse_rules(text: str) -> tuple[ChannelRule, ...]:
    """One a line; empty lines count for nothing. ConfigError."""
    return tuple(parse_rule(line) for line in text.splitlines() if line.strip())
