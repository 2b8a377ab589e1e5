"""What a person has switched on that lives in the engine's process alone, so that the next process gets it again.

The queue, destinations, folders, watches and settings are on the disk. A hosted relay, links that are killed or
simulated, ports that are listened on and races that are recorded are not: they are noted here as they are asked for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from transfer_core.engine.apart.wire import Call
from transfer_core.errors import DrsError, EngineGone, NotFoundError

LINK_WAIT_S = 3.0  # a new process has to look for its links first
LINK_EVERY_S = 0.05
_OF_LINKS = ("killed", "simulated")
_Key = tuple[str, object]


@dataclass(frozen=True, slots=True)
class _On:
    """Something that is on: what it goes by, how it is switched on again, and what people call it."""

    key: _Key
    again: Call
    words: str


class Standing:
    """Notes calls that were answered; says which to ask again. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on: dict[_Key, _On] = {}

    def note(self, call: Call, result: Any) -> None:
        """That was asked and done."""
        switched_on, off = _ON.get(call.verb), _OFF.get(call.verb)
        with self._lock:
            if off is not None:
                kind, argument = off
                self._on.pop((kind, _argument(call, argument) if argument else None), None)
            if switched_on is not None:
                on = switched_on(call, result)
                if on is not None:
                    self._on[on.key] = on

    def ask_again(self, ask: Callable[..., Any]) -> tuple[str, ...]:
        """Switch everything on again; what could not be, for people."""
        with self._lock:
            before = sorted(self._on.values(), key=lambda on: on.key[0] not in _OF_LINKS)  # before anything is sent
        missing = []
        for on in before:
            try:
                result = _asked(ask, on)
            except EngineGone:
                raise  # the next process gets it
            except DrsError as error:
                missing.append(f"{on.words}: {error.message}")
                with self._lock:
                    self._on.pop(on.key, None)
                continue
            with self._lock:
                self._on.pop(on.key, None)
            self.note(on.again, result)
        return tuple(missing)


def _asked(ask: Callable[..., Any], on: _On) -> Any:
    """Ask again; a link that is not found yet is waited for."""
    end = time.monotonic() + LINK_WAIT_S
    while True:
        try:
            return ask(on.again.verb, *on.again.args, **on.again.kwargs)
        except NotFoundError:
            if on.key[0] not in _OF_LINKS or time.monotonic() > end:
                raise
            time.sleep(LINK_EVERY_S)


def _argument(call: Call, name: str, place: int = 0) -> Any:
    return call.args[place] if len(call.args) > place else call.kwargs[name]


def _relay(call: Call, result: Any) -> _On:
    # at the port that it got, since that is where agents look for it
    kwargs = {key: value for key, value in call.kwargs.items() if key not in ("directory", "listen")}
    again = Call(call.verb, (_argument(call, "directory"), result.listen, *call.args[2:]), kwargs)
    return _On(("relay", None), again, "the relay that receives here")


def _killed(call: Call, _: Any) -> _On:
    name = _argument(call, "name")
    return _On(("killed", name), call, f"the kill of {name}")


def _simulated(call: Call, _: Any) -> _On | None:
    name = _argument(call, "name")
    if _argument(call, "conditions", 1) is None:
        return None
    return _On(("simulated", name), call, f"the simulated conditions of {name}")


def _port(call: Call, result: Any) -> _On:
    kwargs = {key: value for key, value in call.kwargs.items() if key != "port"}
    again = Call(call.verb, (result.port, *call.args[1:]), kwargs)
    return _On(("port", result.port), again, f"telemetry from port {result.port}")


def _forward(call: Call, result: Any) -> _On:
    kwargs = {key: value for key, value in call.kwargs.items() if key != "port"}
    again = Call(call.verb, (result.port, *call.args[1:]), kwargs)
    return _On(("forward", result.port), again, f"passing on telemetry of port {result.port}")


def _race(call: Call, result: Any) -> _On:
    """The part until the crash is a race of its own, which is whole; what follows goes into another one."""
    kwargs = {key: value for key, value in call.kwargs.items() if key not in ("name", "udp_port")}
    again = Call(call.verb, (result.name, result.udp_port, *call.args[2:]), kwargs)
    return _On(("race", result.race_id), again, f"the recording of {result.name}")


_ON: Mapping[str, Callable[[Call, Any], _On | None]] = {
    "start_relay": _relay,
    "kill_link": _killed,
    "simulate_link": _simulated,
    "telemetry.listen": _port,
    "telemetry.create_race": _race,
    "telemetry.forward": _forward,
}
_OFF: Mapping[str, tuple[str, str]] = {
    "stop_relay": ("relay", ""),
    "restore_link": ("killed", "name"),
    "simulate_link": ("simulated", "name"),
    "telemetry.stop_listening": ("port", "port"),
    "telemetry.stop_forwarding": ("forward", "port"),
    "telemetry.end_race": ("race", "race_id"),
    "telemetry.save_race": ("race", "race_id"),
    "telemetry.delete_race": ("race", "race_id"),
}
"""Which kind of thing a verb switches off, and which argument names it."""
