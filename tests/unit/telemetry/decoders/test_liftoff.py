from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import DatagramRefused
from transfer_core.telemetry.decoders.liftoff import LiftoffDecoder
from transfer_core.telemetry.decoders.registry import make_decoder
from transfer_core.telemetry.decoders.stream_format import FULL_FORMAT, GROUPS, stream_format

FULL = bytes.fromhex(
    "000048410000803f00000040000040c0000000000000003f000000000000403f000080c00000803e00000041"
    "000020410000a0c10000f041000080bf0000003e000000bf0000803f0000003f000080410400007a440000fa4400803b4500007a45"
)
MIXED = bytes.fromhex("0000803f0000484100008041060000c84200004843000096430000c8430000fa430000164400000040")
MIXED_KEYS = ["InputRoll", "Timestamp", "BatteryVoltage", "MotorRPM", "PositionY"]
full = LiftoffDecoder(stream_format(FULL_FORMAT))
float32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


def test_the_reference_datagram_of_the_full_format() -> None:
    assert full.named(FULL) == {
        "Timestamp": 12.5,
        "PositionX": 1.0,
        "PositionY": 2.0,
        "PositionZ": -3.0,
        "AttitudeX": 0.0,
        "AttitudeY": 0.5,
        "AttitudeZ": 0.0,
        "AttitudeW": 0.75,
        "SpeedX": -4.0,
        "SpeedY": 0.25,
        "SpeedZ": 8.0,
        "GyroPitch": 10.0,
        "GyroRoll": -20.0,
        "GyroYaw": 30.0,
        "InputThrottle": -1.0,
        "InputYaw": 0.125,
        "InputPitch": -0.5,
        "InputRoll": 1.0,
        "BatteryPercentage": 0.5,
        "BatteryVoltage": 16.0,
        "MotorRPM": [1000.0, 2000.0, 3000.0, 4000.0],
    }


def test_the_reference_datagram_with_six_motors_and_a_field_behind_them() -> None:
    assert list(LiftoffDecoder(stream_format(MIXED_KEYS)).named(MIXED).items()) == [
        ("InputRoll", 1.0),
        ("Timestamp", 12.5),
        ("BatteryVoltage", 16.0),
        ("MotorRPM", [100.0, 200.0, 300.0, 400.0, 500.0, 600.0]),
        ("PositionY", 2.0),
    ]


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"", "too short: 0 bytes, this StreamFormat takes at least 81"),
        (FULL[:96], "too short: 96 bytes, with 4 motors this StreamFormat takes 97"),
        (FULL + b"\0", "too long: 98 bytes, with 4 motors this StreamFormat takes 97"),
        (FULL + b"\0" * 4, "too long: 101 bytes, with 4 motors this StreamFormat takes 97"),
        (FULL[:80] + b"\xff" + FULL[81:], "too short: 97 bytes, with 255 motors this StreamFormat takes 1101"),
        (FULL[:4] + struct.pack("<f", math.nan) + FULL[8:], "PositionX is not a number"),
        (FULL[:93] + struct.pack("<f", -math.inf), "MotorRPM4 is infinite"),
        (b"\0" * 65_507, "too long: 65507 bytes, with 0 motors this StreamFormat takes 81"),
    ],
)
def test_what_does_not_fit_the_layout_is_refused_with_its_reason(datagram: bytes, reason: str) -> None:
    with pytest.raises(DatagramRefused) as raised:
        full.named(datagram)
    assert raised.value.message == reason
    batch = full.decode_batch([FULL, datagram, FULL])
    assert [(refusal.index, refusal.reason) for refusal in batch.refusals] == [(1, reason)]
    assert [row for block in batch.blocks for row in block.rows] == [0, 2]


def test_a_layout_without_motors_has_one_length() -> None:
    decoder = LiftoffDecoder(stream_format(["Timestamp"]))
    assert decoder.named(struct.pack("<f", 2.5)) == {"Timestamp": 2.5}
    for size in (3, 5, 8):
        with pytest.raises(DatagramRefused):
            decoder.named(bytes(size))


def test_drones_of_different_motor_counts_come_in_blocks_of_their_own() -> None:
    eight = FULL[:80] + b"\x08" + b"\0" * 32
    batch = full.decode_batch([FULL, eight, FULL])
    assert [(len(block.channels), block.rows.tolist()) for block in batch.blocks] == [(24, [0, 2]), (28, [1])]
    assert batch.blocks[0].channels[-4:] == ("MotorRPM1", "MotorRPM2", "MotorRPM3", "MotorRPM4")


@st.composite
def layouts_and_samples(draw: st.DrawFn) -> tuple[list[str], list[dict[str, Any]], list[bytes]]:
    """A StreamFormat, samples for it, and the datagrams that the game's guide makes of them."""
    keys: list[str] = []
    for group, components in GROUPS.items():
        whole = draw(st.sampled_from(["whole", "parts", "none"]))
        keys += [group] if whole == "whole" else draw(st.lists(st.sampled_from(components), unique=True))
    keys = draw(st.permutations(keys or ["Timestamp"]))
    samples, datagrams = [], []
    for _ in range(draw(st.integers(1, 4))):
        sample: dict[str, Any] = {}
        wire = b""
        for key in keys:
            for component in GROUPS.get(key, (key,)):
                if component == "MotorRPM":
                    sample[component] = draw(st.lists(float32, max_size=9))
                    wire += struct.pack(f"<B{len(sample[component])}f", len(sample[component]), *sample[component])
                else:
                    sample[component] = draw(float32)
                    wire += struct.pack("<f", sample[component])
        samples.append(sample)
        datagrams.append(wire)
    return keys, samples, datagrams


@given(layouts_and_samples())
def test_every_layout_gives_back_what_was_put_in_to_the_bit(drawn) -> None:
    keys, samples, datagrams = drawn
    decoder = make_decoder(LiftoffDecoder(stream_format(keys)).settings)
    assert [repr(decoder.named(datagram)) for datagram in datagrams] == [repr(sample) for sample in samples]
    batch = decoder.decode_batch(datagrams)
    assert batch.refusals == ()
    seen = {}
    for block in batch.blocks:
        for row, values in zip(block.rows, block.values, strict=True):
            seen[int(row)] = dict(zip(block.channels, values, strict=True))
    for number, sample in enumerate(samples):
        flat = {key: value for key, value in sample.items() if key != "MotorRPM"}
        flat |= {f"MotorRPM{at}": rpm for at, rpm in enumerate(sample.get("MotorRPM", []), start=1)}
        assert {key: np.float32(value).tobytes() for key, value in flat.items()} == {
            key: value.tobytes() for key, value in seen[number].items()
        }


@given(st.binary(max_size=130))
def test_no_datagram_at_all_breaks_the_decoder_and_both_ways_agree(datagram: bytes) -> None:
    batch = full.decode_batch([datagram])
    assert len(batch.blocks) + len(batch.refusals) == 1
    if batch.blocks:
        assert full.named(datagram)
        return
    with pytest.raises(DatagramRefused) as raised:
        full.named(datagram)
    assert raised.value.message == batch.refusals[0].reason
