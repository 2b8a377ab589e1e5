"""How the process is doing that the engine has to itself. Told only where there is one, as in the console."""

from __future__ import annotations

from dataclasses import dataclass

from transfer_core.events.base import Event


@dataclass(frozen=True, slots=True)
class EngineLost(Event):
    """The engine's process ended unasked. What follows is of another one, after an `EngineFound`."""

    why: str  # for people, such as `it was killed (signal 9)`
    again_in_s: float | None  # None: it is not tried again unless a person asks for it
    detail: str = ""  # what it wrote last, to copy


@dataclass(frozen=True, slots=True)
class EngineSilent(Event):
    """The engine's process is there and has not answered for a while, or answers again."""

    is_silent: bool


@dataclass(frozen=True, slots=True)
class EngineFound(Event):
    """Another process works on: the events after this one are the whole picture, and what they don't name is gone."""

    missing: tuple[str, ...] = ()  # what was switched on before and could not be again, for people
