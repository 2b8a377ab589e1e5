"""LiftOff's StreamFormat: the list of keys in TelemetryConfiguration.json that lays out each datagram.

The wire holds the keys' components in the order of the list, little-endian, with nothing in between. A key names a
group (`Position`, three floats) or one component (`PositionX`, one float). `MotorRPM` is a count in one byte, then as
many floats. (The game's guide "Liftoff - Drone Telemetry".)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transfer_core.errors import ConfigError

MOTORS = "MotorRPM"
TIMESTAMP = "Timestamp"
GROUPS: Mapping[str, tuple[str, ...]] = {
    TIMESTAMP: (TIMESTAMP,),
    "Position": ("PositionX", "PositionY", "PositionZ"),
    "Attitude": ("AttitudeX", "AttitudeY", "AttitudeZ", "AttitudeW"),
    "Velocity": ("SpeedX", "SpeedY", "SpeedZ"),
    "Gyro": ("GyroPitch", "GyroRoll", "GyroYaw"),
    "Input": ("InputThrottle", "InputYaw", "InputPitch", "InputRoll"),
    "Battery": ("BatteryPercentage", "BatteryVoltage"),
    MOTORS: (MOTORS,),
}
FULL_FORMAT = tuple(GROUPS)
_COMPONENTS = {component: (component,) for group in GROUPS.values() for component in group}
_KEYS: Mapping[str, tuple[str, ...]] = {**GROUPS, **_COMPONENTS}


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """The keys as listed, and their components in wire order, in which `MotorRPM` stands for the variable part."""

    keys: tuple[str, ...]
    components: tuple[str, ...]

    @property
    def before_motors(self) -> tuple[str, ...]:
        """Components ahead of the motors; all of them where no motors are sent."""
        return self.components[: self.components.index(MOTORS)] if self.has_motors else self.components

    @property
    def after_motors(self) -> tuple[str, ...]:
        """Components behind the motors."""
        return self.components[self.components.index(MOTORS) + 1 :] if self.has_motors else ()

    @property
    def has_motors(self) -> bool:
        """Whether datagrams vary in length."""
        return MOTORS in self.components

    def size_bytes(self, motors: int = 4) -> int:
        """The length of a datagram with that many motors."""
        if not self.has_motors:
            return 4 * len(self.components)
        return 4 * (len(self.components) - 1) + 1 + 4 * motors


def stream_format(keys: Sequence[Any]) -> StreamFormat:
    """A layout of these keys. ConfigError names the key that is unknown, or that brings a component a second time."""
    components: list[str] = []
    for number, key in enumerate(keys, start=1):
        if not isinstance(key, str) or key not in _KEYS:
            raise ConfigError(f"StreamFormat: entry {number}, {_shown(key)}, is no key of LiftOff", hint=_HINT)
        for component in _KEYS[key]:
            if component in components:
                raise ConfigError(f"StreamFormat: entry {number}, {key!r}, brings {component} a second time")
            components.append(component)
    if not components:
        raise ConfigError("StreamFormat is empty", hint=_HINT)
    return StreamFormat(tuple(keys), tuple(components))


def parse_configuration(text: str) -> StreamFormat:
    """The StreamFormat of a TelemetryConfiguration.json. ConfigError names what is wrong with it."""
    try:
        document = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the telemetry configuration is no JSON: {error}", hint="Correct the file.") from error
    if not isinstance(document, dict):
        raise ConfigError("the telemetry configuration is no JSON object", hint=_HINT)
    if "StreamFormat" not in document:
        raise ConfigError("the telemetry configuration has no StreamFormat", hint=_HINT)
    keys = document["StreamFormat"]
    if not isinstance(keys, list):
        raise ConfigError(f"StreamFormat is {_shown(keys)}, not a list of keys", hint=_HINT)
    return stream_format(keys)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


_HINT = "List some of: " + ", ".join(GROUPS) + ", or single components such as PositionX."
