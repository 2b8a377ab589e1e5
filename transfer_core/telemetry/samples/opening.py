"""Opens the sample store that the settings name: a PostgreSQL address, or else SQLite beside the recordings."""

from __future__ import annotations

from pathlib import Path

from transfer_core.clock import Clock
from transfer_core.errors import ConfigError
from transfer_core.telemetry.samples.base import SampleStore

FILE = "samples.db"
SCHEMES = ("postgresql://", "postgres://")


def open_samples(url: str, folder: Path, clock: Clock) -> SampleStore:
    """ConfigError for an address of another kind. An empty one is SQLite in `folder`."""
    if not url:
        from transfer_core.telemetry.samples.sqlite import SqliteSamples  # noqa: PLC0415 - a driver

        return SqliteSamples(folder / FILE, clock)
    if url.startswith(SCHEMES):
        from transfer_core.telemetry.samples.postgres import PostgresSamples  # noqa: PLC0415 - a driver

        return PostgresSamples(url)
    raise ConfigError("samples can't be kept there", hint="Write postgresql://USER@HOST/NAME, or nothing for SQLite.")
