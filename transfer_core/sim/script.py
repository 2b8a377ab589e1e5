"""A simulation file: which links there are, and what happens to them when.

    [[link]]                 # one table for each link
    name = "lte"
    rate_mbps = 20           # delay_ms jitter_ms loss burst_loss queue_ms: see LinkConditions for units and defaults

    [[step]]                 # in any order; kept sorted by time
    at_s = 4.0
    link = "lte"
    kill = true              # or restore = true, or new values for some of the conditions

The text is read by the caller; nothing is opened here.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from transfer_core.errors import ConfigError
from transfer_core.sim.conditions import CONDITION_KEYS, LinkConditions
from transfer_core.units import NS_PER_S


class StepKind(StrEnum):
    """What a step does to its link."""

    KILL = "kill"
    RESTORE = "restore"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class LinkSetup:
    """One link as the file describes it."""

    name: str
    conditions: LinkConditions


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens to a link, `at_ns` after the script begins. `values` holds what a change sets."""

    at_ns: int
    link: str
    kind: StepKind
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Simulation:
    """A whole file, its steps by time."""

    links: tuple[LinkSetup, ...]
    steps: tuple[Step, ...] = ()


class ScriptPlayer:
    """Hands out steps as their time comes. Times count from `start_ns`."""

    def __init__(self, steps: Sequence[Step], start_ns: int) -> None:
        self._steps = sorted(steps, key=lambda step: step.at_ns)
        self._start_ns = start_ns
        self._next = 0

    def due(self, now_ns: int) -> list[Step]:
        """The steps whose time has come since the last call, in order."""
        first = self._next
        while self._next < len(self._steps) and self._start_ns + self._steps[self._next].at_ns <= now_ns:
            self._next += 1
        return self._steps[first : self._next]

    def next_ns(self) -> int | None:
        """When the next step is due; None after the last one."""
        if self._next == len(self._steps):
            return None
        return self._start_ns + self._steps[self._next].at_ns


def parse_simulation(text: str) -> Simulation:
    """The links and steps of a simulation file. ConfigError names the line, the table and the key that can't be."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the simulation is no TOML: {error}", hint="Correct that line.") from error
    unknown = sorted(set(document) - {"link", "step"})
    if unknown:
        raise ConfigError(f"{unknown[0]!r} has no place in a simulation", hint="Use [[link]] and [[step]] tables.")
    links: list[LinkSetup] = []
    for place, table in _tables(text, document, "link"):
        setup = _link(place, table)
        if any(setup.name == other.name for other in links):
            raise ConfigError(f"{place}: name {setup.name!r} is taken by another link")
        links.append(setup)
    if not links:
        raise ConfigError("the simulation has no link", hint="Add a [[link]] table with a name.")
    conditions = {setup.name: setup.conditions for setup in links}
    steps = [_step(place, table, conditions) for place, table in _tables(text, document, "step")]
    return Simulation(tuple(links), tuple(sorted(steps, key=lambda step: step.at_ns)))


def _tables(text: str, document: Mapping[str, Any], kind: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Each `[[kind]]` table with a place to name it by."""
    tables = document.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{kind} must be written as [[{kind}]] tables", hint=f"Begin each one with [[{kind}]].")
    header = re.compile(rf"^[ \t]*\[\[[ \t]*{kind}[ \t]*\]\]", re.MULTILINE)
    lines = [1 + text.count("\n", 0, match.start()) for match in header.finditer(text)]
    placed = []
    for number, table in enumerate(tables, start=1):
        line = f" (line {lines[number - 1]})" if len(lines) == len(tables) else ""
        placed.append((f"[[{kind}]] {number}{line}", table))
    return placed


def _link(place: str, table: Mapping[str, Any]) -> LinkSetup:
    name = _name(place, table, "name")
    values = {key: value for key, value in table.items() if key != "name"}
    return LinkSetup(name, _changed(place, LinkConditions(), values))


def _step(place: str, table: Mapping[str, Any], conditions: Mapping[str, LinkConditions]) -> Step:
    link = _name(place, table, "link")
    if link not in conditions:
        raise ConfigError(f"{place}: link {link!r} is none of {', '.join(conditions)}")
    at_s = table.get("at_s")
    if isinstance(at_s, bool) or not isinstance(at_s, int | float) or not math.isfinite(at_s) or at_s < 0:
        raise ConfigError(f"{place}: at_s is {at_s!r}; it must be a number of seconds from 0 up")
    rest = {key: value for key, value in table.items() if key not in ("at_s", "link")}
    at_ns = round(at_s * NS_PER_S)
    for kind in (StepKind.KILL, StepKind.RESTORE):
        if kind in rest:
            if rest != {kind.value: True}:
                raise ConfigError(f"{place}: {kind} must be true, and stand alone", hint="Use one step for each thing.")
            return Step(at_ns, link, kind)
    if not rest:
        keys = ", ".join(CONDITION_KEYS)
        raise ConfigError(f"{place}: nothing happens", hint=f"Set kill = true, restore = true, or one of {keys}.")
    _changed(place, conditions[link], rest)
    return Step(at_ns, link, StepKind.CHANGE, rest)


def _name(place: str, table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{place}: {key} is {value!r}; it must be the link's name")
    return value


def _changed(place: str, conditions: LinkConditions, values: Mapping[str, Any]) -> LinkConditions:
    """ConfigError gets the place in front."""
    try:
        return conditions.changed(values)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error.message}", hint=error.hint) from error
