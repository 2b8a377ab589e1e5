"""Reads the options of one command where they are written plainly, with no parser of command lines loaded for it.

What a command takes is declared once, in its function's signature, for typer. Typer checks each value with pydantic,
and importing that takes longer than all that an agent does until it sends. So a line that is nothing but whole long
options with plain values is read here, by the same declarations. For anything else (help, a mistake, a short option, a
value of a kind that has to be checked) the answer is None, and the line is typer's.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from typer.models import OptionInfo


@dataclass(frozen=True, slots=True)
class _Option:
    """One option: the parameter it is for, and what its values become."""

    parameter: str
    kind: Any  # bool, str, Path or an enum
    many: bool


def read_plainly(function: Callable[..., Any], words: Sequence[str]) -> dict[str, Any] | None:
    """The arguments of the call that this line means; None if that is for typer to find out."""
    options = _options_of(function)
    if options is None:
        return None
    found: dict[str, Any] = {}
    rest = list(words)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        option = options.get(name)
        if option is None or (option.kind is bool and equals):
            return None
        if option.kind is bool:
            found[option.parameter] = True
            continue
        if not equals:
            value = rest.pop(0) if rest else ""
        if not value or value.startswith("-"):
            return None
        try:
            read = option.kind(value)
        except ValueError:
            return None
        found[option.parameter] = [*found.get(option.parameter, []), read] if option.many else read
    return found


def _options_of(function: Callable[..., Any]) -> dict[str, _Option] | None:
    """By name; None if the command takes something that has to be checked."""
    hints = get_type_hints(function, include_extras=True)
    options: dict[str, _Option] = {}
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        if get_origin(hint) is not Annotated:
            return None
        declared, *marks = get_args(hint)
        kind, many = _kind_of(declared)
        info = next((mark for mark in marks if isinstance(mark, OptionInfo)), None)
        if kind is None or info is None or parameter.default is inspect.Parameter.empty or _is_checked(info):
            return None
        for name in (info.default, *(info.param_decls or ())):
            if isinstance(name, str):
                options[name] = _Option(parameter.name, kind, many)
    return options


def _kind_of(declared: Any) -> tuple[Any, bool]:
    """What one value becomes, and whether there may be several; no kind if it is not one that needs no check."""
    if get_origin(declared) in (Union, UnionType):
        left = [each for each in get_args(declared) if each is not NoneType]
        declared = left[0] if len(left) == 1 else None
    if get_origin(declared) is list:
        (item,) = get_args(declared)
        return (item, True) if item is str else (None, True)
    is_plain = declared in (bool, str, Path) or (isinstance(declared, type) and issubclass(declared, enum.Enum))
    return (declared, False) if is_plain else (None, False)


def _is_checked(info: OptionInfo) -> bool:
    """Whether typer does more with a value than hand it over."""
    return bool(
        info.envvar or info.callback or info.parser or info.prompt or info.exists or info.is_eager or info.resolve_path
    )
