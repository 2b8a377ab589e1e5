"""Drones that fly laps as LiftOff would report them: position, attitude, sticks, battery and motors fit together.

Theory of operation. A drone follows a closed curve, at rest on the ground for a second, then faster and faster up to
its cruise speed, and rests at the end of its last lap. Velocity and acceleration are derivatives of that path; thrust
is what gravity, drag and the acceleration ask for, and it points along the drone's own up axis, which with the heading
gives the attitude; turning rates are the attitude's derivative; motors and sticks follow from thrust and rates. After
the last lap the game's empty frames come, at position (0, 0, 0).

Axes are the game's: x east, y up, z north, left-handed. Pitch + is nose down, roll + is right wing up, yaw + is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from transfer_core.telemetry.decoders.stream_format import FULL_FORMAT, MOTORS, StreamFormat, stream_format

Array = npt.NDArray[np.float64]
GRAVITY = 9.81
REST_S = 1.0  # on the ground, before and behind the laps
SPEED_UP_S = 4.0
EMPTY_S = 1.0  # of frames after the end
DRAG_PER_S = 0.35
HOVER_RPM = 12_000.0
RATE_MAX_DEG_S = 400.0  # of a full stick
CELLS = 4
FLIGHT_S = 240.0  # of a battery, at hover
_STEP_S = 1e-3  # for derivatives
FULL = stream_format(FULL_FORMAT)


class Flight:
    """One drone's race. `laps` laps of a track that `seed` shapes; drones of one seed share it."""

    def __init__(self, seed: int, drone: int = 0, laps: int = 3) -> None:
        track = np.random.default_rng([seed, 0])
        own = np.random.default_rng([seed, 1 + drone])
        self._noise = np.random.default_rng([seed, 1 + drone, 1])
        self._half_width_m = track.uniform(28.0, 40.0)
        self._half_length_m = track.uniform(40.0, 55.0)
        self._wobble = track.uniform(3.0, 7.0)
        self._climb_m = track.uniform(1.5, 3.0)
        self._phase = track.uniform(0.0, 2 * np.pi)
        self._centre = np.array([60.0, 0.0, 45.0])
        self._side_m = own.uniform(-2.0, 2.0)  # its own line through the gates
        self._height_m = own.uniform(3.0, 5.0)
        self._laps = laps
        length_m = 2 * np.pi * np.sqrt((self._half_width_m**2 + self._half_length_m**2) / 2)
        self._laps_per_s = own.uniform(13.0, 16.0) / length_m
        self.race_s = float(REST_S + laps / self._laps_per_s + SPEED_UP_S)
        self.duration_s = self.race_s + REST_S

    def position(self, time_s: Array) -> Array:
        """Metres, one row for each time."""
        laps = self._progress(time_s)
        angle = 2 * np.pi * laps
        width = self._half_width_m + self._side_m + self._wobble * np.sin(3 * angle + self._phase)
        length = self._half_length_m + self._side_m + self._wobble * np.cos(2 * angle + self._phase)
        height = self._height_m + self._climb_m * np.sin(2 * angle + self._phase)
        off_ground = _smooth(laps * 8) * _smooth((self._laps - laps) * 8)
        around = np.stack((width * np.sin(angle), 0.1 + height * off_ground, length * np.cos(angle)), axis=-1)
        place: Array = self._centre + around
        return place

    def _progress(self, time_s: Array) -> Array:
        """Laps flown: speed rises smoothly over SPEED_UP_S, and falls the same way towards the end."""
        flying_s = self.race_s - REST_S
        at = np.clip(time_s - REST_S, 0.0, flying_s)
        up = _risen(np.minimum(at, flying_s - SPEED_UP_S) / SPEED_UP_S)
        down = _risen(np.clip((at - (flying_s - SPEED_UP_S)) / SPEED_UP_S, 0.0, 1.0))
        slowing = np.clip(at - (flying_s - SPEED_UP_S), 0.0, SPEED_UP_S) / SPEED_UP_S
        laps: Array = np.minimum(self._laps_per_s * SPEED_UP_S * (up + slowing - down), float(self._laps))
        return laps

    def _velocity(self, time_s: Array) -> Array:
        return (self.position(time_s + _STEP_S) - self.position(time_s - _STEP_S)) / (2 * _STEP_S)

    def _thrust(self, time_s: Array) -> Array:
        """Acceleration that the motors have to give, m/s2; straight up and g when at rest."""
        acceleration = (
            self.position(time_s + _STEP_S) - 2 * self.position(time_s) + self.position(time_s - _STEP_S)
        ) / _STEP_S**2
        thrust: Array = acceleration + DRAG_PER_S * self._velocity(time_s) + np.array([0.0, GRAVITY, 0.0])
        return thrust

    def _attitude(self, time_s: Array) -> Array:
        """Quaternions x y z w: a tilt that lays the up axis along the thrust, after a turn to where the track leads."""
        up = _unit(self._thrust(time_s))
        ahead = self._track_ahead(time_s)
        yaw = np.arctan2(ahead[..., 0], ahead[..., 2])
        turn = np.stack((np.zeros_like(yaw), np.sin(yaw / 2), np.zeros_like(yaw), np.cos(yaw / 2)), axis=-1)
        # the shortest way from (0, 1, 0) to `up`; its axis is (0, 1, 0) x up
        tilt = np.stack((up[..., 2], np.zeros_like(yaw), -up[..., 0], 1 + up[..., 1]), axis=-1)
        return _product(_unit(tilt), turn)

    def _track_ahead(self, time_s: Array) -> Array:
        """Where the track leads at that place, also for a drone that stands there."""
        laps = self._progress(time_s)
        angle = 2 * np.pi * laps
        there = []
        for at in (angle - 1e-4, angle + 1e-4):
            width = self._half_width_m + self._side_m + self._wobble * np.sin(3 * at + self._phase)
            length = self._half_length_m + self._side_m + self._wobble * np.cos(2 * at + self._phase)
            there.append(np.stack((width * np.sin(at), np.zeros_like(at), length * np.cos(at)), axis=-1))
        return there[1] - there[0]

    def _turning(self, time_s: Array) -> Array:
        """Degrees per second about the drone's own x, y and z."""
        now, later = self._attitude(time_s - _STEP_S / 2), self._attitude(time_s + _STEP_S / 2)
        change = _product(now * np.array([-1.0, -1.0, -1.0, 1.0]), later)
        change = np.where(change[..., 3:] < 0, -change, change)
        return np.degrees(2 * change[..., :3] / _STEP_S)

    def samples(self, time_s: Array) -> npt.NDArray[np.float32]:
        """Rows in the order of the full StreamFormat, with four motors. `Timestamp` is `time_s`."""
        flying = (time_s >= REST_S) & (time_s <= self.race_s)
        thrust = np.linalg.norm(self._thrust(time_s), axis=-1)
        turning = self._turning(time_s) + self._noise.normal(0.0, 0.2, (len(time_s), 3)) * flying[:, None]
        pitch, yaw, roll = turning[:, 0], turning[:, 1], turning[:, 2]
        sticks = np.clip(np.stack((yaw, pitch, roll), axis=-1) / RATE_MAX_DEG_S, -1.0, 1.0)
        throttle = np.where(flying, np.clip(thrust / (2 * GRAVITY), 0.0, 1.0) * 2 - 1, -1.0)
        used = np.clip((time_s - REST_S) / FLIGHT_S, 0.0, 1.0)
        volts = CELLS * (4.2 - 0.6 * used) - np.where(flying, 0.03 * thrust, 0.0)
        mean_rpm = np.where(flying, HOVER_RPM * np.sqrt(thrust / GRAVITY), 0.0)
        share = 1 + 0.15 * (sticks @ _MIXER)  # left front, right front, left back, right back
        over = time_s > self.duration_s
        columns = (
            time_s[:, None],
            self.position(time_s),
            self._attitude(time_s),
            self._velocity(time_s),
            np.stack((pitch, roll, yaw), axis=-1),
            np.stack((throttle, *sticks.T), axis=-1),
            np.stack((1 - used, volts), axis=-1),
            mean_rpm[:, None] * share,
        )
        rows = np.concatenate(columns, axis=1)
        rows[over, 1:] = 0.0
        return rows.astype(np.float32)


