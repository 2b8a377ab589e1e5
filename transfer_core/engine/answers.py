"""Whether a relay answers: told once it does, and once it has not for a while, with why. In the loop's thread.

no session      it is offline when no hello was answered for three seconds, unless it has just refused this agent
a session       it is offline when no path has heard anything for a second, and online when one hears again
"""

from __future__ import annotations

from collections.abc import Callable

from transfer_core.engine.uplink import Uplink
from transfer_core.protocol.sender import SenderSession
from transfer_core.units import NS_PER_S

ANSWER_NS = 3 * NS_PER_S
SILENT_NS = NS_PER_S


class Answers:
    """`tell` is called with a relay's uplink, whether it answers, and why not; also if that is no news."""

    def __init__(self, tell: Callable[[Uplink, bool, str], None]) -> None:
        self._tell = tell

    def look(self, uplink: Uplink, now_ns: int, *, has_links: bool) -> None:
        """Once a turn."""
        session = uplink.session
        if session is None or session.closed:
            self._note_no_answer(uplink, now_ns, has_links=has_links)
        else:
            self._note_silence(uplink, session, now_ns)

    def _note_silence(self, uplink: Uplink, session: SenderSession, now_ns: int) -> None:
        heard = any(not path.sender.is_silent and path.last_heard_ns is not None for path in session.paths.values())
        if heard:
            uplink.silent_since_ns = None
            self._tell(uplink, True, "")
        elif uplink.silent_since_ns is None:
            uplink.silent_since_ns = now_ns
        elif now_ns - uplink.silent_since_ns > SILENT_NS:
            self._tell(uplink, False, "the relay does not answer over any link")

    def _note_no_answer(self, uplink: Uplink, now_ns: int, *, has_links: bool) -> None:
        if uplink.asked_since_ns is None:
            uplink.asked_since_ns = now_ns
        elif now_ns - uplink.asked_since_ns > ANSWER_NS and now_ns >= uplink.refused_until_ns:
            where = ", ".join(f"{host}:{port}" for host, port in uplink.target.addresses) or "its address"
            silent = f"nothing comes back from {where} that this relay's key could have signed"
            self._tell(uplink, False, silent if has_links else "no link is up that could reach the relay")
