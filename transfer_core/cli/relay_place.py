"""Where the relay of a state receives into, for commands beside it."""

from __future__ import annotations

from pathlib import Path

DIRECTORY_FILE = "relay.directory"


def keep_directory(state: Path, directory: Path) -> None:
    """Remember where the relay receives into."""
    (state / DIRECTORY_FILE).write_text(f"{directory.resolve()}\n", encoding="utf-8", errors="surrogateescape")


def kept_directory(state: Path) -> Path | None:
    """Where the relay receives into, or did when it ran last."""
    try:
        text = (state / DIRECTORY_FILE).read_text(encoding="utf-8", errors="surrogateescape").strip()
    except OSError:
        return None
    return Path(text) if text else None
