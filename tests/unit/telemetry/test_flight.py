from __future__ import annotations

import numpy as np
import pytest

from transfer_core.telemetry.decoders.liftoff import LiftoffDecoder
from transfer_core.telemetry.decoders.stream_format import FULL_FORMAT, stream_format
from transfer_core.telemetry.flight import FULL, REST_S, Flight, Stream

RATE = 100.0


@pytest.fixture(scope="module")
def columns() -> dict[str, np.ndarray]:
    """One drone's whole race, decoded from its datagrams."""
    stream = Stream(Flight(seed=3, drone=1, laps=2), RATE)
    (block,) = LiftoffDecoder(FULL).decode_batch(stream.next(stream.left)).blocks
    return {name: block.values[:, at].astype(float) for at, name in enumerate(block.channels)}


def vector(columns: dict[str, np.ndarray], stem: str, axes: str = "XYZ") -> np.ndarray:
    return np.stack([columns[f"{stem}{axis}"] for axis in axes], axis=-1)


def flying(columns: dict[str, np.ndarray]) -> np.ndarray:
    return (columns["InputThrottle"] > -1) & (columns["PositionX"] != 0)


def rotated(quaternions: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """The axis, turned by each quaternion x y z w."""
    part, scalar = quaternions[:, :3], quaternions[:, 3:]
    cross = np.cross(part, axis) + scalar * axis
    return axis + 2 * np.cross(part, cross)


def test_velocity_is_how_the_position_changes(columns) -> None:
    position, speed = vector(columns, "Position"), vector(columns, "Speed")
    moved = np.diff(position, axis=0) * RATE
    mean = (speed[:-1] + speed[1:]) / 2
    assert np.abs(moved - mean)[flying(columns)[:-1]].max() < 0.05
    assert 10 < np.linalg.norm(speed, axis=1).max() < 30


def test_the_attitude_lays_the_up_axis_along_the_thrust(columns) -> None:
    attitude = vector(columns, "Attitude", "XYZW")
    at = flying(columns)
    assert np.abs(np.linalg.norm(attitude[at], axis=1) - 1).max() < 1e-6
    speed = vector(columns, "Speed")
    thrust = np.gradient(speed, 1 / RATE, axis=0) + 0.35 * speed + [0, 9.81, 0]
    up = rotated(attitude, np.array([0.0, 1.0, 0.0]))
    inside = np.flatnonzero(at)[5:-5]
    aligned = np.sum(up * thrust, axis=1)[inside] / np.linalg.norm(thrust, axis=1)[inside]
    assert aligned.min() > 0.999


def test_turning_rates_are_how_the_attitude_changes_in_the_axes_of_the_drone(columns) -> None:
    attitude = vector(columns, "Attitude", "XYZW")
    inside = np.flatnonzero(flying(columns))[5:-5]
    ahead = rotated(attitude, np.array([0.0, 0.0, 1.0]))
    right, up = rotated(attitude, np.array([1.0, 0, 0])), rotated(attitude, np.array([0, 1.0, 0]))
    change = np.gradient(ahead, 1 / RATE, axis=0)
    nose_down = -np.degrees(np.sum(change * up, axis=1))
    nose_right = np.degrees(np.sum(change * right, axis=1))
    wing_up = np.degrees(np.sum(np.gradient(right, 1 / RATE, axis=0) * up, axis=1))
    for name, seen in (("GyroPitch", nose_down), ("GyroYaw", nose_right), ("GyroRoll", wing_up)):
        # the path's jerk has steps, where a difference over two samples is off
        assert np.quantile(np.abs(columns[name] - seen)[inside], 0.98) < 2.0, name
        stick = columns[name.replace("Gyro", "Input")]
        assert np.corrcoef(stick[inside], seen[inside])[0, 1] > 0.95


def test_a_race_begins_and_ends_as_the_game_s_does(columns) -> None:
    on_ground = columns["Timestamp"] < REST_S - 0.1
    assert set(columns["InputThrottle"][on_ground]) == {-1.0}
    assert set(columns["MotorRPM1"][on_ground]) == {0.0}
    position = vector(columns, "Position")
    assert not position[-50:].any()
    assert position[:-150].any(axis=1).all()
    assert np.all(np.diff(columns["BatteryPercentage"][:-150]) <= 0)
    assert (columns["BatteryVoltage"][:-150] > 12).all()


def test_the_clock_adds_float32_steps() -> None:
    stream = Stream(Flight(seed=1), RATE, stream_format(["Timestamp"]))
    datagrams = stream.next(60) + stream.next(41)
    expected = np.float32(0)
    for _ in range(100):
        expected += np.float32(0.01)
    assert datagrams[100] == expected.tobytes()
    assert abs(float(expected) - 1.0) < 1e-4


def test_the_same_seed_flies_the_same_race_and_each_drone_its_own_line() -> None:
    def flown(seed: int, drone: int) -> list[bytes]:
        return Stream(Flight(seed, drone), RATE).next(500)

    assert flown(1, 0) == flown(1, 0)
    assert flown(1, 0) != flown(1, 1) != flown(2, 1)


def test_any_layout_can_be_sent() -> None:
    keys = ["InputRoll", "MotorRPM", "PositionY"]
    layout = stream_format(keys)
    full = Stream(Flight(5), RATE, stream_format(FULL_FORMAT)).next(200)
    some = Stream(Flight(5), RATE, layout).next(200)
    for whole, part in zip(full, some, strict=True):
        expected = LiftoffDecoder(FULL).named(whole)
        assert LiftoffDecoder(layout).named(part) == {key: expected[key] for key in keys}
