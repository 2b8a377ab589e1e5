"""Stands in for somebody who is made later: keeps the calls to them, and makes them when they are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class StandIn:
    """See the module. Calls answer nothing; all of them and `make_way` are for one thread."""

    def __init__(self) -> None:
        self._calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        def keep(*values: Any, **named: Any) -> None:
            self._calls.append((name, values, named))

        return keep

    def make_way(self, one: object) -> None:
        """Make all calls, in their order, to the one that they are for."""
        for name, values, named in self._calls:
            getattr(one, name)(*values, **named)
        self._calls.clear()
