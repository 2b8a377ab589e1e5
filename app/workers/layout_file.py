"""The file that keeps the console's looks from run to run: JSON, renamed into place, never trusted when read."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

VERSION = 1
BYTES_MOST = 1 << 20

_log = logging.getLogger(__name__)


class LayoutFile:
    """Read once before the window is made; written in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: threading.Thread | None = None
        self.problem = ""  # why it could not be read, in words for people

    def read(self) -> dict[str, Any]:
        """What was kept; empty if there is none, or if it can't be read: then `problem` says why."""
        try:
            if self._path.stat().st_size > BYTES_MOST:
                raise ValueError("it is too large")
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            if not isinstance(kept, dict) or kept.get("version") != VERSION:
                raise ValueError("it is of another version")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            self.problem = f"The window's layout could not be read, so it is as made ({error})"
            return {}
        return kept

    def write(self, kept: dict[str, Any]) -> None:
        """Keep this, without waiting for the disk. While one is being written, the next has to be given again."""
        if self._writer is None or not self._writer.is_alive():
            text = json.dumps({**kept, "version": VERSION}, indent=1)
            self._writer = threading.Thread(target=self._write, args=(text,), name="layout", daemon=True)
            self._writer.start()

    def finish(self, kept: dict[str, Any]) -> None:
        """Keep this, and return when it is written."""
        self.wait()
        self.write(kept)
        self.wait()

    def wait(self) -> None:
        """Until nothing is being written, for five seconds at most."""
        if self._writer is not None:
            self._writer.join(5.0)

    def _write(self, text: str) -> None:
        beside = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(text, encoding="utf-8")
            beside.replace(self._path)
        except OSError as error:
            _log.info("the window's layout could not be kept: %s", error)
