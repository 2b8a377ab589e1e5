"""A real process works the queue and is killed with SIGKILL at random moments; what it was told is kept."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from transfer_core.events import JobState
from transfer_core.jobs.store import JobStore
from transfer_core.sim.manual_clock import ManualClock

AGENT = """
import sys
from pathlib import Path
from transfer_core.jobs.store import JobStore, NewJob
from transfer_core.sim.manual_clock import ManualClock

def say(*words):
    print(*words, flush=True)

owner, added = sys.argv[2], int(sys.argv[3])
store = JobStore(Path(sys.argv[1]), ManualClock())
store.reclaim(owner)
say("open")
while True:
    names = [f"j{i:06}" for i in range(added, added + 20)]
    added += len(names)
    store.add_many([NewJob(n, f"/data/{n}", 1000, 5, "pit", n, "cli") for n in names])
    say("added", *names)
    store.move(names[5:9], names[2])
    claimed = [job.file_id for job in store.claim(owner, 12, ["pit"])]
    store.progress([(n, 500, {"wifi": 500}, 0) for n in claimed])
    store.complete([(n, "blake3:00", n, {"wifi": 1000}, 0) for n in claimed[:10]])
    say("completed", *claimed[:10])
    store.undo()
"""


@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_was_confirmed_is_lost_by_kill_9(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    added: set[str] = set()
    completed: set[str] = set()
    for life in range(5):
        command = [sys.executable, "-c", AGENT, str(tmp_path), f"life{life}", str(life * 1_000_000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as agent:
            assert agent.stdout is not None
            for _, line in zip(range(rng.randrange(2, 40)), agent.stdout, strict=False):
                _note(line, added, completed)
            agent.kill()
            for line in agent.stdout:  # what it had said before it died
                if line.endswith("\n"):
                    _note(line, added, completed)
        assert agent.returncode == -9
        _check(tmp_path, added, completed)
    assert len(completed) > 50
    assert added - completed


def _note(line: str, added: set[str], completed: set[str]) -> None:
    verb, *names = line.split()
    if verb == "added":
        added.update(names)
    elif verb == "completed":
        completed.update(names)


def _check(state_dir: Path, added: set[str], completed: set[str]) -> None:
    store = JobStore(state_dir, ManualClock())
    assert store.quarantined is None
    jobs = {job.file_id: job for job in store.jobs()}
    assert added <= jobs.keys()
    assert {jobs[name].status for name in completed} <= {JobState.COMPLETED}
    running = [job for job in jobs.values() if job.status is JobState.UPLOADING]
    assert store.reclaim("checker") == len(running)
    assert not any(job.status is JobState.UPLOADING for job in store.jobs())
    assert all(job.bytes_done in (0, 500, 1000) for job in jobs.values())
    store.close()
