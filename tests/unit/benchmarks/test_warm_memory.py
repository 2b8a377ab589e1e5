from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.warm_memory import STEP_BYTES, bytes_to_release, warm_memory


def test_what_is_given_up_is_what_free_memory_fell_by_in_whole_steps() -> None:
    assert bytes_to_release(100, 100, 10 * STEP_BYTES) == 0
    assert bytes_to_release(99, 100, 10 * STEP_BYTES) == STEP_BYTES
    assert bytes_to_release(0, 3 * STEP_BYTES, 10 * STEP_BYTES) == 3 * STEP_BYTES
    assert bytes_to_release(200, 100, 10 * STEP_BYTES) == 0


def test_no_more_is_given_up_than_is_held() -> None:
    assert bytes_to_release(0, 9 * STEP_BYTES, 2 * STEP_BYTES) == 2 * STEP_BYTES


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/meminfo is Linux's")
def test_memory_is_held_while_it_lasts_and_no_longer() -> None:
    me = psutil.Process()
    others = set(me.children())
    with warm_memory(64 * 1024 * 1024):
        (holder,) = set(me.children()) - others
        assert Path(f"/proc/{holder.pid}").exists()
    deadline = time.monotonic() + 30
    while holder.is_running() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not holder.is_running()
