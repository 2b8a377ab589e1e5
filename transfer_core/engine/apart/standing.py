"""What a person has switched on that lives in the engine's process alone, so that the next process gets it again.

The queue, destinations, folders, watches and settings are on the disk. A hosted relay, links that are killed or
simulated, ports that are listened on, races that are recorded with those who are in them, and open replays are not:
they are noted here as they are asked for. A replay comes again under its own name, at the place that was heard of it
last.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from transfer_core.engine.apart.wire import Call
from transfer_core.errors import DrsError, EngineGone, NotFoundError
from transfer_core.events.telemetry import ReplayView

LINK_WAIT_S = 3.0  # a new process has to look for its links first
LINK_EVERY_S = 0.05
_OF_LINKS = ("killed", "simulated")
_ORDER = ("killed", "simulated", "relay", "port", "forward", "race", "member", "replay")
_Key = tuple[Any, ...]  # a kind, and what it goes by


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
                self._switch_off((kind, _argument(call, argument) if argument else None))
            if switched_on is not None:
                on = switched_on(call, result)
                if on is not None:
                    self._on[on.key] = on
            if call.verb in _MEMBERS:
                self._note_member(call)
            elif call.verb in _STEERING:
                self._note_replays(result if isinstance(result, list) else [result])

    def _switch_off(self, key: _Key) -> None:
        self._on.pop(key, None)
        if key[0] == "race":
            for member in [each for each in self._on if each[0] == "member" and each[1:2] == key[1:]]:
                del self._on[member]

    def _note_member(self, call: Call) -> None:
        """Who is in a race that is over is on the disk."""
        race_id, member = _argument(call, "race_id"), _argument(call, "member", 1)
        if ("race", race_id) in self._on:
            key = ("member", race_id, member)
            self._on[key] = _On(key, call, f"{member} in a race that goes on")

    def _note_replays(self, replays: Sequence[ReplayView]) -> None:
        """They are somewhere else by now."""
        for replay in replays:
            on = self._on.get(("replay", replay.replay_id))
            if on is not None:
                again = Call(on.again.verb, on.again.args, {**on.again.kwargs, "resume": replay})
                self._on[on.key] = replace(on, again=again)

    def ask_again(self, ask: Callable[..., Any]) -> tuple[str, ...]:
        """Switch everything on again; what could not be, for people."""
        with self._lock:
            before = sorted(self._on.values(), key=lambda on: _ORDER.index(on.key[0]))  # links before anything is sent
        missing = []
        anew: dict[object, str] = {}  # races by the number that they had
        for on in before:
            again = _in_race(on.again, anew) if on.key[0] == "member" else on.again
            try:
                result = _asked(ask, on.key[0], again)
            except EngineGone:
                raise  # the next process gets it
            except DrsError as error:
                missing.append(f"{on.words}: {error.message}")
                with self._lock:
                    self._on.pop(on.key, None)
                continue
            with self._lock:
                self._on.pop(on.key, None)
            self.note(again, result)
            if on.key[0] == "race":
                anew[on.key[1]] = result.race_id
        return tuple(missing)


def _asked(ask: Callable[..., Any], kind: str, again: Call) -> Any:
    """Ask again; a link that is not found yet is waited for."""
    end = time.monotonic() + LINK_WAIT_S
    while True:
        try:
            return ask(again.verb, *again.args, **again.kwargs)
        except NotFoundError:
            if kind not in _OF_LINKS or time.monotonic() > end:
                raise
            time.sleep(LINK_EVERY_S)


def _in_race(call: Call, anew: Mapping[object, str]) -> Call:
    """For the race that the one it was for goes on as."""
    kwargs = {key: value for key, value in call.kwargs.items() if key != "race_id"}
    race_id = _argument(call, "race_id")
    return Call(call.verb, (anew.get(race_id, race_id), *call.args[1:]), kwargs)


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


def _replay(call: Call, result: Any) -> _On:
    kwargs = {**call.kwargs, "resume": result}
    return _On(("replay", result.replay_id), Call(call.verb, call.args, kwargs), f"the replay of {result.name}")


_ON: Mapping[str, Callable[[Call, Any], _On | None]] = {
    "start_relay": _relay,
    "kill_link": _killed,
    "simulate_link": _simulated,
    "telemetry.listen": _port,
    "telemetry.create_race": _race,
    "telemetry.forward": _forward,
    "telemetry.open_replay": _replay,
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
    "telemetry.close_replay": ("replay", "replay_id"),
}
"""Which kind of thing a verb switches off, and which argument names it."""
_MEMBERS = frozenset({"telemetry.join_race", "telemetry.watch_race"})
_STEERING = frozenset(
    f"telemetry.{verb}" for verb in ["play", "pause", "seek", "step", "set_speed", "set_loop", "replays"]
)
"""What says where replays are."""
