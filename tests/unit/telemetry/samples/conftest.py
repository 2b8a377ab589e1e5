from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres_server import PostgresServer, find_server
from transfer_core.engine.system import SystemClock
from transfer_core.telemetry.samples.base import SampleStore
from transfer_core.telemetry.samples.opening import open_samples


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
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SampleStore]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres").url
    opened = open_samples(url, tmp_path, SystemClock())
    yield opened
    opened.close()


@pytest.fixture
def race() -> str:
    """A new name each time, since the server's database is one for all tests."""
    return uuid.uuid4().hex
