from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import RemoteProtocolError
from transfer_core.telemetry.frames import OVER, REPLAY, STALE, Frame, FrameRow, decode_frame, encode_frame


def test_a_frame_is_laid_out_as_written_down() -> None:
    row = FrameRow(1, STALE | OVER, 7, 0x0102030405060708, np.array([1.0, -2.0], dtype=np.float32))
    wire = encode_frame(Frame(REPLAY, 0x11223344, 3, 99, (row,)))
    assert wire.hex() == (
        "4452534601010100443322110300000063000000000000000000000000000000"
        "010003000700000008070605040302010000803f000000c0"
    )


@given(
    counts=st.lists(st.integers(0, 5), min_size=1, max_size=6),
    sequence=st.integers(0, 2**32 - 1),
    time_ns=st.integers(-(2**63), 2**63 - 1),
    data=st.data(),
)
def test_any_frame_comes_back(counts, sequence, time_ns, data) -> None:
    floats = st.floats(width=32, allow_nan=False)
    rows = tuple(
        FrameRow(
            source,
            data.draw(st.integers(0, 3)),
            data.draw(st.integers(0, 2**32 - 1)),
            data.draw(st.integers(0, 2**62)),
            np.array(data.draw(st.lists(floats, min_size=count, max_size=count)), dtype=np.float32),
        )
        for source, count in enumerate(counts)
    )
    found = decode_frame(encode_frame(Frame(0, sequence, 1, time_ns, rows)), counts)
    assert (found.sequence, found.layout, found.time_ns) == (sequence, 1, time_ns)
    for row, sent in zip(found.rows, rows, strict=True):
        assert (row.source, row.flags, row.run, row.time_ns) == (sent.source, sent.flags, sent.run, sent.time_ns)
        assert row.values.tobytes() == sent.values.tobytes()


@given(noise=st.binary(max_size=120))
def test_noise_is_refused_and_nothing_else_happens(noise) -> None:
    row = FrameRow(0, 0, 1, 5, np.zeros(3, dtype=np.float32))
    whole = encode_frame(Frame(0, 1, 1, 5, (row,)))
    for wire in (noise, whole[: len(noise)], whole + noise + b"x"):
        if wire == whole:
            continue
        with pytest.raises(RemoteProtocolError):
            decode_frame(wire, [3])
