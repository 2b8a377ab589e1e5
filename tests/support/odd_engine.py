"""`python -m tests.support.odd_engine`: an engine's process whose service does what tests wish, over the real pipes."""

from __future__ import annotations

import gc
import logging
import os
import sys
import time
from pathlib import Path

from tests.support.fake_service import FakeService
from transfer_core.engine.apart.child import main
from transfer_core.errors import StateNewer


class OddService(FakeService):
    """Takes the name of the state folder as the wish."""

    def __init__(self, state_dir: Path, simulation: Path | None = None) -> None:
        super().__init__()
        self._wish = state_dir.name
        if self._wish == "newer":
            raise StateNewer("it was written by a newer version")
        if self._wish == "collector":
            raise StateNewer(f"it looks after {gc.get_threshold()[0]} objects")
        if self._wish == "broken":
            sys.stderr.write("the last words of a broken engine\n")
            os._exit(3)

    def scan(self) -> list:
        """Prints, logs and fails."""
        sys.stdout.write("this is no frame\n")
        sys.stdout.flush()
        os.write(1, b"nor is this\n")
        logging.getLogger("engine.odd").warning("the disk is slow")
        raise ZeroDivisionError("odd")

    def history(self, **_: object) -> list:
        """Hangs, as on a disk that has gone, while everything else is answered."""
        time.sleep(60.0)
        return []

    notices = history

    def stop(self) -> None:
        """Too long, if it was wished."""
        if self._wish == "stuck":
            time.sleep(60.0)


if __name__ == "__main__":
    main(OddService)
