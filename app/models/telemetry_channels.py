"""What can be drawn of a source: what it sends, and what is worked out of that. No Qt.

Worked out are height, speed over all three axes, and pitch, roll and heading from the attitude's quaternion, in the
game's left-handed axes (x east, y up, z north): pitch + is nose up, roll + is right wing down, heading 0 is north and
90 east, as a pilot reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transfer_core.events.telemetry import ChannelView

Floats = NDArray[np.float32]

POSITION = ("PositionX", "PositionZ")  # of the track from above
BATTERY = ("BatteryPercentage", "BatteryVoltage")
DEFAULT_CHANNELS = ("Speed", "Height", "Pitch", "InputThrottle", "BatteryVoltage", "MotorRPM1")
_QUATERNION = ("AttitudeX", "AttitudeY", "AttitudeZ", "AttitudeW")


@dataclass(frozen=True, slots=True)
class Derived:
    """A channel that nobody sends: of what, and how."""

    view: ChannelView
    inputs: tuple[str, ...]
    make: Callable[[Sequence[Floats]], Floats]


def _speed(parts: Sequence[Floats]) -> Floats:
    x, y, z = parts
    speed: Floats = np.sqrt(x * x + y * y + z * z)
    return speed


def _pitch(parts: Sequence[Floats]) -> Floats:
    x, y, z, w = parts
    degrees: Floats = np.degrees(np.arcsin(np.clip(2 * (y * z - w * x), -1.0, 1.0)))
    return degrees


def _roll(parts: Sequence[Floats]) -> Floats:
    x, y, z, w = parts
    degrees: Floats = np.degrees(np.arctan2(-2 * (x * y + w * z), 1 - 2 * (x * x + z * z)))
    return degrees


def _heading(parts: Sequence[Floats]) -> Floats:
    x, y, z, w = parts
    degrees: Floats = np.degrees(np.arctan2(2 * (x * z + w * y), 1 - 2 * (x * x + y * y))) % 360
    return degrees


DERIVED = {
    each.view.name: each
    for each in (
        Derived(ChannelView("Height", "Position", "m"), ("PositionY",), lambda parts: parts[0]),
        Derived(ChannelView("Speed", "Velocity", "m/s"), ("SpeedX", "SpeedY", "SpeedZ"), _speed),
        Derived(ChannelView("Pitch", "Attitude", "deg"), _QUATERNION, _pitch),
        Derived(ChannelView("Roll", "Attitude", "deg"), _QUATERNION, _roll),
        Derived(ChannelView("Heading", "Attitude", "deg"), _QUATERNION, _heading),
    )
}


def with_derived(sent: Sequence[ChannelView]) -> list[ChannelView]:
    """What is sent and what can be made of it; the latter first, since that is what people look for."""
    names = {channel.name for channel in sent}
    made = [each.view for each in DERIVED.values() if names.issuperset(each.inputs)]
    return [*made, *sent]


def inputs_of(channels: Sequence[str]) -> tuple[str, ...]:
    """What has to be asked for to draw these, each once, in their order."""
    found: dict[str, None] = {}
    for name in channels:
        derived = DERIVED.get(name)
        found.update(dict.fromkeys((name,) if derived is None else derived.inputs))
    return tuple(found)


def column(name: str, asked: Sequence[str], values: Floats) -> Floats | None:
    """One channel of rows whose columns are `asked`; None if it can't be had of them."""
    derived = DERIVED.get(name)
    needed = (name,) if derived is None else derived.inputs
    if not set(needed) <= set(asked):
        return None
    parts = [values[:, asked.index(each)] for each in needed]
    return parts[0] if derived is None else derived.make(parts)
