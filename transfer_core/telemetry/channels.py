"""What a channel is: its group, its unit, and whether a line may be drawn between two of its values. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from transfer_core.events.telemetry import ChannelView
from transfer_core.telemetry.decoders.stream_format import GROUPS

_UNITS: Mapping[str, str] = {
    "Timestamp": "s",
    "Position": "m",
    "Velocity": "m/s",
    "Gyro": "deg/s",
    "MotorRPM": "rpm",
    "BatteryVoltage": "V",
    "SpeedKmh": "km/h",
    "EngineRPM": "rpm",
    "GForce": "g",
    "LapDistance": "m",
    "TotalDistance": "m",
}
_GROUP_OF = {component: group for group, components in GROUPS.items() for component in components}
_STEM = re.compile(r"(Rear|Front)(Left|Right)$|[XYZW]$|(Lateral|Longitudinal|Vertical)$|\d+$")
_DISCRETE = frozenset(
    {
        *("CarPosition", "CurrentLap", "PitStatus", "PitStops", "Sector", "CurrentLapInvalid", "Penalties"),
        *("TotalWarnings", "CornerCuttingWarnings", "UnservedDriveThroughs", "UnservedStopGos", "GridPosition"),
        *("DriverStatus", "ResultStatus", "PitLaneTimerActive", "PitStopShouldServePenalty", "SpeedTrapFastestLap"),
        *("Gear", "DRS", "RevLightsBits", "SurfaceType"),
    }
)


def channel_view(name: str) -> ChannelView:
    """Everything about a channel that its name tells."""
    stem = _STEM.sub("", name)
    group = _GROUP_OF.get(name) or _GROUP_OF.get(stem) or stem or name
    unit = _UNITS.get(name) or _UNITS.get(group) or _unit_of(name)
    return ChannelView(name, group, unit, discrete=name in _DISCRETE or stem in _DISCRETE)


def _unit_of(name: str) -> str:
    if name.endswith("Ms") or "MsPart" in name:
        return "ms"
    if name.endswith("Minutes"):
        return "min"
    if "Temperature" in name:
        return "°C"
    if "Pressure" in name:
        return "psi"
    return "%" if name.endswith("Percent") else ""
