from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.processes import STEP_BYTES, Trace, WriteWatch

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def test_a_gap_is_the_longest_time_without_a_step() -> None:
    trace = Trace(np.array([0.0, 1.0, 1.5, 4.0, 4.1]), np.array([0, 1, 2, 3, 4]) * STEP_BYTES)
    assert trace.longest_gap_s(0.0, 4.1) == 2.5
    assert trace.longest_gap_s(2.0, 3.0) == pytest.approx(1.5)  # it began before and goes on
    assert trace.longest_gap_s(0.0, 9.0) == pytest.approx(4.9)  # nothing follows


def test_small_writes_are_no_progress() -> None:
    trace = Trace(np.arange(11) / 10, np.arange(11) * 4096)
    assert trace.longest_gap_s(0.0, 1.0) == 1.0


def test_rates_count_bits_between_two_moments() -> None:
    trace = Trace(np.array([0.0, 2.0]), np.array([500, 500 + 1_000_000]))
    assert trace.rate_bps(0.5, 1.5) == pytest.approx(4e6)
    assert trace.first_s(500_000) == 2.0
    assert trace.first_s(2_000_000) is None


@linux_only
def test_a_watch_sees_what_a_process_writes(tmp_path: Path) -> None:
    watch = WriteWatch(os.getpid())
    (tmp_path / "x").write_bytes(bytes(3_000_000))
    trace = watch.stop()
    assert 3_000_000 <= trace.totals[-1] - trace.totals[0] < 4_000_000
