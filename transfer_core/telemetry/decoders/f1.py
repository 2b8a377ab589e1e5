"""Decodes the UDP packets of the F1 games, formats 2023 to 2025: motion, lap data, car telemetry of all 22 cars.

Each datagram is a 29-byte header, then 22 cars of equal size, then a trailer; packed, little-endian (EA's "Data Output
from F1" for each year). Packets of other kinds are known by their number and ignored. World position and velocity get
the names that LiftOff has for them, so that whoever draws a track does not have to know the game.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from transfer_core.errors import DatagramRefused
from transfer_core.telemetry.decoders.base import Batch, Block, Refusal

CARS = 22
HEADER = np.dtype(
    [
        ("packetFormat", "<u2"),
        ("gameYear", "u1"),
        ("gameMajorVersion", "u1"),
        ("gameMinorVersion", "u1"),
        ("packetVersion", "u1"),
        ("packetId", "u1"),
        ("sessionUID", "<u8"),
        ("sessionTime", "<f4"),
        ("frameIdentifier", "<u4"),
        ("overallFrameIdentifier", "<u4"),
        ("playerCarIndex", "u1"),
        ("secondaryPlayerCarIndex", "u1"),
    ]
)
_WHEELS = ("RearLeft", "RearRight", "FrontLeft", "FrontRight")
_Fields = tuple[tuple[str, str], ...]
_MOTION: _Fields = (
    *((f"Position{axis}", "<f4") for axis in "XYZ"),
    *((f"Speed{axis}", "<f4") for axis in "XYZ"),
    *((f"ForwardDir{axis}", "<i2") for axis in "XYZ"),
    *((f"RightDir{axis}", "<i2") for axis in "XYZ"),
    ("GForceLateral", "<f4"),
    ("GForceLongitudinal", "<f4"),
    ("GForceVertical", "<f4"),
    ("Yaw", "<f4"),
    ("Pitch", "<f4"),
    ("Roll", "<f4"),
)
_LAP_TIMES: _Fields = (
    ("LastLapTimeMs", "<u4"),
    ("CurrentLapTimeMs", "<u4"),
    ("Sector1TimeMsPart", "<u2"),
    ("Sector1TimeMinutes", "u1"),
    ("Sector2TimeMsPart", "<u2"),
    ("Sector2TimeMinutes", "u1"),
)
_LAP_REST: _Fields = (
    ("LapDistance", "<f4"),
    ("TotalDistance", "<f4"),
    ("SafetyCarDelta", "<f4"),
    ("CarPosition", "u1"),
    ("CurrentLap", "u1"),
    ("PitStatus", "u1"),
    ("PitStops", "u1"),
    ("Sector", "u1"),
    ("CurrentLapInvalid", "u1"),
    ("Penalties", "u1"),
    ("TotalWarnings", "u1"),
    ("CornerCuttingWarnings", "u1"),
    ("UnservedDriveThroughs", "u1"),
    ("UnservedStopGos", "u1"),
    ("GridPosition", "u1"),
    ("DriverStatus", "u1"),
    ("ResultStatus", "u1"),
    ("PitLaneTimerActive", "u1"),
    ("PitLaneTimeMs", "<u2"),
    ("PitStopTimeMs", "<u2"),
    ("PitStopShouldServePenalty", "u1"),
)
_LAP_2023: _Fields = (*_LAP_TIMES, ("DeltaToCarInFrontMs", "<u2"), ("DeltaToLeaderMs", "<u2"), *_LAP_REST)
_LAP_2024: _Fields = (
    *_LAP_TIMES,
    ("DeltaToCarInFrontMsPart", "<u2"),
    ("DeltaToCarInFrontMinutes", "u1"),
    ("DeltaToLeaderMsPart", "<u2"),
    ("DeltaToLeaderMinutes", "u1"),
    *_LAP_REST,
    ("SpeedTrapFastestSpeed", "<f4"),
    ("SpeedTrapFastestLap", "u1"),
)
_CAR: _Fields = (
    ("SpeedKmh", "<u2"),
    ("Throttle", "<f4"),
    ("Steer", "<f4"),
    ("Brake", "<f4"),
    ("Clutch", "u1"),
    ("Gear", "i1"),
    ("EngineRPM", "<u2"),
    ("DRS", "u1"),
    ("RevLightsPercent", "u1"),
    ("RevLightsBits", "<u2"),
    *((f"BrakeTemperature{wheel}", "<u2") for wheel in _WHEELS),
    *((f"TyreSurfaceTemperature{wheel}", "u1") for wheel in _WHEELS),
    *((f"TyreInnerTemperature{wheel}", "u1") for wheel in _WHEELS),
    ("EngineTemperature", "<u2"),
    *((f"TyrePressure{wheel}", "<f4") for wheel in _WHEELS),
    *((f"SurfaceType{wheel}", "u1") for wheel in _WHEELS),
)


@dataclass(frozen=True, slots=True)
class _Packet:
    """One kind of packet in one year's format."""

    kind: str
    car: np.dtype[np.void]
    trailer_bytes: int

    @property
    def size_bytes(self) -> int:
        return HEADER.itemsize + CARS * self.car.itemsize + self.trailer_bytes

    @property
    def wire(self) -> np.dtype[np.void]:
        parts = [("header", HEADER), ("cars", self.car, (CARS,)), ("trailer", "u1", (self.trailer_bytes,))]
        return np.dtype(parts)


