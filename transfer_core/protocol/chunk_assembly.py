"""Puts the slices of chunks together, within a bound of memory, and checks each chunk that is whole.

A chunk may be cut anew, for a path with smaller packets or when it is read again, and late slices of the former cut may
come in between. Each cut is kept by itself, since the sender does not send again what was acknowledged; the first that
is whole will do.
"""

from __future__ import annotations

import numpy as np

from transfer_core.errors import ChunkHashMismatch, RemoteProtocolError
from transfer_core.protocol.incoming_file import IncomingFile, PartialChunk, WholeChunk
from transfer_core.protocol.wire.chunk_record import open_record, record_bytes
from transfer_core.protocol.wire.messages import EARLY_CHUNKS

CUTS_MAX = 8  # of one chunk beside the first: packets have few sizes


class ChunkAssembly:
    """The chunks of a session's files that are being put together, or wait to be written: `bytes_max` of them."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._held_bytes = 0

    def partial(self, file: IncomingFile, chunk: int, slice_bytes: int) -> PartialChunk | None:
        """Where slices of that size go; None if there is no room for them now."""
        partial = file.partial.get(chunk)
        if partial is not None and partial.rows.shape[1] == slice_bytes:
            return partial
        cuts = file.recut.get(chunk, {})
        if partial is not None and slice_bytes in cuts:
            return cuts[slice_bytes]
        if partial is None and not file.accepted and len(file.early) + len(file.partial) >= EARLY_CHUNKS:
            return None
        if len(cuts) >= CUTS_MAX or self._held_bytes >= self._bytes_max:
            return None
        slices = -(-record_bytes(file.file_id, file.chunk_size(chunk)) // slice_bytes)
        self._held_bytes += slices * slice_bytes
        anew = PartialChunk(np.empty((slices, slice_bytes), np.uint8), np.zeros(slices, np.bool_), slices)
        if partial is None:
            file.partial[chunk] = anew
        else:
            file.recut.setdefault(chunk, {})[slice_bytes] = anew
        return anew

    def finish(self, file: IncomingFile, chunk: int, partial: PartialChunk) -> WholeChunk | None:
        """The chunk whose slices are all there, held until it is released; None, and nothing held, if it is not what
        was announced."""
        for cut in (file.partial.pop(chunk), *file.recut.pop(chunk, {}).values()):
            if cut is not partial:
                self._held_bytes -= cut.rows.nbytes
        held_bytes = partial.rows.nbytes
        try:
            head, data = open_record(memoryview(partial.rows.reshape(-1).data))
        except (ChunkHashMismatch, RemoteProtocolError):
            self._held_bytes -= held_bytes
            return None
        fits = (
            head.file_id == file.file_id
            and head.chunk == chunk
            and head.offset == chunk * file.chunk_bytes
            and head.size == file.chunk_size(chunk)
        )
        if not fits:
            self._held_bytes -= held_bytes
            return None
        return WholeChunk(data, held_bytes)

    def release(self, held_bytes: int) -> None:
        """A whole chunk is needed no more."""
        self._held_bytes -= held_bytes

    def drop(self, file: IncomingFile) -> None:
        """Everything of a file, but for chunks that were handed over."""
        self._held_bytes -= sum(partial.rows.nbytes for partial in file.partial.values())
        self._held_bytes -= sum(cut.rows.nbytes for cuts in file.recut.values() for cut in cuts.values())
        self._held_bytes -= sum(whole.held_bytes for whole in file.early.values())
