"""The limits of alarms as a file that people may write: `alarms.json` in the folder of telemetry."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from transfer_core.errors import ConfigError, WriteFailed
from transfer_core.events.alarm_limits import AlarmLimits, parse_rule
from transfer_core.storage.durable import sync_file, sync_folder

FILE = "alarms.json"
_BYTES_MAX = 64 * 1024


def read_limits(folder: Path) -> AlarmLimits:
    """What the file says; what it leaves out is as usual, as is all without a file. ConfigError names what is wrong."""
    path = folder / FILE
    try:
        text = path.read_bytes()[:_BYTES_MAX].decode()
        document = json.loads(text)
    except FileNotFoundError:
        return AlarmLimits()
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} can't be read: {error}", hint="Correct the file, or delete it.") from error
    return limits_of(document, str(path))


def limits_of(document: Any, where: str) -> AlarmLimits:
    """Limits of a JSON object. ConfigError."""
    known = {each.name for each in fields(AlarmLimits)}
    if not isinstance(document, dict) or document.keys() - known:
        odd = ", ".join(sorted(document.keys() - known)) if isinstance(document, dict) else "it is no object"
        raise ConfigError(f"{where} is not understood: {odd}", hint="It may have: " + ", ".join(sorted(known)))
    shares: dict[str, Any] = {}
    for name, value in document.items():
        if name == "rules":
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                raise ConfigError(f"{where}: rules is no list of texts", hint='Write ["Speed > 40", ...].')
            shares[name] = tuple(parse_rule(each) for each in value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            shares[name] = float(value)
        else:
            raise ConfigError(f"{where}: {name} is no number")
    return AlarmLimits(**shares).checked()


def limits_object(limits: AlarmLimits) -> dict[str, Any]:
    """Limits as JSON."""
    shares = {each.name: getattr(limits, each.name) for each in fields(limits) if each.name != "rules"}
    return {**shares, "rules": [str(rule) for rule in limits.rules]}


def write_limits(folder: Path, limits: AlarmLimits) -> None:
    """Keep them. WriteFailed, and the file is as it was."""
    path, fresh = folder / FILE, folder / f"{FILE}.new"
    try:
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(limits_object(limits), file, indent=2)
            file.write("\n")
            file.flush()
            sync_file(file.fileno())
        fresh.replace(path)
        sync_folder(folder)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise WriteFailed(f"{path} can't be written: {error.strerror or error}") from error
