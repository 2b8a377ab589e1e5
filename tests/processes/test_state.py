"""What lies in a state directory, and who works in it: two at once, a damaged database, one of a newer version."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.field import Answer, Field, data_of

OWN_DISK = 'mount -t tmpfs -o size=2m tmpfs "$0" && '
FILL = "; cat /dev/zero > $0/filler 2>/dev/null; "


def is_error(answer: Answer, code: str) -> bool:
    """One line on stderr, with what to do."""
    (line,) = answer.err.splitlines()
    return answer.code == 1 and line.startswith(f"{code}: ") and line.count(". ") >= 1


def queue_of(field: Field) -> Path:
    """The queue's database."""
    (path,) = (field.folder / "a").glob("*.db")
    return path


def test_a_second_agent_or_relay_on_one_state_is_refused_and_told_who_works_there(field: Field) -> None:
    relay = field.start_relay()
    agent = field.start_agent()
    agent.wait_for("ready")
    second = field.run("agent", "--once")
    assert is_error(second, "E_STATE_LOCKED")
    assert f"process {agent.process.pid}" in second.err
    second = field.run("relay", "--dir", field.inbox, "--listen", "127.0.0.1:0", state="r")
    assert is_error(second, "E_STATE_LOCKED")
    assert f"process {relay.process.pid}" in second.err
    agent.kill()  # its lock dies with it
    assert field.run("agent", "--once").code == 0


def test_a_port_in_use_is_told(field: Field) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken, socket.create_server(("127.0.0.1", 0)) as api:
        taken.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        answer = field.run("relay", "--dir", field.inbox, "--listen", listen, state="r")
        assert is_error(answer, "E_PORT_IN_USE")
        assert listen in answer.err
        answer = field.run("agent", "--api", f"127.0.0.1:{api.getsockname()[1]}", "--simulate", field.links)
        assert is_error(answer, "E_PORT_IN_USE")


@pytest.mark.parametrize("damage", ["garbage", "cut", "holes"])
def test_a_damaged_queue_is_kept_aside_and_the_agent_goes_on(field: Field, damage: str) -> None:
    field.start_relay()
    field.pair()
    lap = field.folder / "lap.bin"
    lap.write_bytes(data_of(100_000))
    field.upload(*[lap] * 1)
    path = queue_of(field)
    for companion in path.parent.glob(path.name + "-*"):
        companion.unlink()
    whole = path.read_bytes()
    if damage == "garbage":
        path.write_bytes(data_of(len(whole)))
    elif damage == "cut":
        path.write_bytes(whole[: len(whole) // 2 + 100])
    else:
        path.write_bytes(whole[:4096] + data_of(len(whole) - 4096))
    agent = field.start_agent("--once")
    notice = agent.wait_for("notice", topic="state")
    assert "damaged" in notice["text"]
    assert agent.wait() == 0
    (kept,) = path.parent.glob(path.name + ".corrupt-*")
    assert kept.read_bytes() != b""
    assert field.jobs() == []
    field.pair()  # the destinations were in it too
    field.upload(lap)
    assert field.start_agent("--once").wait() == 0
    assert field.arrived() == {"lap.bin": lap.read_bytes()}


def test_whoever_finds_the_queue_damaged_is_told_so(field: Field) -> None:
    assert field.jobs() == []
    path = queue_of(field)
    path.write_bytes(data_of(10_000))
    answer = field.say("status")
    assert answer.code == 0
    (line,) = answer.err.splitlines()
    assert "damaged" in line
    assert ".corrupt-" in line
    assert field.say("status").err == ""


@pytest.mark.skipif(sys.platform != "linux", reason="a disk of its own for a state needs Linux")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() != 0, reason="a disk of its own needs root")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="a disk of its own needs `unshare` (util-linux)")
@pytest.mark.parametrize("words", [("status",), ("relay", "--dir", "in", "--listen", "127.0.0.1:0")])
def test_a_state_on_a_full_disk_is_told_as_such(field: Field, words: tuple[str, ...]) -> None:
    state = field.folder / "full"
    state.mkdir()
    make = subprocess.list2cmdline([*field.words("status"), "--state", str(state)])
    script = f'{OWN_DISK}{make}{FILL}exec "$@"'
    asked = ["unshare", "--mount", "sh", "-c", script, str(state), *field.words(*words), "--state", str(state)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False, cwd=field.folder)
    assert is_error(Answer(done.returncode, done.stdout, done.stderr), "E_DISK_FULL"), done.stderr


def test_a_queue_of_a_newer_version_is_left_alone(field: Field) -> None:
    assert field.jobs() == []
    path = queue_of(field)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 4000")
    db.close()
    for words in (("status",), ("agent", "--once")):
        answer = field.run(*words)
        assert is_error(answer, "E_STATE_NEWER")
        assert "4000" in answer.err
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (4000,)
    db.close()
    assert not list(path.parent.glob("*.corrupt-*"))
