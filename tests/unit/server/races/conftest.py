from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from argon2 import PasswordHasher

from tests.support.telemetry_world import Around, desk_in
from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.server.races.accounts import Accounts, UserRole
from transfer_core.server.races.race_side import RaceAddresses, RaceSide
from transfer_core.telemetry.desk import TelemetryDesk

PASSWORD = "correct horse"


@dataclass
class Team:
    """A server, and people who ask it."""

    side: RaceSide
    desk: TelemetryDesk
    accounts: Accounts
    tokens: dict[str, str]
    ids: dict[str, int]

    def ask(self, method: str, path: str, who: str = "", **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        return requests.request(method, self.side.http_url + path, headers=headers, timeout=20, **more)


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    """Ada is an admin, Eve and Ed are engineers, Vic is a viewer."""
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    accounts = Accounts(tmp_path / "accounts", SystemClock(), SystemEntropy(), cheap)
    with desk_in(tmp_path / "desk", Around()) as desk:
        addresses = RaceAddresses(("127.0.0.1", 0), ("127.0.0.1", 0))
        side = RaceSide(desk, accounts, SystemClock(), addresses)
        side.start()
        made = Team(side, desk, accounts, {}, {})
        roles = {"Ada": UserRole.ADMIN, "Eve": UserRole.ENGINEER, "Ed": UserRole.ENGINEER, "Vic": UserRole.VIEWER}
        for name, role in roles.items():
            made.ids[name] = accounts.create(name, PASSWORD, role).user_id
            made.tokens[name], _ = accounts.login(name, PASSWORD)
        yield made
        side.stop()
    accounts.close()
