from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres_server import PostgresServer, find_server
from transfer_core.server.coordinator.base import CoordinatorStore
from transfer_core.server.coordinator.opening import open_store


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real server, or a skip that says so."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: the PostgreSQL store is NOT tested")
    programs = find_server()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed here: the PostgreSQL store is NOT tested")
    server = PostgresServer(programs)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CoordinatorStore]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres").url
    opened = open_store(url, tmp_path, "now")
    yield opened
    opened.close()
