"""Tokens and keys that do not fit, at the command line: what is said, with which code, and that nothing goes out."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.field import Answer, Field
from transfer_core.protocol.security.tokens import parse_token


def is_error(answer: Answer, code: str, exit_code: int = 1) -> bool:
    """Its last line on stderr has the code and what to do."""
    line = answer.err.splitlines()[-1]
    return answer.code == exit_code and line.startswith(f"{code}: ") and line.count(". ") >= 1


def _token(field: Field, *more: object, state: str = "r") -> str:
    return field.say("relay", "pair", "--address", field.listen, *more, state=state).out.split()[0]


def _lap(field: Field) -> Path:
    path = field.folder / "lap.bin"
    path.write_bytes(b"x" * 1000)
    return path


def test_a_token_that_is_none_or_damaged_is_refused_at_once(field: Field) -> None:
    field.listen = "127.0.0.1:9"
    token = _token(field)
    for text in ("hello", token[:-3], token[:20] + ("B" if token[20] == "A" else "A") + token[21:], "drs1."):
        assert is_error(field.say("pair", text, "--name", "pit"), "E_TOKEN_INVALID"), text
    assert field.say("pair", token, "--name", "pit").code == 0


def test_a_token_that_has_expired_is_refused_here_and_by_the_relay(field: Field) -> None:
    relay = field.start_relay()
    for seconds in (2, 8, 32):  # the machine may be slow
        token = _token(field, "--expires", f"{seconds}s")
        paired = field.say("pair", token, "--name", "pit")
        if paired.code == 0:
            break
        assert is_error(paired, "E_TOKEN_EXPIRED")
    assert paired.code == 0
    while time.time() <= parse_token(token).expires_s + 1:
        time.sleep(0.05)
    assert is_error(field.say("pair", token, "--name", "late", state="b"), "E_TOKEN_EXPIRED")
    answer = field.run("send", _lap(field), "--to", "pit", "--simulate", field.links)
    assert is_error(answer, "E_TOKEN_EXPIRED")
    assert field.arrived() == {}
    assert field.jobs()[0]["status"] == "pending"  # a new token will do
    assert [event["event"] for event in relay.events] == ["ready"]


def test_a_token_pairs_one_agent_only(field: Field) -> None:
    relay = field.start_relay()
    token = _token(field)
    assert field.say("pair", token, "--name", "pit").code == 0
    assert field.run("send", _lap(field), "--to", "pit", "--simulate", field.links).code == 0
    assert field.say("pair", token, "--name", "pit", state="b").code == 0  # it says who only to the relay
    answer = field.run("send", _lap(field), "--to", "pit", "--simulate", field.links, state="b")
    assert is_error(answer, "E_TOKEN_USED")
    assert [event["event"] for event in relay.events].count("received") == 1


def test_a_relay_with_another_key_is_not_believed(field: Field) -> None:
    relay = field.start_relay()
    field.pair()
    assert relay.stop() == 0
    impostor = field.start_relay(state="impostor")
    (job,) = field.upload(_lap(field))
    agent = field.start_agent("--once")
    waiting = field.wait_job(lambda job: "nothing comes back from" in job["reason"])
    assert waiting["status"] == "pending"
    assert waiting["file_id"] == job["file_id"]
    assert field.arrived() == {}
    assert not [event for event in impostor.events if event["event"] != "ready"]
    assert impostor.stop() == 0
    field.start_relay()  # the true one is back
    assert agent.wait() == 0
    assert list(field.arrived()) == ["lap.bin"]


def test_a_revoked_agent_is_turned_out_while_it_sends(field: Field) -> None:
    relay = field.start_relay()
    field.pair()
    big = field.folder / "big.bin"
    big.write_bytes(bytes(range(256)) * 200_000)
    field.upload(big)
    agent = field.start_agent()
    name = relay.wait_for("agent")["name"]
    field.wait_job(lambda job: job["bytes_done"] > 0)
    assert field.say("relay", "revoke", name, state="r").code == 0
    relay.wait_for("revoked", name=name)
    job = field.wait_job(lambda job: "revoked" in job["reason"])
    assert job["status"] == "pending"
    agent.stop()
    assert not any(name == "big.bin" for name in field.arrived())
