"""The receiver's disk in a world: what is written, what would survive a power cut, and whether it is full."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

GARBAGE = 0xA5


@dataclass
class PartFile:
    """A file that is not whole."""

    data: bytearray
    chunk_bytes: int
    there: NDArray[np.bool_]
    durable: NDArray[np.bool_]


@dataclass
class Disk:
    """Part files and finished ones, by file id."""

    parts: dict[str, PartFile] = field(default_factory=dict)
    finished: dict[str, bytes] = field(default_factory=dict)
    full: bool = False
    refused: int = 0  # writes that found it full

    def open(self, file_id: str, size: int, chunks: int, chunk_bytes: int) -> PartFile:
        """The part file, as it is or new."""
        if file_id not in self.parts:
            nothing = np.zeros(chunks, np.bool_)
            self.parts[file_id] = PartFile(bytearray(size), chunk_bytes, nothing, nothing.copy())
        return self.parts[file_id]

    def write(self, file_id: str, chunk: int, offset: int, data: memoryview) -> bool:
        """False if there is no room."""
        if self.full:
            self.refused += 1
            return False
        part = self.parts[file_id]
        part.data[offset : offset + len(data)] = data
        part.there[chunk] = True
        return True

    def cut_power(self) -> None:
        """What was written and not durable is lost: in its place there is anything."""
        for part in self.parts.values():
            for chunk in np.flatnonzero(part.there & ~part.durable).tolist():
                begin = chunk * part.chunk_bytes
                end = min(len(part.data), begin + part.chunk_bytes)
                part.data[begin:end] = bytes([GARBAGE]) * (end - begin)
            part.there[:] = part.durable
