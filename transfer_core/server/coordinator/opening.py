"""Opens the coordinator's store: a PostgreSQL address, or else SQLite in the relay's state."""

from __future__ import annotations

from pathlib import Path

from transfer_core.errors import ConfigError
from transfer_core.server.coordinator.base import CoordinatorStore

FILE = "coordinator.sqlite3"
SCHEMES = ("postgresql://", "postgres://")


def open_store(url: str, state_dir: Path, now_text: str) -> CoordinatorStore:
    """ConfigError for an address of another kind. An empty one is SQLite in `state_dir`."""
    if not url:
        from transfer_core.server.coordinator.sqlite import SqliteCoordinatorStore  # noqa: PLC0415 - a driver

        return SqliteCoordinatorStore(state_dir / FILE, now_text)
    if url.startswith(SCHEMES):
        from transfer_core.server.coordinator.postgres import PostgresCoordinatorStore  # noqa: PLC0415 - a driver

        return PostgresCoordinatorStore(url)
    raise ConfigError("nodes can't be kept there", hint="Write postgresql://USER@HOST/NAME, or nothing for SQLite.")