class Stream:
    """One drone's datagrams in order, as LiftOff makes them: its clock adds float32 steps."""

    def __init__(self, flight: Flight, rate_hz: float = 100.0, layout: StreamFormat = FULL) -> None:
        self._flight = flight
        self._step = np.float32(1.0 / rate_hz)
        self._clock = np.float32(0.0)
        self._layout = layout
        self.left = int((flight.duration_s + EMPTY_S) * rate_hz)

    def next(self, count: int) -> list[bytes]:
        """The next datagrams, at most as many; none when the stream is over."""
        count = min(count, self.left)
        if count <= 0:
            return []
        self.left -= count
        clock = np.add.accumulate(np.concatenate(([self._clock], np.full(count, self._step, np.float32))))
        self._clock = clock[-1]
        return encode(self._flight.samples(clock[:-1].astype(np.float64)), self._layout)


def encode(rows: npt.NDArray[np.float32], layout: StreamFormat = FULL) -> list[bytes]:
    """Datagrams of a layout from rows in the order of the full StreamFormat, motors last."""
    place = {name: column for column, name in enumerate(FULL.before_motors)}
    motors = rows[:, len(place) :]
    before = [place[name] for name in layout.before_motors]
    after = [place[name] for name in layout.after_motors]
    fields: list[Any] = [("before", "<f4", (len(before),))]
    if layout.has_motors:
        fields += [("count", "u1"), ("motors", "<f4", (motors.shape[1],)), ("after", "<f4", (len(after),))]
    wire = np.zeros(len(rows), dtype=np.dtype(fields))
    wire["before"] = rows[:, before]
    if MOTORS in layout.components:
        wire["count"], wire["motors"], wire["after"] = motors.shape[1], motors, rows[:, after]
    return [row.tobytes() for row in wire]


def flights(drones: int, laps: int, seed: int) -> Sequence[Flight]:
    """A race: every drone its own line on one track."""
    return [Flight(seed, drone, laps) for drone in range(drones)]


# how yaw, pitch and roll sticks share out over the motors: nose down lifts the back, right wing up lifts the right
_MIXER = np.array([[1.0, -1.0, -1.0, 1.0], [-1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0]])


def _smooth(at: Array) -> Array:
    """0 to 1 with two continuous derivatives."""
    at = np.clip(at, 0.0, 1.0)
    return at**3 * (10 - 15 * at + 6 * at**2)


def _risen(at: Array) -> Array:
    """The integral of `_smooth` from 0."""
    inside = np.clip(at, 0.0, 1.0)
    risen: Array = inside**4 * (2.5 - 3 * inside + inside**2) + np.maximum(at - 1.0, 0.0)
    return risen


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


def _product(left: Array, right: Array) -> Array:
    """Hamilton product of quaternions x y z w."""
    a, b, c, d = (left[..., axis] for axis in range(4))
    e, f, g, h = (right[..., axis] for axis in range(4))
    return np.stack(
        (
            d * e + a * h + b * g - c * f,
            d * f - a * g + b * h + c * e,
            d * g + a * f - b * e + c * h,
            d * h - a * e - b * f - c * g,
        ),
        axis=-1,
    )
