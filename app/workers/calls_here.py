"""The service's verbs called at once, in this thread: for pictures of a service that runs already, and for tests."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from transfer_core.errors import DrsError


class CallsHere:
    """Has the `call` of `ServiceThread`, without threads."""

    def __init__(self, service: object) -> None:
        self._service = service

    def call(
        self,
        verb: str,
        *args: Any,
        on_result: Callable[[Any], None] | None = None,
        on_error: Callable[[DrsError], None] | None = None,
        **kwargs: Any,
    ) -> None:
        """Run the verb now. An error that nobody asked for is raised."""
        try:
            result = attrgetter(verb)(self._service)(*args, **kwargs)
        except DrsError as error:
            if on_error is None:
                raise
            on_error(error)
            return
        if on_result is not None:
            on_result(result)
