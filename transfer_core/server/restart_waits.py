"""How long to wait before a process that died is started again: twice as long each time, unless it lived for long."""

from __future__ import annotations

from dataclasses import dataclass

WAIT_FIRST_S, WAIT_LAST_S = 0.5, 30.0
WRONG_USAGE = 2  # an exit code after which no start helps
LONG_S = 60.0  # one that lived so long begins with the first wait again


@dataclass(slots=True)
class RestartWaits:
    """Of one process that is started again and again."""

    first_s: float = WAIT_FIRST_S
    times: int = 0
    _next_s: float = 0.0

    def after(self, lived_s: float) -> float:
        """How long to wait, once more, after one that lived so long."""
        self.times += 1
        wait_s = self.first_s if lived_s > LONG_S or not self._next_s else self._next_s
        self._next_s = min(2 * wait_s, WAIT_LAST_S)
        return wait_s


def how_it_ended(code: int) -> str:
    """An exit code for people."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
