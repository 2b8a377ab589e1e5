"""Whom a relay knows, and which tokens it gave out."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import Enum, auto

from transfer_core.storage.database import transaction
from transfer_core.storage.relay_database import RelayDatabase
from transfer_core.storage.safe_path import safe_name
from transfer_core.units import NS_PER_S, utc_iso


class Verdict(Enum):
    """What to do with a hello."""

    ACCEPT = auto()
    SILENCE = auto()
    EXPIRED = auto()
    USED = auto()
    REVOKED = auto()


@dataclass(frozen=True, slots=True)
class KnownAgent:
    """An agent that has paired."""

    public_key: bytes
    name: str
    folder: str
    paired_at: str
    revoked: bool


class AgentTable(RelayDatabase):
    """Agents that have paired, and tokens."""

    def keep_token(self, secret: bytes, expires_s: int) -> None:
        """Remember a token by the hash of its secret."""
        with self._lock, transaction(self._db) as db:
            db.execute("INSERT INTO token VALUES (?, ?, NULL)", (_hash(secret), expires_s))

    def judge(self, public_key: bytes, counter: int, name: str, secret: bytes | None) -> Verdict:
        """Decide on a hello; one that is accepted moves the agent's counter, and uses the token up."""
        with self._lock, transaction(self._db):
            return self._judge(public_key, counter, name, secret)

    def _judge(self, public_key: bytes, counter: int, name: str, secret: bytes | None) -> Verdict:
        agent = self._db.execute("SELECT * FROM agent WHERE public_key = ?", (public_key,)).fetchone()
        if agent is not None and not agent["revoked"]:
            if counter <= agent["hello_counter"]:
                return Verdict.SILENCE
            self._db.execute("UPDATE agent SET hello_counter = ? WHERE public_key = ?", (counter, public_key))
            return Verdict.ACCEPT
        token = None
        if secret is not None:
            token = self._db.execute("SELECT * FROM token WHERE secret_hash = ?", (_hash(secret),)).fetchone()
        if token is None:
            return Verdict.REVOKED if agent is not None else Verdict.SILENCE
        if token["used_by"] is not None:
            return Verdict.USED
        if token["expires_s"] * NS_PER_S < self._clock.wall_ns():
            return Verdict.EXPIRED
        self._db.execute("UPDATE token SET used_by = ? WHERE secret_hash = ?", (public_key, token["secret_hash"]))
        self._db.execute(
            "INSERT INTO agent (public_key, name, folder, paired_at, hello_counter) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (public_key) DO UPDATE SET revoked = 0, hello_counter = excluded.hello_counter",
            (public_key, name, self._free_folder(name), utc_iso(self._clock.wall_ns()), counter),
        )
        return Verdict.ACCEPT

    def _free_folder(self, name: str) -> str:
        letters = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in name).strip("-")[:60]
        plain = safe_name(letters or "agent")
        taken = {row[0].casefold() for row in self._db.execute("SELECT folder FROM agent")}
        folder, number = plain, 2
        while folder.casefold() in taken:  # two that differ in case only are one on Windows and macOS
            folder, number = f"{plain}-{number}", number + 1
        return folder

    def agents(self) -> list[KnownAgent]:
        """All agents that have paired."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM agent ORDER BY paired_at").fetchall()
        return [KnownAgent(r["public_key"], r["name"], r["folder"], r["paired_at"], bool(r["revoked"])) for r in rows]

    def folder_of(self, public_key: bytes) -> str:
        """The folder of an agent's files, below the relay's."""
        with self._lock:
            row = self._db.execute("SELECT folder FROM agent WHERE public_key = ?", (public_key,)).fetchone()
        return str(row[0])

    def revoke(self, name: str) -> int:
        """Trust agents of that name or folder no more, until they pair again; how many there were."""
        with self._lock, transaction(self._db) as db:
            return db.execute("UPDATE agent SET revoked = 1 WHERE name = ? OR folder = ?", (name, name)).rowcount


def _hash(secret: bytes) -> bytes:
    return hmac.digest(b"drs-sync pairing secret", secret, hashlib.sha256)
