from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from transfer_core.cli import relay_supervise
from transfer_core.cli.relay_supervise import run_again_and_again

COUNTS = """
import os, sys, time
place = sys.argv[1]
with open(place, "a") as file:
    file.write(f"{os.getpid()}\\n")
lives = len(open(place).read().split())
sys.exit(int(sys.argv[2 + min(lives, len(sys.argv) - 2) - 1]))
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_supervise, "WAIT_FIRST_S", 0.01)


def lives(place: Path) -> int:
    return len(place.read_text().split()) if place.exists() else 0


@pytest.mark.parametrize(("codes", "expected", "count"), [((1, 1, 0), 0, 3), ((2,), 2, 1), ((0,), 0, 1)])
def test_a_relay_that_dies_is_started_again_and_one_that_ends_is_not(
    tmp_path: Path, codes: tuple[int, ...], expected: int, count: int
) -> None:
    words = [sys.executable, "-c", COUNTS, str(tmp_path / "lives"), *map(str, codes)]
    assert run_again_and_again(words, threading.Event(), as_json=False) == expected
    assert lives(tmp_path / "lives") == count


def test_a_killed_one_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = "import os,sys\nfirst = not os.path.exists(sys.argv[1])\nopen(sys.argv[1], 'a').write('x')\n"
    script += "os.kill(os.getpid(), 9) if first else sys.exit(0)"
    words = [sys.executable, "-c", script, str(tmp_path / "lives")]
    assert run_again_and_again(words, threading.Event(), as_json=True) == 0
    told = capsys.readouterr()
    assert "signal 9" in told.err
    assert '"event": "restarts"' in told.out


def test_a_wish_to_stop_ends_the_child(tmp_path: Path) -> None:
    stop = threading.Event()
    words = [
        sys.executable,
        "-c",
        "import sys,time\nopen(sys.argv[1],'w').write('1')\ntime.sleep(600)",
        str(tmp_path / "up"),
    ]
    ended: list[int] = []
    thread = threading.Thread(target=lambda: ended.append(run_again_and_again(words, stop, as_json=False)))
    thread.start()
    end = time.monotonic() + 60.0
    while not (tmp_path / "up").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    stop.set()
    thread.join(60.0)
    assert len(ended) == 1
