"""Says of each destination over HTTP whether it is there, by a cheap request now and then.

A probe may have to wait for a network that is not there, so each runs in a thread of its own; there is at most one for
each destination.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from transfer_core.clock import Clock
from transfer_core.entropy import Entropy
from transfer_core.errors import DrsError
from transfer_core.units import NS_PER_S
from transfer_core.upload.presence import Presence

if TYPE_CHECKING:
    from transfer_core.engine.uploads.ways import Ways
    from transfer_core.upload.kinds import Target
    from transfer_core.upload.session import LinkSession

MOVED_LATELY_NS = 10 * NS_PER_S
OnPresence = Callable[[str, bool, str], None]
Ask = Callable[[str, "Target", "LinkSession"], None]
"""Raises an error of this program's tree if that destination is not there, or is not what it should be."""


@dataclass(slots=True, eq=False)
class _Watched:
    """One destination."""

    target: Target
    ways: Ways
    presence: Presence
    is_asked: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class Monitor:
    """See the module. `ask` and `on_presence(name, online, why)` are called from any thread."""

    def __init__(self, clock: Clock, entropy: Entropy, ask: Ask, on_presence: OnPresence) -> None:
        self._clock, self._entropy, self._on_presence = clock, entropy, on_presence
        self._ask_there = ask
        self._watched: dict[str, _Watched] = {}

    def watch(self, destinations: Mapping[str, tuple[Target, Ways]]) -> None:
        """These from now on; those that are as before keep what is known of them."""
        watched: dict[str, _Watched] = {}
        for name, (target, ways) in destinations.items():
            known = self._watched.get(name)
            if known is None or known.target != target:
                known = _Watched(target, ways, Presence(self._entropy))
            watched[name] = known
        self._watched = watched

    def turn(self, now_ns: int) -> None:
        """Ask those whose time has come."""
        for name, each in self._watched.items():
            if not each.is_asked and each.presence.is_due(now_ns):
                each.is_asked = True
                threading.Thread(target=self._ask, args=(name, each), name=f"probe-{name}", daemon=True).start()

    def _ask(self, name: str, each: _Watched) -> None:
        trouble: DrsError | None = None
        try:
            lent = each.ways.borrow()
            try:
                self._ask_there(name, each.target, lent.session)
            except DrsError:
                each.ways.on_failed(lent.name)
                raise
            finally:
                each.ways.give_back(lent)
        except DrsError as error:
            trouble = error
        now_ns = self._clock.monotonic_ns()
        with each.lock:
            each.is_asked = False
            if trouble is None:
                each.presence.on_answer(now_ns)
            elif not self._moves(each, now_ns):
                each.presence.on_trouble(trouble.message, now_ns)
            self._tell(name, each)

    def _tell(self, name: str, each: _Watched) -> None:
        if self._watched.get(name) is each:
            self._on_presence(name, bool(each.presence.online), each.presence.why)

    @staticmethod
    def _moves(each: _Watched, now_ns: int) -> bool:
        moved_ns = each.presence.moved_ns
        return moved_ns is not None and now_ns - moved_ns < MOVED_LATELY_NS

    def is_open(self, name: str, now_ns: int) -> bool:
        """Whether uploads to it may begin."""
        each = self._watched.get(name)
        return each is not None and each.presence.is_open(now_ns)

    def on_moved(self, name: str) -> None:
        """Bytes have arrived there."""
        each = self._watched.get(name)
        if each is not None:
            with each.lock:
                each.presence.on_moved(self._clock.monotonic_ns())

    def on_trouble(self, name: str, why: str) -> bool:
        """An upload could not reach it, or got nonsense; whether it is called offline for that.

        It isn't while other uploads to it move.
        """
        each = self._watched.get(name)
        if each is None:
            return False
        now_ns = self._clock.monotonic_ns()
        with each.lock:
            if self._moves(each, now_ns):
                return False
            each.presence.on_trouble(why, now_ns)
            self._tell(name, each)
        return True

    def on_hold(self, name: str, delay_ns: int) -> None:
        """It asks to be left alone for so long."""
        each = self._watched.get(name)
        if each is not None:
            with each.lock:
                each.presence.on_hold(delay_ns, self._clock.monotonic_ns())

    def on_link_up(self) -> None:
        """Ask those that were not there at once."""
        for each in self._watched.values():
            with each.lock:
                each.presence.on_link_up()
