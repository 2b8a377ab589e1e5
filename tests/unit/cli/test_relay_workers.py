"""`relay --workers` at the command line: what is refused, and that one alone is the relay as ever."""

from __future__ import annotations

import sys

import pytest

from tests.unit.cli.test_relay import running_relay
from transfer_core.server.sync_hub import STATE_FOLDER
from transfer_core.sync.shares import Share, ShareStore


def arguments(tmp_path, *more):
    return ("relay", "--dir", tmp_path / "in", "--listen", "127.0.0.1:0", "--state", tmp_path / "state", *more)


@pytest.mark.parametrize("workers", ["0", "-3", "65"])
def test_a_number_of_processes_that_makes_no_sense_is_wrong_usage(tmp_path, drs, workers: str) -> None:
    code, out, err = drs(*arguments(tmp_path, "--workers", workers))
    assert (code, out) == (2, "")
    assert err.startswith(f"E_USAGE: --workers is {workers}")
    assert not (tmp_path / "in").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="there it is refused before")
def test_several_processes_and_http_are_refused_together(tmp_path, drs) -> None:
    code, _, err = drs(*arguments(tmp_path, "--workers", "2", "--http", "127.0.0.1:0"))
    assert code == 2
    assert err.startswith("E_USAGE: --http needs one process")
    assert "another --state, --dir and --listen" in err


@pytest.mark.skipif(sys.platform != "linux", reason="there it is refused before")
def test_a_relay_that_keeps_shared_folders_does_not_leave_them(tmp_path, drs) -> None:
    store = ShareStore(tmp_path / "state" / STATE_FOLDER, "2026-01-01T00:00:00Z")
    store.add(Share("setups", str(tmp_path / "in" / "sync" / "setups"), "", "home"))
    store.close()
    code, _, err = drs(*arguments(tmp_path, "--workers", "2"))
    assert code == 2
    assert err.startswith("E_USAGE: this relay keeps shared folders (setups)")


@pytest.mark.skipif(sys.platform == "linux", reason="Linux can")
def test_another_system_says_what_to_do_instead(tmp_path, drs) -> None:
    code, _, err = drs(*arguments(tmp_path, "--workers", "2"))
    assert code == 2
    assert "several relays on several ports" in err


def test_a_process_that_was_not_started_by_a_relay_says_so(tmp_path, drs) -> None:
    seat = '{"worker":0,"workers":2,"port":990,"inbox":991,"outboxes":[[1,992]],"ledger":993,"lock":994}'
    for text in ("hello", seat):
        words = ("relay", "worker", text, "--dir", tmp_path / "in", "--keep-free-bytes", "0", "--state", tmp_path)
        code, _, err = drs(*words)
        assert code == 2
        assert "`drs-sync relay --workers N`" in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that can be caught")
def test_one_process_is_the_relay_as_ever(tmp_path) -> None:
    with running_relay(tmp_path / "state", tmp_path / "in", "--json", "--workers", "1") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert '"event": "ready"' in line
        assert "workers" not in line
        process.terminate()
        assert process.wait(60.0) == 0
