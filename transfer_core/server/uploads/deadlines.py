"""A deadline for the head of each request, which uvicorn has not: sent byte by byte it would hold a connection.

It stands on uvicorn's protocol classes and their `cycle`, the request under way; a test holds that.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol


def with_deadline(header_timeout_s: float) -> type[asyncio.Protocol]:
    """A class for `uvicorn.Config(http=...)`: connections close when a head takes longer than that."""
    base: Any = AutoHTTPProtocol

    class TimedProtocol(base):  # type: ignore[misc]
        """One connection."""

        _head_deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._unwatch()
            super().connection_lost(exc)

        def _watch(self) -> None:
            cycle = self.cycle
            is_under_way = cycle is not None and not cycle.response_complete
            if is_under_way or self.transport.get_protocol() is not self:  # a WebSocket has taken over
                self._unwatch()
            elif self._head_deadline is None:
                self._head_deadline = self.loop.call_later(header_timeout_s, self._on_deadline)

        def _unwatch(self) -> None:
            if self._head_deadline is not None:
                self._head_deadline.cancel()
                self._head_deadline = None

        def _on_deadline(self) -> None:
            self._head_deadline = None
            cycle = self.cycle
            if (cycle is None or cycle.response_complete) and not self.transport.is_closing():
                self.transport.abort()

    return TimedProtocol
