"""Real relays in processes of their own, on loopback."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

TIMEOUT_S = 60


@contextmanager
def running_relay(state: Path, directory: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    arguments = ["relay", "--dir", str(directory), "--listen", "127.0.0.1:0", "--state", str(state), *more]
    command = [sys.executable, "-m", "transfer_core.cli", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that can be caught")
def test_a_relay_says_when_it_listens_pairs_from_another_process_and_stops_on_sigterm(tmp_path, drs) -> None:
    state = tmp_path / "state"
    with running_relay(state, tmp_path / "in", "--json") as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert next(iter(ready)) == "event"
        assert ready["event"] == "ready"
        assert ready["at"].endswith("Z")
        assert (tmp_path / "in").is_dir()
        code, out, _ = drs("relay", "pair", "--state", state, "--json", "--expires", "90s")
        token = json.loads(out)
        assert code == 0
        assert token["addresses"] == [ready["listen"]]
        assert token["text"]
        code, _, err = drs("relay", "--dir", tmp_path / "in", "--listen", "127.0.0.1:0", "--state", state)
        assert code == 1
        assert err.startswith("E_STATE_LOCKED: ")
        port = ready["listen"]
        code, _, err = drs("relay", "--dir", tmp_path / "in", "--listen", port, "--state", tmp_path / "other")
        assert code == 1
        assert err.startswith("E_PORT_IN_USE: ")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=TIMEOUT_S)
        assert (process.returncode, err) == (0, "")
        assert json.loads(out.splitlines()[-1])["event"] == "stopped"


def test_a_token_can_be_made_before_the_relay_ever_ran_and_each_is_another(tmp_path, drs) -> None:
    arguments = ("relay", "pair", "--state", tmp_path, "--address", "10.0.0.5:9000", "--address", "[fd00::5]:9001")
    code, first, err = drs(*arguments)
    assert code == 0
    assert "10.0.0.5:9000, [fd00::5]:9001" in err
    assert first.count("\n") == 1
    assert drs(*arguments)[1] != first


def test_a_fresh_relay_knows_nobody_and_has_nothing(tmp_path, drs) -> None:
    assert json.loads(drs("relay", "agents", "--state", tmp_path, "--json")[1]) == []
    assert json.loads(drs("relay", "list", "--state", tmp_path, "--json")[1]) == []
    assert "No agent" in drs("relay", "agents", "--state", tmp_path)[1]
    assert "Nothing" in drs("relay", "list", "--state", tmp_path)[1]
    code, _, err = drs("relay", "revoke", "nobody", "--state", tmp_path)
    assert code == 1
    assert err.startswith("E_NOT_FOUND: ")


def test_the_state_may_be_named_before_the_sub_command(tmp_path, drs) -> None:
    assert drs("relay", "--state", tmp_path / "here", "agents")[0] == 0
    assert list((tmp_path / "here").iterdir())


def test_a_directory_that_cannot_be_made_is_refused(tmp_path, drs) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = drs("relay", "--dir", tmp_path / "file" / "in", "--state", tmp_path / "state")
    assert code == 1
    assert err.startswith("E_WRITE: ")
