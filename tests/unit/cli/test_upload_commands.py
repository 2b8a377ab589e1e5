"""`destination`, `limit`, `webhook`, `retry --failed` and `receipt` on a real state, without an agent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.small_server import login_page
from tests.support.tus_server import TusServer
from transfer_core.cli.destination import TOKEN_VARIABLE
from transfer_core.engine.local_service import LocalService
from transfer_core.upload.timetable import CELLS

Drs = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server() -> Iterator[TusServer]:
    started = TusServer()
    started.start()
    yield started
    started.stop()


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    return tmp_path / "state"


def test_a_destination_is_added_tested_listed_and_removed(drs: Drs, server: TusServer, state: Path) -> None:
    code, out, _ = drs("destination", "add", "box", server.url + "/files", "--state", state)
    assert (code, out) == (0, f"box: {server.url}/files, tus\n")
    code, out, _ = drs("destination", "test", "box", "--state", state)
    assert code == 0
    assert out.startswith("box: good, speaks tus, ")
    code, out, _ = drs("destination", "list", "--json", "--state", state)
    assert [(each["name"], each["kind"]) for each in json.loads(out)] == [("box", "tus")]
    server.on_request = login_page
    code, out, err = drs("destination", "test", "box", "--state", state)
    assert (code, out) == (1, "")
    assert err.startswith("E_BAD_ANSWER: box: ")
    code, out, _ = drs("destination", "test", "box", "--json", "--state", state)
    assert code == 1
    assert json.loads(out)[0]["error"] == "E_BAD_ANSWER"
    assert drs("destination", "remove", "box", "--state", state)[0] == 0
    assert "There are none yet" in drs("destination", "list", "--state", state)[1]


def test_a_token_comes_from_a_file_or_the_environment_and_is_shown_nowhere(
    drs: Drs, server: TusServer, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "token"
    secret.write_text("very-secret\n")
    seen: list[str | None] = []
    server.on_request = lambda handler: seen.append(handler.headers.get("Authorization"))
    drs("destination", "add", "a", server.url, "--token-file", secret, "--state", state)
    monkeypatch.setenv(TOKEN_VARIABLE, "other-secret")
    drs("destination", "add", "b", server.url, "--state", state)
    assert set(seen) == {"Bearer very-secret", "Bearer other-secret"}
    _, out, err = drs("destination", "list", "--json", "--state", state)
    assert "secret" not in out + err
    code, _, err = drs("destination", "add", "c", server.url, "--token-file", tmp_path / "none", "--state", state)
    assert code == 2
    assert "none can't be read" in err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["destination", "add", "x", "ftp://host"], 2),
        (["destination", "add", "x", "http://host", "--kind", "gopher"], 2),
        (["destination", "add", "x", "http://host", "--kind", "tus", "--endpoint", "http://other"], 2),
        (["destination", "add", "x", "s3://bucket", "--endpoint", "other"], 2),
        (["destination", "add", "x", "http://127.0.0.1:9"], 1),
        (["destination", "remove", "none"], 1),
        (["destination", "test", "none"], 1),
        (["destination", "fallback", "none", "http://host"], 1),
        (["limit", "rate", "fast"], 2),
        (["limit", "rate", "0"], 2),
        (["limit", "rate", "5mbit", "--to", "none"], 1),
        (["limit", "hours", "someday", "5mbit"], 2),
        (["limit", "concurrent", "0"], 2),
        (["webhook", "add", "s3://bucket"], 2),
        (["webhook", "remove", "http://none"], 1),
        (["webhook", "test", "http://none"], 1),
        (["retry"], 2),
        (["retry", "abc", "--failed"], 2),
        (["retry", "abc", "--to", "x"], 2),
        (["receipt", "abc"], 1),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(drs: Drs, state: Path, words: list[str], code: int) -> None:
    found, _, err = drs(*words, "--state", state)
    assert found == code
    assert err.startswith("E_")
    assert err.count("\n") == 1


def test_limits_are_kept_and_told(drs: Drs, state: Path, server: TusServer) -> None:
    drs("destination", "add", "box", server.url, "--state", state)
    for words in (
        ["rate", "20mbit"],
        ["rate", "1.5 mbit", "--to", "box"],
        ["hours", "mon-fri 8-18", "5mbit"],
        ["hours", "sun", "0"],
        ["concurrent", "4"],
    ):
        assert drs("limit", *words, "--state", state)[0] == 0
    assert drs("limit", "--state", state)[1].splitlines() == [
        "all uploads: 20.0 Mbit/s",
        "to box: 1.5 Mbit/s",
        "mon-fri 8-18: 5.0 Mbit/s",
        "sun 0-24: nothing",
        "at once: 4",
    ]
    assert drs("limit", "attempts", "5", "--state", state)[:2] == (0, "attempts: 5\n")
    assert drs("limit", "attempts", "0", "--state", state)[0] == 2
    drs("limit", "hours", "daily", "none", "--state", state)
    drs("limit", "rate", "none", "--state", state)
    _, out, _ = drs("limit", "rate", "none", "--to", "box", "--json", "--state", state)
    assert json.loads(out) == {"all_bps": None, "by_destination": {}, "timetable": [], "concurrent": 4}
    _, out, _ = drs("limit", "hours", "22-6", "0", "--json", "--state", state)
    assert len(json.loads(out)["timetable"]) == CELLS


def test_a_webhook_is_kept_with_its_secret_and_told_of_by_an_agent(drs: Drs, state: Path, tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/hook"
    code, secret, _ = drs("webhook", "add", url, "--state", state)
    assert (code, secret[:6]) == (0, "whsec_")
    given = tmp_path / "secret"
    given.write_text(secret)
    assert drs("webhook", "add", url, "--secret-file", given, "--state", state)[0] == 1
    assert drs("webhook", "test", url, "--state", state)[0] == 0
    _, out, _ = drs("webhook", "list", "--json", "--state", state)
    assert [(each["url"], each["waiting"]) for each in json.loads(out)] == [(url, 1)]
    assert secret.strip() not in out
    drs("webhook", "remove", url, "--state", state)
    assert "Nobody is told" in drs("webhook", "list", "--state", state)[1]


def test_all_that_failed_is_queued_again(drs: Drs, state: Path, tmp_path: Path, server: TusServer) -> None:
    drs("destination", "add", "box", server.url, "--state", state)
    (tmp_path / "lap.bin").write_bytes(b"1")
    drs("upload", tmp_path / "lap.bin", "--to", "box", "--state", state)
    server.on_request = lambda handler: (403, {}, b"") if handler.command == "POST" else None
    assert drs("agent", "--once", "--links", "lo", "--state", state)[0] == 1
    assert drs("retry", "--failed", "--to", "other", "--state", state)[1] == "0 jobs are queued again.\n"
    assert drs("retry", "--failed", "--state", state)[1] == "1 jobs are queued again.\n"
    service = LocalService(state)
    assert [job.status.value for job in service.jobs()] == ["pending"]
    service.stop()
