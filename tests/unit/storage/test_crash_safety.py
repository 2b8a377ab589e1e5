"""A process that writes, syncs and checkpoints is killed at random moments: no checkpoint names what is not there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from transfer_core.sim.manual_clock import ManualClock
from transfer_core.storage.incoming import IncomingFile, part_path
from transfer_core.storage.relay_store import RelayStore

CHUNK = 65_536
CHUNKS = 3000
KILLS = 10
GROUPS = 250
GROUPS_A_LIFE = 20  # so that a machine of any speed leaves all ten something to do
SEED = 20261121

WRITER = f"""
import sys
from pathlib import Path
import numpy as np
from transfer_core.sim.manual_clock import ManualClock
from transfer_core.storage.incoming import IncomingFile, part_path
from transfer_core.storage.relay_store import Checkpoint, Completed, RelayStore

folder, seed, groups = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
store = RelayStore(folder, ManualClock())
known = store.find(b"key", "f")
if known is None:
    number = store.begin(Completed(b"key", "f", "x", {CHUNK * CHUNKS}, {CHUNK}, 1, "", ""), "x")
else:
    number = known.number
file = IncomingFile.open(part_path(folder / "x"), {CHUNK * CHUNKS})
have = store.have(number, {CHUNKS})
if file.created:
    have[:] = False
missing = np.flatnonzero(~have)
np.random.default_rng(seed).shuffle(missing)
print("at work", flush=True)
for group in np.array_split(missing, max(1, len(missing) * {GROUPS} // {CHUNKS})):
    if not groups:
        sys.stdin.read()  # it stands still until it is killed
    groups -= 1
    for chunk in group:
        file.write_chunk(int(chunk) * {CHUNK}, memoryview((int(chunk) + 1).to_bytes(4, "big") * {CHUNK // 4}))
    file.sync()
    have[group] = True
    store.save([Checkpoint(number, have, (0,))], [])
    print("saved", flush=True)
final = file.finish(folder / "x", 0)
store.save([], [Completed(b"key", "f", "x", {CHUNK * CHUNKS}, {CHUNK}, 1, "x", "")])
"""


def expected(chunk: int) -> bytes:
    return (chunk + 1).to_bytes(4, "big") * (CHUNK // 4)


def start(folder: Path, seed: int, groups: int = GROUPS + 1) -> subprocess.Popen[str]:
    """A writer at work, which saves so many groups of chunks and then waits for its end."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(seed), str(groups)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    return process


def named_and_there(folder: Path) -> tuple[int, int]:
    """How many chunks the checkpoint names, and how many of these are on the disk as they should be."""
    store = RelayStore(folder, ManualClock())
    assert store.quarantined is None
    known = store.find(b"key", "f")
    assert known is not None
    named = np.flatnonzero(store.have(known.number, CHUNKS)).tolist()
    store.close()
    file = IncomingFile.open(part_path(folder / "x"), CHUNK * CHUNKS)
    there = sum(file.read(chunk * CHUNK, CHUNK) == expected(chunk) for chunk in named)
    file.close()
    return len(named), there


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_no_checkpoint_names_what_is_not_there_whenever_the_writer_is_killed(tmp_path: Path) -> None:
    rng = np.random.default_rng(SEED)
    progress: list[int] = []
    for kill in range(KILLS):
        with start(tmp_path, SEED + kill, GROUPS_A_LIFE) as process:
            assert process.stdout is not None
            for _ in range(int(rng.integers(0, GROUPS_A_LIFE - 2))):
                assert process.stdout.readline() == "saved\n"
            time.sleep(float(rng.uniform(0.0, 0.01)))  # anywhere within one of the next groups
            process.kill()
        named, there = named_and_there(tmp_path)
        assert there == named
        progress.append(named)
    assert progress == sorted(progress)
    assert progress[-1] > 0, "it had got on meanwhile"
    assert not (tmp_path / "x").exists()
    with start(tmp_path, SEED) as process:
        process.communicate(timeout=120)
        assert process.returncode == 0
    content = (tmp_path / "x").read_bytes()
    assert content == b"".join(expected(chunk) for chunk in range(CHUNKS))
