"""Where jobs go: which destinations there are, who answers and has room, and what a change of that means for jobs.

`Reports` brings what loop and uploads tell of them; in the clerk's thread, but for what only looks.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from transfer_core.clock import Clock
from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.event_bus import EventBus
from transfer_core.engine.name_lookup import resolve
from transfer_core.engine.reach import Reach
from transfer_core.engine.runner import JobRunner, Notify
from transfer_core.engine.uplink import RelayTarget
from transfer_core.errors import ConflictError, DrsError, NoUsableLink
from transfer_core.events import DestinationsChanged, DestinationView, Severity
from transfer_core.jobs.store import Destination, JobStore
from transfer_core.protocol.security.tokens import fingerprint

LOOK_S = 0.05


def second_names(destinations: Iterable[Destination]) -> dict[str, str]:
    """Relays that are there under another name too, with that one: a relay holds one session of an agent.

    Used is the name that is paired, or else the first.
    """
    used: dict[bytes, str] = {}
    relays = [each for each in destinations if each.kind == "relay"]
    for each in sorted(relays, key=lambda each: (each.secret is not None, each.name)):
        used.setdefault(each.public_key, each.name)
    return {each.name: name for each in relays if (name := used[each.public_key]) != each.name}


class Targets:
    """See the module."""

    def __init__(
        self, *, store: JobStore, loop: AgentLoop, clock: Clock, bus: EventBus, notify: Notify, runner: JobRunner
    ) -> None:
        self._store, self._loop, self._clock, self._bus = store, loop, clock, bus
        self._notify, self._runner = notify, runner
        self.reach = Reach()
        self.hosts: list[str] = []  # of relays, which links are chosen for
        self._all: tuple[Destination, ...] = ()
        self._room_bytes: dict[str, int] = {}
        self._awaited: frozenset[str] = frozenset()
        self._second: dict[str, str] = {}  # names that are not used

    # --- any thread

    @property
    def there_are_some(self) -> bool:
        """Whether jobs can go anywhere."""
        return bool(self._all)

    def views(self) -> list[DestinationView]:
        """Where jobs can go, and whether it answers."""
        return [
            DestinationView(
                name=each.name,
                kind=each.kind,
                addresses=each.addresses,
                online=self.reach.online(each.name),
                why=self.reach.why(each.name),
                free_bytes=self._room_bytes.get(each.name),
                fingerprint=fingerprint(each.public_key) if each.public_key else "",
            )
            for each in self._store.destinations()
        ]

    def online(self) -> Mapping[str, bool]:
        """Which destinations answer."""
        return self.reach.all_online()

    def wait_online(self, relay: str, timeout_s: float) -> bool:
        """Wait until a relay answers."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if self.reach.online(relay):
                return True
            if self.reach.why(relay).startswith("E_"):
                return False
            time.sleep(LOOK_S)
        return False

    # --- the clerk's thread

    def follow(self) -> bool:
        """Send to those that are known by now; whether these are others than before."""
        destinations = tuple(self._store.destinations())
        if destinations == self._all:
            for name in self._second:
                self._store.say_why(name, self._second_why(name).message)
            self._note_awaited()
            return False
        self._all = destinations
        before, self._second = self._second, second_names(destinations)
        targets = [
            RelayTarget(each.name, resolve(each.addresses), each.public_key, each.secret)
            for each in destinations
            if each.kind == "relay" and each.name not in self._second
        ]
        if self._runner.uploads is not None:
            self._runner.uploads.set_destinations(destinations)
        self.hosts = sorted({address[0] for target in targets for address in target.addresses})
        self.reach.keep([each.name for each in destinations], self._clock.monotonic_ns())
        self._loop.loop.post(lambda: self._loop.set_relays(targets))
        self._awaited = frozenset()  # new ones know nothing of it
        self._note_awaited()
        self._tell_second_names(before)
        self._tell()
        return True

    def _tell_second_names(self, before: Mapping[str, str]) -> None:
        for name in before.keys() - self._second.keys():
            self.reach.refused(name, "")
            self._store.say_why(name, "")
        for name in self._second.keys() - before.keys():
            self.refused(name, self._second_why(name))

    def _second_why(self, name: str) -> ConflictError:
        used = self._second[name]
        hint = f"Queue its files for {used}, cancel these, then write `drs-sync destination remove {name}`."
        return ConflictError(f"{name} is another name of the relay {used}, and only that one is used", hint=hint)

    def _note_awaited(self) -> None:
        """Have relays that do not answer called the more often, if there is something for them."""
        silent = [each.name for each in self._all if self._is_silent(each)]
        awaited = self._store.awaited(silent) if silent else frozenset()
        if awaited != self._awaited:
            self._awaited = awaited
            self._loop.loop.post(lambda: self._loop.set_awaited(awaited))

    def _is_silent(self, each: Destination) -> bool:
        return each.kind == "relay" and not self.reach.own(each.name) and each.name not in self._second

    def ready_relays(self) -> list[str]:
        """The relays that answer over UDP."""
        return [each.name for each in self._all if each.kind == "relay" and self.reach.own(each.name)]

    def say_why(self, reason: str) -> None:
        """Why jobs wait, wherever they go; empty if they do not any more."""
        for each in self._all:
            self._store.say_why(each.name, reason)

    def say_hello(self, relay: str) -> None:
        """A new hello to that relay is wanted."""
        counter = self._store.next_hello_counter(relay)
        self._loop.loop.post(lambda: self._loop.hello(relay, counter))

    def paired(self, relay: str) -> None:
        """It has accepted this agent."""
        self._store.mark_paired(relay)

    def refused(self, relay: str, error: DrsError) -> None:
        """It refuses this agent."""
        self.reach.refused(relay, error.one_line())
        self._notify(Severity.SERIOUS, "relay", f"{relay}: {error.message}", error.one_line())
        self._store.say_why(relay, error.message)
        self._tell()

    def room_reported(self, relay: str, free_bytes: int) -> None:
        """What it has room for."""
        self._room_bytes[relay] = free_bytes

    def online_changed(self, relay: str, online: bool, why: str) -> None:
        """A destination is there by its own protocol, or not any more."""
        is_news = self.reach.own_changed(relay, online, why, self._clock.monotonic_ns())
        if online and is_news:
            self._store.say_why(relay, "")
            self._store.try_now()
            self._runner.come_back(relay)
        elif not online:
            over_http = self._runner.uploads is not None and self._runner.uploads.owns(relay)
            self._interrupt(relay, why, over_http=over_http)
        if is_news:
            severity = Severity.INFO if online else Severity.CAUTION
            self._notify(severity, "relay", f"{relay} {'is online' if online else 'is offline: ' + why}", "")
            self._tell()

    def fallback_changed(self, relay: str, online: bool, why: str) -> None:
        """A relay's HTTP side is there, or not any more."""
        is_news = self.reach.http_changed(relay, online, why)
        if not online:
            self._interrupt(relay, why, over_http=True)
        if is_news:
            self._tell()

    def _interrupt(self, name: str, why: str, *, over_http: bool) -> None:
        """What goes there in that way waits."""
        reason = NoUsableLink(why).message
        self._runner.interrupt(name, reason, over_http=over_http)
        if not self.reach.own(name):
            self._store.say_why(name, self.reach.why(name) or reason)

    def _tell(self) -> None:
        self._bus.publish(DestinationsChanged(tuple(self.views())))
