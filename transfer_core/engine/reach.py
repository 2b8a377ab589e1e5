"""Which destinations can be reached, and how: each by its own protocol, a relay by its HTTP side as well.

A relay that has not answered over UDP for a while is sent to over its HTTP side, if that answers; as soon as it answers
over UDP, it is sent to over UDP again. Written by the clerk's thread; may be read by any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from transfer_core.units import NS_PER_S

FALLBACK_NS = 8 * NS_PER_S  # longer than a link takes to fail over to another


class Reach:
    """See the module. Times are monotonic nanoseconds."""

    def __init__(self) -> None:
        self._own: dict[str, bool] = {}
        self._why: dict[str, str] = {}
        self._http: dict[str, bool] = {}
        self._http_why: dict[str, str] = {}
        self._off_since_ns: dict[str, int] = {}

    def keep(self, names: Iterable[str], now_ns: int) -> None:
        """These are the destinations there are."""
        known = set(names)
        for facts in (self._own, self._why, self._http, self._http_why, self._off_since_ns):
            for name in set(facts) - known:
                del facts[name]
        for name in known - set(self._own):
            self._off_since_ns.setdefault(name, now_ns)

    def own_changed(self, name: str, online: bool, why: str, now_ns: int) -> bool:
        """By its own protocol it is there, or not; whether that is news."""
        before = self._own.get(name)
        self._own[name], self._why[name] = online, "" if online else why
        if online:
            self._off_since_ns.pop(name, None)
        else:
            self._off_since_ns.setdefault(name, now_ns)
        return before != online

    def http_changed(self, name: str, online: bool, why: str) -> bool:
        """A relay's HTTP side is there, or not; whether that is news."""
        before = self._http.get(name)
        self._http[name], self._http_why[name] = online, "" if online else why
        return before != online

    def refused(self, name: str, why: str) -> None:
        """It answered, and will not have this agent."""
        self._why[name] = why

    def own(self, name: str) -> bool:
        """Whether it is there by its own protocol."""
        return bool(self._own.get(name))

    def falls_back(self, name: str, now_ns: int) -> bool:
        """Whether that relay is to be sent to over its HTTP side."""
        since_ns = self._off_since_ns.get(name)
        return bool(self._http.get(name)) and since_ns is not None and now_ns - since_ns >= FALLBACK_NS

    def online(self, name: str) -> bool | None:
        """Whether it can be reached at all; None if it was not tried yet."""
        return True if self._http.get(name) else self._own.get(name)

    def why(self, name: str) -> str:
        """Why it is not there, or why only over HTTP; empty if all is well."""
        own = self._why.get(name, "")
        if self._own.get(name) or name not in self._http:
            return own
        if self._http[name]:
            return f"no answer over UDP ({own}): files go over HTTP" if own else ""
        return f"{own or 'no answer over UDP'}; over HTTP: {self._http_why[name]}"

    def all_online(self) -> Mapping[str, bool]:
        """Of all that were tried."""
        return {name: bool(self.online(name)) for name in {*self._own, *self._http}}

    def first_why(self) -> str:
        """The first that can't be reached, and why; empty if all can."""
        away = (name for name in sorted(self._why) if not self.online(name))
        return next((f"{name}: {self.why(name)}" for name in away if self.why(name)), "")
