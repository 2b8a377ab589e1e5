"""Reads a `camera_config.json`: an object of cameras, each with its `src` folder and its `dest_path`. Pure.

    {"camera04": {"src": "/data/ring_buffer_jpg/camera04", "dest_path": "/mnt/disk-01/race/"}}

A camera's frames go to `dest_path/camera`, below the relay's own folder: a path on another machine is its business.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from transfer_core.errors import ConfigError
from transfer_core.ingest.selection import clean_folder

_KEYS = frozenset({"src", "dest_path"})


@dataclass(frozen=True, slots=True)
class Camera:
    """One entry."""

    name: str
    source: str
    dest_path: str


def parse_camera_config(text: str) -> list[Camera]:
    """The cameras in the order of the file. ConfigError names what can't be used; then none is taken."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"this is no JSON: {error}", hint="Correct the camera configuration.") from error
    except RecursionError as error:
        raise ConfigError("this JSON is nested too deeply") from error
    if not isinstance(value, dict) or not value:
        raise ConfigError("a camera configuration is an object of cameras", hint='Write {"camera01": {"src": ...}}.')
    return [_camera(name, entry) for name, entry in value.items()]


def _camera(name: str, entry: object) -> Camera:
    if not isinstance(entry, dict):
        raise ConfigError(f"{name!r} is no object", hint='It needs "src" and "dest_path".')
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise ConfigError(f"{name!r} has an unknown key {unknown[0]!r}", hint='Known are "src" and "dest_path".')
    source, dest_path = entry.get("src"), entry.get("dest_path", "")
    if not isinstance(source, str) or not source:
        raise ConfigError(f'{name!r} has no "src"', hint="Name the folder that the camera writes to.")
    if not isinstance(dest_path, str):
        raise ConfigError(f'"dest_path" of {name!r} is no text')
    folder = clean_folder(dest_path)
    if not f"/{folder}".endswith(f"/{name}"):
        folder = f"{folder}/{name}".lstrip("/")
    return Camera(name, source, folder)
