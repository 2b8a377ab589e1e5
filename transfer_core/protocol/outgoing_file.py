"""A file of a session, as the side that sends it knows it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from transfer_core.protocol.chunk_slots import ChunkSlot


class FileState(Enum):
    """Where an outgoing file stands within this session."""

    OPENING = auto()
    SENDING = auto()
    HELD = auto()


@dataclass(slots=True, eq=False)
class OutgoingFile:
    """One file of the session, as the sender knows it."""

    number: int
    file_id: str
    size: int
    chunk_bytes: int
    chunks: int
    order: tuple[int, float, int]
    eager: bool
    state: FileState = FileState.OPENING
    have: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))  # asked for, sent or stored
    stored: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    next_chunk: int = 0
    unread: int = 0
    reading: int = 0
    ready_bytes: int = 0  # of its chunks of which nothing was sent
    again: deque[int] = field(default_factory=deque)
    fresh: deque[ChunkSlot] = field(default_factory=deque)
    slots: dict[int, ChunkSlot] = field(default_factory=dict)  # by chunk
    refused: set[int] = field(default_factory=set)  # wanted again while their slices are still being acknowledged
    lost: dict[int, ChunkSlot] = field(default_factory=dict)  # by slot number, insertion order
    digest: str | None = None
    digest_asked: bool = False
    unreadable: bool = False  # a chunk could not be read
    finish_sent: bool = False
    arrived_bytes: int = 0
    path_bytes: dict[int, int] = field(default_factory=dict)
    chunk_paths: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))  # most of each; 255: none yet
    sent_slices: int = 0
    resent_bytes: int = 0

    @property
    def largest_chunk_bytes(self) -> int:
        """What any of its chunks is counted as before it is read."""
        return max(1, min(self.chunk_bytes, self.size))

    def chunk_size(self, chunk: int) -> int:
        """Bytes of data in a chunk."""
        return min(self.chunk_bytes, self.size - chunk * self.chunk_bytes)
