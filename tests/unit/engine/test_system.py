"""What a process of ours asks of its allocator."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

CHUNKS, CHUNK_BYTES, TURNS = 24, 65_600, 50
PAGE_BYTES = 4096
_SCRIPT = f"""
import resource
from transfer_core.engine.system import keep_freed_memory
keep_freed_memory()
faults = [0, 0]
for turn in range({TURNS} + 1):
    frame = [bytearray({CHUNK_BYTES}) for _ in range({CHUNKS})]
    del frame
    faults[turn > 0] = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(faults[1] - faults[0])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have their own ways")
def test_chunks_that_are_freed_leave_their_pages_to_the_next_ones() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    pages = TURNS * CHUNKS * CHUNK_BYTES // PAGE_BYTES
    assert int(done.stdout) < pages // 10
