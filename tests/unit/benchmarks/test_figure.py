"""What a benchmark leaves behind, and what it clears away of others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.figure import SCRATCH, Bench


def test_a_scratch_folder_is_removed_and_so_is_what_a_killed_run_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f"{SCRATCH}{gone.pid}-abc"
    running = tmp_path / f"{SCRATCH}{os.getppid()}-abc"
    foreign = tmp_path / f"{SCRATCH}mine"
    for folder in (left, running, foreign):
        folder.mkdir()
        (folder / "lap.bin").write_bytes(b"x")
    with Bench(1, True, tmp_path).scratch() as folder:
        assert folder.is_dir()
        assert {path.name for path in tmp_path.iterdir()} == {folder.name, running.name, foreign.name}
    assert {path.name for path in tmp_path.iterdir()} == {running.name, foreign.name}
