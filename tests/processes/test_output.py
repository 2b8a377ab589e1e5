"""What a command prints comes whole to who reads it, however slowly that is done and whatever happens meanwhile."""

from __future__ import annotations

import array
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from tests.support.field import COMMAND_S, ROOT, Field

if sys.platform != "linux":
    pytest.skip("a pipe tells how full it is on Linux", allow_module_level=True)

import fcntl
import termios

PIPE_BYTES = 4096


def wait_until_full(pipe: IO[bytes]) -> None:
    """Until nothing more goes into it."""
    held = array.array("i", [0])
    end = time.monotonic() + COMMAND_S
    while held[0] < PIPE_BYTES:
        assert time.monotonic() < end, f"{held[0]} bytes came"
        time.sleep(0.01)
        fcntl.ioctl(pipe, termios.FIONREAD, held)


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_long_answer_is_whole_though_its_process_is_stopped_in_the_middle_of_it(
    field: Field, unbuffered: str
) -> None:
    names = [f"{number:02d}.bin" for number in range(40)]
    for name in names:
        (field.folder / name).write_bytes(b"x")
    field.start_relay()
    field.pair()
    field.upload(*(field.folder / name for name in names))
    words = field.words("status", "--state", field.folder / "a", "--json")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    inner, outer = os.pipe()
    fcntl.fcntl(outer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    with os.fdopen(inner, "rb") as answer, subprocess.Popen(words, stdout=outer, env=environment) as asked:
        os.close(outer)
        wait_until_full(answer)
        asked.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, asked.pid, os.WSTOPPED)
        asked.send_signal(signal.SIGCONT)
        said = answer.read()
    assert asked.returncode == 0
    assert [Path(job["path"]).name for job in json.loads(said)] == names
