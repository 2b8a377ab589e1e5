from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scripted_service import ScriptedService
from transfer_core.cli import compose
from transfer_core.cli.__main__ import COMMANDS, main, run
from transfer_core.errors import StateLocked

ALL = [
    *([name] for name in COMMANDS),
    ["relay"],
    *(["relay", name] for name in ("pair", "list", "agents", "revoke")),
    *(["link", name] for name in ("kill", "restore")),
    *(["telemetry", name] for name in ("decode", "simulate")),
]


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_every_command_takes_state_json_and_help(command, drs) -> None:
    code, out, err = drs(*command, "--help")
    assert (code, err) == (0, "")
    assert "--state" in out
    assert "--json" in out


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_numpy_starts_no_threads_of_its_own_in_a_program_of_ours() -> None:
    script = (
        "import os, sys; from transfer_core.cli.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: import numpy; sys.exit(len(os.listdir('/proc/self/task')) - 1)"
    )
    done = subprocess.run([sys.executable, "-c", script, "--help"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_help_imports_nothing_heavy() -> None:
    heavy = "numpy PySide6 psutil cryptography fastapi requests sqlite3 rich.progress"
    script = (
        "import sys; from transfer_core.cli.__main__ import run; code = run(['--help']); "
        f"print('HEAVY', [name for name in '{heavy}'.split() if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "HEAVY []" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["status", "--nonsense"],
        ["upload"],
        ["send", "x"],
        ["link"],
        ["relay"],
        ["priority", "a", "11"],
        ["history", "--limit", "many"],
        ["relay", "--dir", "x", "--listen", "pit:9000"],
        ["relay", "pair", "--expires", "soon"],
        ["agent", "--links", ","],
        ["agent", "--policy", "fastest"],
        ["pause"],
        ["pause", "--all", "x"],
        ["status", "--manifest"],
    ],
)
def test_wrong_usage_is_one_line_with_code_and_hint_and_exit_code_2(arguments, drs, service, tmp_path) -> None:
    code, out, err = drs(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("E_USAGE: ")
    assert err.count("\n") == 1
    assert len(err.rstrip().split(". ")) >= 2


def test_a_failure_is_one_line_and_exit_code_1(drs, service) -> None:
    service.start_error = StateLocked("agent 4711 works\nin this directory")
    code, out, err = drs("agent")
    assert (code, out) == (1, "")
    assert err == f"E_STATE_LOCKED: agent 4711 works in this directory. {StateLocked.default_hint}\n"


def test_a_fault_of_the_program_is_one_line_too_unless_its_place_is_asked_for(drs, service, monkeypatch) -> None:
    service.start_error = ZeroDivisionError("by zero")
    code, out, err = drs("agent")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("E_INTERNAL: ZeroDivisionError: by zero. ")
    monkeypatch.setenv("DRS_SYNC_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        run(["agent"])


def test_ctrl_c_ends_with_a_line_and_exit_code_1(drs, service) -> None:
    service.start_error = KeyboardInterrupt()  # type: ignore[assignment]
    code, _, err = drs("agent")
    assert code == 1
    assert err.startswith("E_CANCELLED: ")


def test_no_arguments_run_the_default_or_show_help(drs, monkeypatch, capfd) -> None:
    opened = []

    class Application:
        Looks = dict

        @staticmethod
        def run_console(state, **values):
            opened.append((state, values["looks"]))
            return 0

    monkeypatch.setattr(compose, "open_console", Application)
    monkeypatch.setattr(compose, "state_directory", lambda state: "chosen")
    for arguments in (["main.py"], ["main.py", "--theme", "sun", "--size", "1366x768", "--scale", "1.5"]):
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as ended:
            main(default="console")
        assert ended.value.code == 0
    plain = {"theme": None, "size": None, "scale": None}
    assert opened == [("chosen", plain), ("chosen", {"theme": "sun", "size": (1366, 768), "scale": 1.5})]
    code, out, _ = drs()
    assert code == 0
    assert "Usage: drs-sync" in out


def test_the_state_directory_is_the_one_asked_for_else_the_variables_else_the_users(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DRS_SYNC_STATE", str(tmp_path / "variable"))
    assert compose.state_directory(tmp_path / "asked") == tmp_path / "asked"
    assert compose.state_directory(None) == tmp_path / "variable"
    assert (tmp_path / "variable").is_dir()
    monkeypatch.delenv("DRS_SYNC_STATE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert compose.state_directory(None) == tmp_path / "xdg" / "drs-sync"


def test_a_state_directory_that_is_named_from_here_is_absolute(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert compose.state_directory(Path("state")) == tmp_path / "state"
    monkeypatch.setenv("DRS_SYNC_STATE", "variable")
    assert compose.state_directory(None) == tmp_path / "variable"


def test_a_state_directory_that_cannot_be_made_is_an_error_of_its_own(tmp_path, drs) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = drs("relay", "agents", "--state", tmp_path / "file" / "state")
    assert code == 1
    assert err.startswith("E_STATE: ")


def test_commands_stop_the_service_that_they_opened(drs, service: ScriptedService, tmp_path) -> None:
    drs("status", "--state", tmp_path)
    assert service.opened_with["state"] == tmp_path
    assert service.stopped
    assert not service.started
