from __future__ import annotations

import struct

import numpy as np
import pytest

from transfer_core.errors import DatagramRefused
from transfer_core.telemetry.decoders.f1 import HEADER, PACKETS
from transfer_core.telemetry.decoders.registry import make_decoder

decoder = make_decoder({"decoder": "f1"})
# the header of a motion packet that a real game sent
REAL_HEADER = bytes.fromhex("e8071801000100d5aa5aaf08f589da43a301432f0400002f04000013ff")
CAR_19 = struct.pack("<6f6h6f", -418.72632, 46.65326, -170.55672, 21.86321, -0.40196, 15.93264, *[0] * 6, *[0.5] * 6)


def motion(time_s: float = 129.63774) -> bytes:
    cars = [bytes(60)] * 22
    cars[19] = CAR_19
    return REAL_HEADER[:15] + struct.pack("<f", time_s) + REAL_HEADER[19:] + b"".join(cars)


def packet(year: int, number: int) -> bytes:
    return struct.pack("<HBBBBB", year, year - 2000, 1, 0, 1, number) + bytes(PACKETS[year, number].size_bytes - 7)


def test_the_header_of_a_newer_game_is_read_to_the_bit() -> None:
    wire = bytes.fromhex("ea071a01170106080706050403020100004841403020108070605017ff")
    header = np.frombuffer(wire, dtype=HEADER)[0]
    assert header.tolist() == (2026, 26, 1, 23, 1, 6, 0x0102030405060708, 12.5, 0x10203040, 0x50607080, 23, 255)


def test_the_header_of_a_real_packet() -> None:
    found = decoder.named(motion())
    assert found["packetFormat"] == 2024
    assert found["sessionUID"] == 15747386989728148181
    assert found["sessionTime"] == pytest.approx(129.63774)
    assert (found["frameIdentifier"], found["playerCarIndex"]) == (1071, 19)
    assert found["Cars"][19]["PositionX"] == np.float32(-418.72632)


@pytest.mark.parametrize(
    ("year", "number", "size"),
    [
        (2023, 0, 1349),
        (2024, 0, 1349),
        (2025, 0, 1349),
        (2023, 2, 1131),
        (2024, 2, 1285),
        (2025, 2, 1285),
        (2023, 6, 1352),
        (2024, 6, 1352),
        (2025, 6, 1352),
    ],
)
def test_the_sizes_are_those_of_the_published_formats(year: int, number: int, size: int) -> None:
    assert PACKETS[year, number].size_bytes == size
    assert decoder.decode_batch([packet(year, number)]).refusals == ()


def test_a_batch_gives_each_car_that_is_there_its_own_columns() -> None:
    batch = decoder.decode_batch([motion(1.0), packet(2024, 2), motion(2.0)])
    (block,) = batch.blocks
    assert (block.vehicle, block.kind, block.rows.tolist()) == ("car19", "motion", [0, 2])
    assert block.channels[:6] == ("PositionX", "PositionY", "PositionZ", "SpeedX", "SpeedY", "SpeedZ")
    assert block.values[0, :3].tobytes() == struct.pack("<3f", -418.72632, 46.65326, -170.55672)
    assert block.times_s is not None
    assert block.times_s.tolist() == [1.0, 2.0]


def test_the_fields_of_a_car_s_telemetry_are_where_the_format_puts_them() -> None:
    car = struct.pack(
        "<HfffBbHBBH4H4B4BH4f4B",
        *(287, 1.0, -0.25, 0.0, 0, 8, 11_750, 1, 97, 3),
        *(501, 502, 503, 504, 91, 92, 93, 94, 81, 82, 83, 84, 110, 22.5, 22.75, 23.0, 23.25, 0, 1, 2, 3),
    )
    found = decoder.named(packet(2025, 6)[:29] + car + bytes(60 * 21 + 3))["Cars"][0]
    assert (found["SpeedKmh"], found["Gear"], found["EngineRPM"]) == (287, 8, 11_750)
    assert (found["TyreInnerTemperatureFrontRight"], found["EngineTemperature"]) == (84, 110)
    assert (found["TyrePressureRearRight"], found["SurfaceTypeFrontRight"]) == (22.75, 3)


def test_lap_data_of_2023_has_no_minutes_of_deltas_and_no_speed_trap() -> None:
    lap = struct.pack("<IIHBHBHH3f15BHHB", 90_001, 12_345, 31_000, 0, 32_000, 0, 250, 1500, 10.5, 20.5, 0.0,
                      *range(1, 16), 7, 8, 1)  # fmt: skip
    found = decoder.named(packet(2023, 2)[:29] + lap + bytes(50 * 21 + 2))["Cars"][0]
    assert (found["LastLapTimeMs"], found["DeltaToLeaderMs"], found["LapDistance"]) == (90_001, 1500, 10.5)
    assert (found["CarPosition"], found["PitLaneTimerActive"], found["PitStopTimeMs"]) == (1, 15, 8)


def test_packets_of_other_kinds_are_ignored_and_wrong_ones_refused() -> None:
    session = struct.pack("<HBBBBB", 2024, 24, 1, 0, 1, 1) + bytes(746)
    batch = decoder.decode_batch([session, b"\0", packet(2024, 0)[:-1], struct.pack("<H", 2019) + bytes(40)])
    assert batch.ignored == 1
    assert [refusal.index for refusal in batch.refusals] == [1, 2, 3]
    assert batch.refusals[1].reason == "too short: 1348 bytes, a motion packet of 2024 takes 1349"
    with pytest.raises(DatagramRefused):
        decoder.named(session)


def test_a_number_that_is_none_is_refused_by_name() -> None:
    wire = bytearray(packet(2024, 0))
    wire[29 + 60 * 3 : 29 + 60 * 3 + 4] = struct.pack("<f", float("nan"))
    with pytest.raises(DatagramRefused, match="PositionX of car 3 is not a number"):
        decoder.named(bytes(wire))
    assert decoder.decode_batch([bytes(wire)]).refusals[0].reason == "PositionX of car 3 is not a number"
