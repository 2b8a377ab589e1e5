"""Files that agents are asked to wait with, since the disk is full or does not answer, and when they go on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping

from transfer_core.engine.disk_thread import DiskThread
from transfer_core.errors import DrsError, WriteFailed
from transfer_core.protocol.wire.chunk_record import CHUNK_BYTES_MAX
from transfer_core.server.disk_silence import DiskNews, DiskPulse, DiskSilence
from transfer_core.server.intake import Intake
from transfer_core.server.relay_session import RelaySession
from transfer_core.units import NS_PER_S

_LOG = logging.getLogger(__name__)


class HeldFiles:
    """`threads` are those that wait for the disk, by name; `offer` offers a file again. For the loop's thread."""

    def __init__(
        self,
        intake: Intake,
        threads: Mapping[str, DiskThread],
        *,
        tell: Callable[..., None],
        offer: Callable[[RelaySession, int], None],
    ) -> None:
        self._intake, self._threads, self._tell, self._offer = intake, threads, tell, offer
        self._silence = DiskSilence()

    def hold(self, session: RelaySession, number: int, error: DrsError) -> None:
        """Ask the agent to wait with a file; `look` ends it."""
        _LOG.info("%s", error.one_line())
        session.protocol.hold_file(number, error.code, error.message)
        if error.code not in session.held.values():
            self._tell("full", code=error.code, text=error.message)
        session.held[number] = error.code

    def look(self, sessions: Collection[RelaySession], now_ns: int) -> None:
        """Look at the disk: whether it answers, and whether there is room for what waits."""
        pulses = {name: DiskPulse(each.calls_begun, each.is_busy, each.cpu_ns) for name, each in self._threads.items()}
        news = self._silence.look(now_ns, pulses)
        if news is not None:
            self._pass_on(news, sessions)
        if self._silence.is_silent:
            return  # to ask for room might take as long as its answer
        for session in sessions:
            if session.held:
                self._release_what_fits(session)

    def _pass_on(self, news: DiskNews, sessions: Collection[RelaySession]) -> None:
        """Say so when the disk does not answer any more, and when it does again; files wait meanwhile."""
        text = f"the relay's disk has not answered for {news.silent_ns // NS_PER_S} s"
        if news.is_silent:
            _LOG.warning("%s (%s waits for it)", text, news.thread)
            self._tell("disk", answers=False, code=WriteFailed.code, text=text, thread=news.thread)
        else:
            self._tell("disk", answers=True, text="the relay's disk answers again", thread=news.thread)
        for session in sessions:
            for number in set(session.arriving) - set(session.held):
                if news.is_silent:
                    session.protocol.hold_file(number, WriteFailed.code, text)
                else:
                    session.protocol.release_file(number)

    def _release_what_fits(self, session: RelaySession) -> None:
        free = self._intake.free_bytes()
        for number in list(session.held):
            if number not in session.arriving:
                self._offer(session, number)
            elif free > 4 * CHUNK_BYTES_MAX or free > session.arriving[number].offer.size:
                del session.held[number]
                session.protocol.release_file(number)
