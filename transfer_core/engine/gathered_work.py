"""Disk work that the loop asks for in one turn, done and answered together.

To wake a thread costs about as much as the work on a small file. So what comes up within a turn is handed over at its
end, as one call, and what has to be told about all of it comes back as one call too. Order is kept. Where all of it
is patient, the loop hears of it together with what follows within milliseconds (`EventLoop.post_soon`). Work that takes
long is answered for in between, so that the loop goes on with what is done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from transfer_core.engine.disk_thread import DiskThread
from transfer_core.engine.event_loop import EventLoop

_LOG = logging.getLogger(__name__)
ANSWER_S = 0.001  # so long an answer waits for the next one: a frame of 1.5 MB is read in about that
Answer = Callable[[], None]


class GatheredWork:
    """Used by the loop's thread. Work is done in the disk's thread; what it returns is called in the loop's."""

    def __init__(self, loop: EventLoop, disk: DiskThread) -> None:
        self._loop, self._disk = loop, disk
        self._gathered: list[Callable[[], Answer | None]] = []
        self._is_patient = True

    def add(self, work: Callable[[], Answer | None], *, is_patient: bool = False) -> None:
        """Have this done after the next `flush`. Work reports its own failures; what it raises ends up in the log.

        `is_patient`: its answer may come some milliseconds later, with others; order is kept among patient ones.
        """
        self._gathered.append(work)
        self._is_patient &= is_patient

    def flush(self) -> None:
        """Hand over what was added since the last time."""
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            tell = self._loop.post_soon if self._is_patient else self._loop.post
            self._is_patient = True
            self._disk.post(lambda: _do(gathered, tell))


def _do(gathered: list[Callable[[], Answer | None]], tell: Callable[[Answer], None]) -> None:
    answers: list[Answer] = []
    answered_s = time.perf_counter()
    for work in gathered:
        try:
            answer = work()
        except Exception:  # noqa: BLE001 - all files share this thread; one may not keep the others waiting
            _LOG.exception("disk work failed in an unforeseen way")
            continue
        if answer is not None:
            answers.append(answer)
        if answers and time.perf_counter() - answered_s > ANSWER_S:
            tell(partial(_give, answers))
            answers, answered_s = [], time.perf_counter()
    if answers:
        tell(partial(_give, answers))


def _give(answers: list[Answer]) -> None:
    for answer in answers:
        answer()
