"""Who writes what. A new request for the same bytes takes over from the one before, which may hang on a dead link.

Theory of operation. After a radio has dropped a connection, the server may believe in it for minutes, while the client
is back on another link already. A refusal would make the client wait or give up, so the newcomer wins: the holder is
told, stops reading, makes durable what it has, and leaves; then the newcomer begins. Touched by the event loop alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from transfer_core.errors import ConflictError

WHOLE = -1  # the slot of uploads that are written from front to back


class Holder:
    """One request that writes. `displaced` tells it to leave."""

    def __init__(self) -> None:
        self.displaced = False
        self.gone = asyncio.Event()
        self._reading: asyncio.Timeout | None = None

    def displace(self) -> None:
        """Tell it to leave, also while it waits for bytes."""
        self.displaced = True
        if self._reading is not None and not self._reading.expired():
            self._reading.reschedule(asyncio.get_running_loop().time())

    def check(self) -> None:
        """ConflictError if it has to leave."""
        if self.displaced:
            hint = "Only the newest request for an upload counts."
            raise ConflictError("another request has taken over this upload", hint=hint)

    @asynccontextmanager
    async def reading(self, timeout_s: float) -> AsyncIterator[None]:
        """While it waits for bytes. TimeoutError after that time, or at once when it is displaced."""
        self.check()
        async with asyncio.timeout(timeout_s) as deadline:
            self._reading = deadline
            try:
                yield
            finally:
                self._reading = None


class Claims:
    """The holders, by upload and slot: a chunk's number, or WHOLE."""

    def __init__(self) -> None:
        self._holders: dict[tuple[str, int], Holder] = {}

    @asynccontextmanager
    async def claim(self, upload_id: str, slot: int) -> AsyncIterator[Holder]:
        """Hold a slot for the block; whoever held it has left by then."""
        key = (upload_id, slot)
        while (before := self._holders.get(key)) is not None:
            before.displace()
            await before.gone.wait()
        holder = self._holders[key] = Holder()
        try:
            yield holder
        finally:
            del self._holders[key]
            holder.gone.set()

    async def displace_all(self, upload_id: str) -> None:
        """Have everybody leave an upload."""
        while found := [holder for (each, _), holder in self._holders.items() if each == upload_id]:
            for holder in found:
                holder.displace()
                await holder.gone.wait()

    def count(self) -> int:
        """How many hold something."""
        return len(self._holders)
