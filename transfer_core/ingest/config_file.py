"""Reads the file of a camera configuration."""

from __future__ import annotations

from pathlib import Path

from transfer_core.errors import NotFoundError

CONFIG_BYTES_MAX = 4 << 20


def read_camera_config(file: Path) -> str:
    """Its text, for `parse_camera_config`. NotFoundError if it can't be read."""
    try:
        if file.stat().st_size > CONFIG_BYTES_MAX:
            raise NotFoundError(f"{file} is too large for a camera configuration", hint="Name the right file.")
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        hint = "Name a camera_config.json."
        raise NotFoundError(f"{file} can't be read: {error.strerror or error}", hint=hint) from error
