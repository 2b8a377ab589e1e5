"""Tells everybody who listens on the WebSocket, each at his own pace: one that is too slow is let go, nobody waits."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

WAITING_MAX = 1000


class Listener:
    """One connection's messages that wait to be sent."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(WAITING_MAX)

    def put(self, message: dict[str, Any] | None) -> None:
        """Add a message, from any thread; None ends it."""
        self._loop.call_soon_threadsafe(self._put, message)

    def _put(self, message: dict[str, Any] | None) -> None:
        if self._queue.full() or message is None:
            while not self._queue.empty():
                self._queue.get_nowait()
            message = None
        self._queue.put_nowait(message)

    async def next(self) -> dict[str, Any] | None:
        """The next message; None when it is over, or too much waited."""
        return await self._queue.get()


class LiveFeed:
    """All listeners. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()

    def add(self, listener: Listener) -> None:
        """One more."""
        with self._lock:
            self._listeners.add(listener)

    def remove(self, listener: Listener) -> None:
        """One less."""
        with self._lock:
            self._listeners.discard(listener)

    def say(self, kind: str, **fields: Any) -> None:
        """Tell all of them."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.put({"type": kind, **fields})

    def close(self) -> None:
        """End all."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.put(None)
