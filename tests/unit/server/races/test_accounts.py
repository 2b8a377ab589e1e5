from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from transfer_core.engine.system import SystemEntropy
from transfer_core.errors import ConflictError, CredentialRefused, NotFoundError, TokenInvalid, UsageError
from transfer_core.server.races.accounts import FILE, IDLE_NS, LONGEST_NS, RESET_NS, Accounts, UserRole
from transfer_core.sim.manual_clock import ManualClock

GOOD = "correct horse"
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def accounts(tmp_path: Path, clock: ManualClock) -> Iterator[Accounts]:
    opened = Accounts(tmp_path, clock, SystemEntropy(), CHEAP)
    yield opened
    opened.close()


def test_the_first_is_an_admin_and_the_others_are_viewers(accounts) -> None:
    assert accounts.create("Ada", GOOD).role is UserRole.ADMIN
    assert accounts.create("Grace  Hopper", GOOD).role is UserRole.VIEWER
    assert accounts.create("Linus", GOOD, UserRole.ENGINEER).role is UserRole.ENGINEER
    assert [user.name for user in accounts.users()] == ["Ada", "Grace Hopper", "Linus"]


@pytest.mark.parametrize(
    ("name", "password"),
    [("", GOOD), ("x" * 65, GOOD), ("a\x00", GOOD), ("Ada", "short"), ("Ada", "x" * 1025)],
)
def test_names_and_passwords_have_bounds(accounts, name, password) -> None:
    with pytest.raises(UsageError):
        accounts.create(name, password)
    assert accounts.users() == []


def test_a_name_is_one_whatever_its_case_and_is_never_given_out_again(accounts) -> None:
    accounts.create("Ada", GOOD)
    grace = accounts.create("Grace", GOOD)
    for name in ("grace", "GRACE", " Grace "):
        with pytest.raises(ConflictError):
            accounts.create(name, GOOD)
    accounts.delete(grace.user_id)
    with pytest.raises(ConflictError):
        accounts.create("Grace", GOOD)
    with pytest.raises(CredentialRefused):
        accounts.login("Grace", GOOD)


def test_what_is_stored_are_argon2id_and_hashes_of_tokens(clock, tmp_path) -> None:
    accounts = Accounts(tmp_path, clock, SystemEntropy())
    user = accounts.create("Ada", GOOD)
    session, _ = accounts.login("Ada", GOOD)
    reset = accounts.make_reset(user.user_id)
    connection = sqlite3.connect(tmp_path / FILE)
    text = "\n".join(connection.iterdump())
    connection.close()
    accounts.close()
    assert "$argon2id$v=19$m=65536,t=3,p=4$" in text
    for secret in (GOOD, session, reset):
        assert secret not in text


def test_an_unknown_name_and_a_wrong_password_are_answered_alike_and_as_slowly(clock, tmp_path) -> None:
    accounts = Accounts(
        tmp_path, clock, SystemEntropy(), PasswordHasher(time_cost=1, memory_cost=20_000, parallelism=1)
    )
    accounts.create("Ada", GOOD)
    took: dict[str, list[float]] = {"Ada": [], "Nobody": []}
    said = set()
    for _ in range(5):
        for name, times in took.items():
            began = time.process_time()
            with pytest.raises(CredentialRefused) as refused:
                accounts.login(name, "wrong password")
            times.append(time.process_time() - began)
            said.add(refused.value.one_line())
    assert len(said) == 1
    accounts.close()
    fast, slow = sorted(min(times) for times in took.values())
    assert slow < 2 * fast


def test_a_session_ends_when_it_is_not_used_or_too_old(accounts, clock) -> None:
    user = accounts.create("Ada", GOOD)
    token, _ = accounts.login("ada", GOOD)
    assert accounts.whose(token) == user
    clock.advance(IDLE_NS - 1)
    assert accounts.whose(token) == user
    clock.advance(IDLE_NS + 1)
    with pytest.raises(CredentialRefused):
        accounts.whose(token)
    token, _ = accounts.login("Ada", GOOD)
    for _ in range(LONGEST_NS // (IDLE_NS // 2)):
        accounts.whose(token)
        clock.advance(IDLE_NS // 2)
    clock.advance(1)
    with pytest.raises(CredentialRefused):
        accounts.whose(token)


def test_a_logout_ends_one_session_and_a_role_all(accounts) -> None:
    accounts.create("Ada", GOOD)
    grace = accounts.create("Grace", GOOD)
    (first, _), (second, _) = accounts.login("Grace", GOOD), accounts.login("Grace", GOOD)
    assert first != second
    accounts.logout(first)
    with pytest.raises(CredentialRefused):
        accounts.whose(first)
    assert accounts.whose(second) == grace
    accounts.set_role(grace.user_id, UserRole.ENGINEER)
    with pytest.raises(CredentialRefused):
        accounts.whose(second)


def test_a_reset_token_counts_once_for_an_hour_and_ends_all_sessions(accounts, clock) -> None:
    user = accounts.create("Ada", GOOD)
    session, _ = accounts.login("Ada", GOOD)
    first, second = accounts.make_reset(user.user_id), accounts.make_reset(user.user_id)
    for token in (first, "nonsense", ""):
        with pytest.raises(TokenInvalid):
            accounts.reset(token, "another one")
    with pytest.raises(UsageError):
        accounts.reset(second, "short")
    accounts.reset(second, "another one")
    with pytest.raises(TokenInvalid):
        accounts.reset(second, "yet another one")
    with pytest.raises(CredentialRefused):
        accounts.whose(session)
    with pytest.raises(CredentialRefused):
        accounts.login("Ada", GOOD)
    accounts.login("Ada", "another one")
    late = accounts.make_reset(user.user_id)
    clock.advance(RESET_NS + 1)
    with pytest.raises(TokenInvalid):
        accounts.reset(late, "another two")


def test_a_wish_for_a_reset_is_seen_by_admins_and_tells_nothing(accounts) -> None:
    accounts.create("Ada", GOOD)
    accounts.ask_reset("nobody")
    accounts.ask_reset("ADA")
    (user,) = accounts.users()
    assert user.asked_reset_at is not None
    accounts.make_reset(user.user_id)
    assert accounts.user(user.user_id).asked_reset_at is None


def test_the_last_admin_stays(accounts) -> None:
    ada = accounts.create("Ada", GOOD)
    grace = accounts.create("Grace", GOOD)
    with pytest.raises(ConflictError):
        accounts.delete(ada.user_id)
    with pytest.raises(ConflictError):
        accounts.set_role(ada.user_id, UserRole.VIEWER)
    accounts.set_role(grace.user_id, UserRole.ADMIN)
    accounts.delete(ada.user_id)
    with pytest.raises(NotFoundError):
        accounts.user(ada.user_id)
    with pytest.raises(NotFoundError):
        accounts.named("Ada")
