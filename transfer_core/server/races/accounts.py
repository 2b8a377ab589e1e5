"""Who may what: users with a role, argon2id passwords, opaque sessions, and tokens to set a new password.

Of sessions and reset tokens only the SHA-256 is kept: they are 256 random bits, which no hash has to protect from
guessing. A name that is not known costs as much time as a wrong password and gets the same answer. A reset token counts
once and for an hour; using one ends all sessions of its user. Deleted names are not given out again, so that nobody
inherits what belonged to another.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from transfer_core.clock import Clock
from transfer_core.entropy import Entropy
from transfer_core.errors import ConflictError, CredentialRefused, NotFoundError, TokenInvalid, UsageError
from transfer_core.storage.database import open_database, transaction
from transfer_core.units import NS_PER_S, utc_iso

FILE = "accounts.db"
PASSWORD_MIN, PASSWORD_MAX, NAME_MAX = 8, 1024, 64
IDLE_NS = 12 * 3600 * NS_PER_S  # a session that nobody uses ends
LONGEST_NS = 7 * 24 * 3600 * NS_PER_S  # and so does any other
RESET_NS = 3600 * NS_PER_S
HASHING_MAX = 2  # at once: each takes 64 MiB and a core
WRONG = "the name or the password is wrong"
_SCHEMA = """
CREATE TABLE user (
    user_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at TEXT NOT NULL,
    asked_reset_at TEXT,
    deleted_at TEXT
) STRICT;
CREATE TABLE session (
    token_hash BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL,
    created_ns INTEGER NOT NULL,
    used_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE reset (token_hash BLOB PRIMARY KEY, user_id INTEGER NOT NULL, expires_ns INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;
"""


class UserRole(StrEnum):
    """Each may what those before may."""

    VIEWER = "viewer"  # watch races, see what is shared with them
    ENGINEER = "engineer"  # create races, and do all with their own
    ADMIN = "admin"  # everything


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account."""

    user_id: int
    name: str
    role: UserRole
    created_at: str
    asked_reset_at: str | None


class Accounts:
    """Safe from any thread; `login`, `create` and `reset` take about 50 ms of a core."""

    def __init__(self, folder: Path, clock: Clock, entropy: Entropy, hasher: PasswordHasher | None = None) -> None:
        """StateError, DiskFull. Without a hasher passwords cost what RFC 9106 asks of a machine with little memory."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        now = utc_iso(clock.wall_ns())
        self._connection, self.quarantined = open_database(folder / FILE, [_SCHEMA], now_text=now)
        self._clock, self._entropy = clock, entropy
        self._lock = threading.RLock()
        self._hasher = hasher or PasswordHasher()
        self._hashing = threading.BoundedSemaphore(HASHING_MAX)
        self._nobodys = self._hasher.hash("the password of a name that is not known")

    # --- users
    def create(self, name: str, password: str, role: UserRole | None = None) -> User:
        """A new account; without a role the first is an admin's and all others viewers'. UsageError, ConflictError."""
        name = " ".join(name.split())
        if not 1 <= len(name) <= NAME_MAX or not name.isprintable():
            raise UsageError(f"a user name has 1 to {NAME_MAX} characters", hint="Choose another one.")
        hashed = self._hash(password)
        with self._writing() as connection:
            first = connection.execute("SELECT 1 FROM user WHERE deleted_at IS NULL").fetchone() is None
            chosen = role or (UserRole.ADMIN if first else UserRole.VIEWER)
            if connection.execute("SELECT 1 FROM user WHERE folded = ?", (name.casefold(),)).fetchone():
                raise ConflictError("that user name is taken", hint="Choose another one.")
            added = connection.execute(
                "INSERT INTO user (name, folded, password, role, created_at) VALUES (?, ?, ?, ?, ?)",
                (name, name.casefold(), hashed, chosen.value, utc_iso(self._clock.wall_ns())),
            )
            assert added.lastrowid is not None
        return self.user(added.lastrowid)

    def users(self) -> list[User]:
        """All, by name."""
        with self._lock:
            rows = self._connection.execute("SELECT * FROM user WHERE deleted_at IS NULL ORDER BY folded").fetchall()
        return [_user(row) for row in rows]

    def user(self, user_id: int) -> User:
        """One. NotFoundError."""
        with self._lock:
            row = self._connection.execute(
                "SELECT * FROM user WHERE user_id = ? AND deleted_at IS NULL", (user_id,)
            ).fetchone()
        if row is None:
            raise NotFoundError(f"there is no user {user_id}", hint="Ask an admin for the list.")
        return _user(row)

    def named(self, name: str) -> User:
        """One by name. NotFoundError."""
        row = self._row(name)
        if row is None:
            raise NotFoundError(f"there is no user {name!r}", hint="Ask an admin for the list.")
        return _user(row)

    def _row(self, name: str) -> sqlite3.Row | None:
        folded = " ".join(name.split()).casefold()
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(
                "SELECT * FROM user WHERE folded = ? AND deleted_at IS NULL", (folded,)
            ).fetchone()
        return row

    def set_role(self, user_id: int, role: UserRole) -> User:
        """Another role; sessions end, so that none keeps the old one. NotFoundError; ConflictError: the last admin."""
        self._keep_an_admin(user_id, role)
        with self._writing() as connection:
            connection.execute("UPDATE user SET role = ? WHERE user_id = ?", (role.value, user_id))
            connection.execute("DELETE FROM session WHERE user_id = ?", (user_id,))
        return self.user(user_id)

    def delete(self, user_id: int) -> None:
        """End an account. NotFoundError, ConflictError for the last admin."""
        self._keep_an_admin(user_id, None)
        with self._writing() as connection:
            now = utc_iso(self._clock.wall_ns())
            connection.execute("UPDATE user SET deleted_at = ?, password = '' WHERE user_id = ?", (now, user_id))
            for table in ("session", "reset"):
                connection.execute(f"DELETE FROM {table} WHERE user_id = ?", (user_id,))

    def _keep_an_admin(self, user_id: int, role: UserRole | None) -> None:
        user = self.user(user_id)
        others = [each for each in self.users() if each.role is UserRole.ADMIN and each.user_id != user_id]
        if user.role is UserRole.ADMIN and role is not UserRole.ADMIN and not others:
            raise ConflictError(f"{user.name!r} is the only admin", hint="Make somebody else an admin first.")

    # --- sessions
    def login(self, name: str, password: str) -> tuple[str, User]:
        """A new session's token. CredentialRefused, the same for an unknown name and a wrong password."""
        row = self._row(name)
        if not self._verify(self._nobodys if row is None else row["password"], password) or row is None:
            raise CredentialRefused(WRONG, hint="Check both, or ask an admin for a reset token.")
        if self._hasher.check_needs_rehash(row["password"]):
            rehashed = self._hash(password)
            with self._writing() as connection:
                connection.execute("UPDATE user SET password = ? WHERE user_id = ?", (rehashed, row["user_id"]))
        token, now_ns = self._token(), self._clock.wall_ns()
        with self._writing() as connection:
            connection.execute("DELETE FROM session WHERE created_ns < ?", (now_ns - LONGEST_NS,))
            connection.execute(
                "INSERT INTO session VALUES (?, ?, ?, ?)", (_hash_of(token), row["user_id"], now_ns, now_ns)
            )
        return token, _user(row)

    def whose(self, token: str) -> User:
        """Whose session this is. CredentialRefused if it is none, or over."""
        now_ns, hashed = self._clock.wall_ns(), _hash_of(token)
        with self._lock:
            row = self._connection.execute("SELECT * FROM session WHERE token_hash = ?", (hashed,)).fetchone()
            if row is None or now_ns - row["created_ns"] > LONGEST_NS or now_ns - row["used_ns"] > IDLE_NS:
                raise CredentialRefused("there is no such session", hint="Log in again.")
            if now_ns - row["used_ns"] > 60 * NS_PER_S:
                with transaction(self._connection):
                    self._connection.execute("UPDATE session SET used_ns = ? WHERE token_hash = ?", (now_ns, hashed))
            return self.user(row["user_id"])

    def logout(self, token: str) -> None:
        """End a session."""
        with self._writing() as connection:
            connection.execute("DELETE FROM session WHERE token_hash = ?", (_hash_of(token),))

    # --- a new password
    def ask_reset(self, name: str) -> None:
        """Note that somebody wants a new password; the same whether there is such a name or not."""
        folded = " ".join(name.split()).casefold()
        with self._writing() as connection:
            connection.execute(
                "UPDATE user SET asked_reset_at = ? WHERE folded = ? AND deleted_at IS NULL",
                (utc_iso(self._clock.wall_ns()), folded),
            )

    def make_reset(self, user_id: int) -> str:
        """A token with which that user can set a new password once, within an hour. NotFoundError."""
        self.user(user_id)
        token = self._token()
        with self._writing() as connection:
            connection.execute("DELETE FROM reset WHERE user_id = ?", (user_id,))
            connection.execute(
                "INSERT INTO reset VALUES (?, ?, ?)", (_hash_of(token), user_id, self._clock.wall_ns() + RESET_NS)
            )
            connection.execute("UPDATE user SET asked_reset_at = NULL WHERE user_id = ?", (user_id,))
        return token

    def reset(self, token: str, password: str) -> User:
        """Set a new password and end all sessions. TokenInvalid, UsageError for the password."""
        hashed = self._hash(password)
        with self._writing() as connection:
            row = connection.execute("SELECT * FROM reset WHERE token_hash = ?", (_hash_of(token),)).fetchone()
            if row is None or row["expires_ns"] < self._clock.wall_ns():
                raise TokenInvalid("the reset token is not known, used, or over", hint="Ask an admin for a new one.")
            user_id = row["user_id"]
            connection.execute("DELETE FROM reset WHERE user_id = ?", (user_id,))
            connection.execute("UPDATE user SET password = ? WHERE user_id = ?", (hashed, user_id))
            connection.execute("DELETE FROM session WHERE user_id = ?", (user_id,))
        return self.user(user_id)

    def close(self) -> None:
        """Let go of it."""
        with self._lock:
            self._connection.close()

    # --- hashing
    def _token(self) -> str:
        return self._entropy.token_bytes(32).hex()

    def _hash(self, password: str) -> str:
        if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
            raise UsageError(f"a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters", hint="Choose another one.")
        with self._hashing:
            return self._hasher.hash(password)

    def _verify(self, hashed: str, password: str) -> bool:
        with self._hashing:
            try:
                return self._hasher.verify(hashed, password[:PASSWORD_MAX])
            except (VerificationError, InvalidHashError):
                return False

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, transaction(self._connection) as connection:
            yield connection


def _hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _user(row: sqlite3.Row) -> User:
    return User(row["user_id"], row["name"], UserRole(row["role"]), row["created_at"], row["asked_reset_at"])
