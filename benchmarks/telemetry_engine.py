"""`python -m benchmarks.telemetry_engine`: an engine's process that also serves viewers, as `telemetry serve` does.

Where to watch, and with which token, is written into the state directory once it runs.
"""

from __future__ import annotations

import json
from pathlib import Path

from transfer_core.engine.apart.child import main
from transfer_core.engine.local_service import LocalService
from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.server.races.accounts import Accounts, UserRole
from transfer_core.server.races.race_side import RaceAddresses, RaceSide

PASSWORD = "bench bench bench"
NOTE = "viewers.json"


class ServingService(LocalService):
    """With a race side."""

    def __init__(self, state_dir: Path, simulation: Path | None = None) -> None:
        super().__init__(state_dir, simulation=simulation)
        self._accounts = Accounts(state_dir / "accounts", SystemClock(), SystemEntropy())
        self._side: RaceSide | None = None

    def start(self) -> None:
        """Both."""
        super().start()
        self._accounts.create("bench", PASSWORD, UserRole.ADMIN)
        token, _ = self._accounts.login("bench", PASSWORD)
        addresses = RaceAddresses(("127.0.0.1", 0), ("127.0.0.1", 0))
        self._side = RaceSide(self.telemetry, self._accounts, SystemClock(), addresses)
        self._side.start()
        (self._state_dir / NOTE).write_text(json.dumps({"url": self._side.viewers_url, "token": token}))

    def stop(self) -> None:
        """Both."""
        if self._side is not None:
            self._side.stop()
            self._side = None
        self._accounts.close()
        super().stop()


if __name__ == "__main__":
    main(ServingService)
