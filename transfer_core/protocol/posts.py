"""Posts: small packets of bytes that the relay has for an agent, as what other agents changed in a folder.

Files go from the agent to the relay; what goes the other way is cut into parts that each fit a message, and rides on
the session's reliable messages: ordered, sealed, over whichever path answers fastest, also through a router that lets
nobody in. Only so many parts wait in the outbox at a time, so that what is said about files is not held up by them.
"""

from __future__ import annotations

from collections import deque

from transfer_core.errors import RemoteProtocolError
from transfer_core.protocol.wire.messages import PostPart

PART_BYTES = 1100  # with its heads it fits the smallest packet that every path has to carry
POST_BYTES_MAX = 8 << 20
PARTS_AHEAD = 256
_OPEN_MAX = 64  # posts that may be half here at once


class PostsOut:
    """Posts to send, urgent ones first."""

    def __init__(self) -> None:
        self._next = 1
        self._urgent: deque[tuple[int, bytes]] = deque()
        self._bulk: deque[tuple[int, bytes]] = deque()
        self._current: tuple[int, bytes] | None = None
        self._part = 0

    def add(self, data: bytes, *, urgent: bool) -> int:
        """Queue a post; its number within the session."""
        number = self._next
        self._next += 1
        (self._urgent if urgent else self._bulk).append((number, data))
        return number

    def next_part(self) -> PostPart | None:
        """The next part to say, None if all is said."""
        if self._current is None:
            queue = self._urgent or self._bulk
            if not queue:
                return None
            self._current, self._part = queue.popleft(), 0
        number, data = self._current
        parts = max(1, -(-len(data) // PART_BYTES))
        at = self._part * PART_BYTES
        said = PostPart(number, self._part, parts, data[at : at + PART_BYTES])
        self._part += 1
        if self._part == parts:
            self._current = None
        return said


class PostsIn:
    """Puts posts together again. Messages come in order, so do the parts of a post."""

    def __init__(self) -> None:
        self._open: dict[int, list[bytes]] = {}

    def take(self, part: PostPart) -> bytes | None:
        """A whole post, once its last part is here. RemoteProtocolError for a part that can't be."""
        known = self._open.setdefault(part.post, [])
        fits = part.part == len(known) < part.parts and part.parts * PART_BYTES < POST_BYTES_MAX + PART_BYTES
        if not fits or len(self._open) > _OPEN_MAX:
            del self._open[part.post]
            raise RemoteProtocolError("a part of a post makes no sense")
        known.append(part.data)
        if len(known) < part.parts:
            return None
        return b"".join(self._open.pop(part.post))
