"""A process that is left behind: it ends in time, and the one that left it ends without a word."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import psutil
import pytest

LEAVING = """
import subprocess, sys
from transfer_core.engine.apart.reaper import leave_behind
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
assert leave_behind(left, 1.0)
print(left.pid)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="pidfd_open(2)")
def test_it_is_ended_later_and_nothing_is_said_of_it() -> None:
    words = [sys.executable, "-X", "dev", "-W", "error", "-c", LEAVING]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended by now
        psutil.Process(int(done.stdout)).wait(60.0)
