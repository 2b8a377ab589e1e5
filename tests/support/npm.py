"""Packages of npm for tests against programs that others wrote; where they can't be had, tests are skipped aloud."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL_S = 90


def install_packages(folders: pytest.TempPathFactory, *packages: str) -> Path:
    """A folder with those packages (`name@version`) below `node_modules`. Skips the test if they do not install."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip(f"{', '.join(packages)}: there is no node and npm here")
    folder = folders.mktemp("npm")
    words = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", *packages]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=INSTALL_S, check=False, cwd=folder)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{', '.join(packages)}: npm did not answer within {INSTALL_S} s")
    if done.returncode:
        pytest.skip(f"{', '.join(packages)} does not install: {done.stderr.strip()[-300:]}")
    return folder
