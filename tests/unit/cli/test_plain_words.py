"""Plain lines are read as typer reads them, and every other line is left to it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from transfer_core.cli.agent import agent
from transfer_core.cli.plain_words import read_plainly
from transfer_core.config import Policy

PLAIN = [
    [],
    ["--once"],
    ["--json", "--once", "--json"],
    ["--links", "wifi,lte"],
    ["--links=wifi", "--links", "lte"],
    ["--simulate", "links of a stage.toml", "--state=/var/lib/drs"],
    ["--state", "a=b", "--trace=x=y"],
    ["--policy", "redundant"],
    ["--policy=best"],
    ["--telemetry", "20777", "--telemetry=0.0.0.0:20778"],
    ["--api", "127.0.0.1:0", "--telemetry-to", "pit", "--telemetry-decoder", "f1", "--telemetry-format", "L.json"],
]
NOT_PLAIN = [
    ["--help"],
    ["-h"],
    ["--on"],
    ["--once=1"],
    ["--once", "more"],
    ["--state"],
    ["--state="],
    ["--state", ""],
    ["--state", "--json"],
    ["--links", "-x"],
    ["--policy", "fastest"],
    ["--policy", "BONDED"],
    ["--nothing"],
    ["--"],
    [""],
]


def by_typer(words: Sequence[str]) -> dict[str, Any]:
    """The arguments with which typer calls the function."""
    taken: dict[str, Any] = {}

    @functools.wraps(agent)
    def take(**arguments: Any) -> None:
        taken.update(arguments)

    whole = typer.Typer()
    whole.command("agent")(take)
    typer.main.get_command(whole).main(list(words), standalone_mode=False)
    return taken


DEFAULTS = by_typer([])


@pytest.mark.parametrize("words", PLAIN, ids=" ".join)
def test_a_plain_line_means_what_it_means_to_typer(words: list[str]) -> None:
    found = read_plainly(agent, words)
    assert found is not None
    expected = by_typer(words)
    assert {name: value or None for name, value in {**DEFAULTS, **found}.items()} == {
        name: value or None for name, value in expected.items()
    }
    assert all(type(value) is type(expected[name]) for name, value in found.items())


@pytest.mark.parametrize("words", NOT_PLAIN, ids=" ".join)
def test_every_other_line_is_left_to_typer(words: list[str]) -> None:
    assert read_plainly(agent, words) is None


def test_every_option_of_an_agent_can_be_read() -> None:
    values = {"policy": "best"}
    for name, default in DEFAULTS.items():
        option = f"--{name.replace('_', '-')}"
        words = [option] if default is False else [option, values.get(name, "1")]
        found = read_plainly(agent, words)
        assert found is not None, option
        assert list(found) == [name]


def test_a_command_whose_values_are_checked_is_left_to_typer() -> None:
    def with_argument(name: Annotated[str, typer.Argument()]) -> None: ...

    def with_number(count: Annotated[int, typer.Option("--count")] = 1) -> None: ...

    def with_file(file: Annotated[Path, typer.Option("--file", exists=True)] = Path()) -> None: ...

    def needed(name: Annotated[str, typer.Option("--name")]) -> None: ...

    def by_environment(name: Annotated[str, typer.Option("--name", envvar="NAME")] = "") -> None: ...

    for function in (with_argument, with_number, with_file, needed, by_environment):
        assert read_plainly(function, []) is None


def test_values_of_an_enum_are_members() -> None:
    assert read_plainly(agent, ["--policy", "bonded"]) == {"policy": Policy.BONDED}
