"""Whether anything at all may be sent: a person may pause everything, and the timetable may let nothing pass."""

from __future__ import annotations

from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.runner import JobRunner
from transfer_core.engine.targets import Targets
from transfer_core.jobs.store import JobStore

PAUSED_KEY = "paused_all"
_PAUSED_WHY = "everything is paused"
_CLOSED_WHY = "the timetable lets nothing pass in this hour"


class Gate:
    """Of the whole engine. Touched by the clerk's thread alone, but for `is_paused`, which anyone may read."""

    def __init__(self, store: JobStore, loop: AgentLoop, runner: JobRunner, targets: Targets) -> None:
        self._store, self._loop, self._runner, self._targets = store, loop, runner, targets
        self.is_paused = bool(store.setting(PAUSED_KEY))
        self._is_closed = False

    @property
    def lets_pass(self) -> bool:
        """Whether more may be begun."""
        return not self.is_paused and not self._is_closed

    def pause(self, paused: bool) -> None:
        """Send nothing at all, or go on; also after the next start."""
        self.is_paused = paused
        self._store.set_setting(PAUSED_KEY, paused)
        if paused:
            self._runner.halt_uploads(_PAUSED_WHY)
        self._hold_loop()

    def close_for_now(self, closed: bool) -> None:
        """The timetable lets nothing pass, or something again."""
        self._is_closed = closed
        if closed:
            self._runner.halt_uploads(_CLOSED_WHY)
        self._targets.say_why(_CLOSED_WHY if closed else "")
        self._hold_loop()

    def say_why(self) -> None:
        """Have the jobs that were queued meanwhile say why they wait, too."""
        if self._is_closed:
            self._targets.say_why(_CLOSED_WHY)

    def _hold_loop(self) -> None:
        """Tell the loop."""
        held = not self.lets_pass
        self._loop.loop.post(lambda: self._loop.set_paused(held))