_MOTION_PACKET = _Packet("motion", np.dtype(list(_MOTION)), 0)
_CAR_PACKET = _Packet("car", np.dtype(list(_CAR)), 3)
_LAP_PACKETS = {
    2023: _Packet("lap", np.dtype(list(_LAP_2023)), 2),
    2024: _Packet("lap", np.dtype(list(_LAP_2024)), 2),
    2025: _Packet("lap", np.dtype(list(_LAP_2024)), 2),
}
PACKETS: Mapping[tuple[int, int], _Packet] = {
    (year, number): packet
    for year, lap in _LAP_PACKETS.items()
    for number, packet in ((0, _MOTION_PACKET), (2, lap), (6, _CAR_PACKET))
}
KINDS_MAX = 15  # packet ids 0 to 15 are known in these years


class F1Decoder:
    """See `base.Decoder`. One datagram is one sample of each of 22 cars; they are vehicles `car00` to `car21`."""

    name = "f1"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Nothing has to be set: each datagram says its format."""
        return {"decoder": self.name}

    @classmethod
    def from_settings(cls, _settings: Mapping[str, Any]) -> F1Decoder:
        """See `registry.make_decoder`."""
        return cls()

    def named(self, datagram: bytes) -> dict[str, Any]:
        """See `base.Decoder`: the header's fields, and `Cars`, a list of objects."""
        packet = self._packet(datagram)
        if packet is None:
            raise DatagramRefused(f"packet {datagram[6]} holds no samples that are decoded")
        wire = np.frombuffer(datagram, dtype=packet.wire)[0]
        self._require_finite(wire["cars"])
        header = {name: wire["header"][name].item() for name in HEADER.names or ()}
        cars = [{name: car[name].item() for name in packet.car.names or ()} for car in wire["cars"]]
        return {"kind": packet.kind, **header, "Cars": cars}

    def decode_batch(self, datagrams: Sequence[bytes]) -> Batch:
        """See `base.Decoder`."""
        groups: dict[tuple[int, int], list[int]] = {}
        refusals: list[Refusal] = []
        ignored = 0
        for row, datagram in enumerate(datagrams):
            try:
                packet = self._packet(datagram)
            except DatagramRefused as refusal:
                refusals.append(Refusal(row, refusal.message))
                continue
            if packet is None:
                ignored += 1
            else:
                groups.setdefault((int.from_bytes(datagram[:2], "little"), datagram[6]), []).append(row)
        blocks: list[Block] = []
        for key, rows in groups.items():
            self._decode_equal(PACKETS[key], datagrams, rows, blocks, refusals)
        return Batch(tuple(blocks), tuple(sorted(refusals, key=lambda refusal: refusal.index)), ignored)

    def _decode_equal(
        self,
        packet: _Packet,
        datagrams: Sequence[bytes],
        rows: Sequence[int],
        blocks: list[Block],
        refusals: list[Refusal],
    ) -> None:
        wire = np.frombuffer(b"".join(datagrams[row] for row in rows), dtype=packet.wire)
        names = packet.car.names or ()
        values = np.empty((len(rows), CARS, len(names)), dtype=np.float32)
        for column, name in enumerate(names):
            values[:, :, column] = wire["cars"][name]
        times = wire["header"]["sessionTime"].astype(np.float64)
        good = np.isfinite(values).all(axis=(1, 2)) & np.isfinite(times)
        for place in np.flatnonzero(~good).tolist():
            refusals.append(Refusal(rows[place], self._not_finite(wire["cars"][place])))
        if not good.any():
            return
        kept = np.array(rows, dtype=np.int64)[good]
        values, times = values[good], times[good]
        for car in range(CARS):
            cars_values = np.ascontiguousarray(values[:, car])
            if np.count_nonzero(cars_values):  # a slot without a car is all zeros
                blocks.append(Block(f"car{car:02d}", packet.kind, tuple(names), kept, times, cars_values))

    def _packet(self, datagram: bytes) -> _Packet | None:
        """Its kind, None if it holds nothing that is decoded. DatagramRefused."""
        if len(datagram) < HEADER.itemsize:
            raise DatagramRefused(f"too short: {len(datagram)} bytes, the header alone takes {HEADER.itemsize}")
        year, number = int.from_bytes(datagram[:2], "little"), datagram[6]
        if year not in _LAP_PACKETS:
            raise DatagramRefused(f"packet format {year} is none of 2023, 2024, 2025")
        packet = PACKETS.get((year, number))
        if packet is None and number <= KINDS_MAX:
            return None
        if packet is None:
            raise DatagramRefused(f"packet id {number} is not known in format {year}")
        if len(datagram) != packet.size_bytes:
            fault = "too short" if len(datagram) < packet.size_bytes else "too long"
            raise DatagramRefused(
                f"{fault}: {len(datagram)} bytes, a {packet.kind} packet of {year} takes {packet.size_bytes}"
            )
        return packet

    def _require_finite(self, cars: np.ndarray[Any, np.dtype[Any]]) -> None:
        fault = self._not_finite(cars)
        if fault:
            raise DatagramRefused(fault)

    def _not_finite(self, cars: np.ndarray[Any, np.dtype[Any]]) -> str:
        """The first number that is none, empty if all are finite."""
        for number, car in enumerate(cars):
            for name in cars.dtype.names or ():
                if not math.isfinite(car[name]):
                    return f"{name} of car {number} is {'not a number' if math.isnan(car[name]) else 'infinite'}"
        return ""
