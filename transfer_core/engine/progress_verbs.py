"""How far one file is: the reference's manifest of it, and which link carried which part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.service_parts import ServiceParts
from transfer_core.events import JobState
from transfer_core.manifest.reference import ManifestFacts, reference_manifest
from transfer_core.service.values import UNKNOWN_LINK, ChunkMap


class ProgressVerbs(ServiceParts):
    """See `service.TransferService`."""

    def manifest(self, file_id: str) -> dict[str, Any]:
        """See `TransferService`. Hashes are of the source as it is now; none where it can't be read."""
        job = self._store.job(file_id)
        chunk_bytes = self._config.chunk_bytes
        done = self._stored_chunks(file_id)
        if done is None:
            whole = -(-job.size // chunk_bytes)
            count = whole if job.status is JobState.COMPLETED else job.bytes_done // chunk_bytes
            done = set(range(count))
        return reference_manifest(
            ManifestFacts(
                file_id=job.file_id,
                file_path=job.path,
                file_size=job.size,
                chunk_bytes=chunk_bytes,
                file_hash=job.file_hash,
                priority=job.priority,
                created_at=job.created_at,
                updated_at=job.completed_at or job.started_at or job.created_at,
                done=done,
                chunk_hash=_source_hashes(Path(job.path), chunk_bytes),
            )
        )

    def _stored_chunks(self, file_id: str) -> set[int] | None:
        """Chunks that the relay has stored, of a job under way."""

        def look(loop: AgentLoop) -> set[int] | None:
            for uplink in loop.uplinks.values():
                out = uplink.jobs.get(file_id)
                if out is not None and out.number is not None and uplink.session is not None:
                    return set(np.flatnonzero(uplink.session.files[out.number].stored).tolist())
            return None

        return self._ask_loop(look)

    def chunk_map(self, file_id: str, cells: int) -> ChunkMap:
        """See `TransferService`."""
        job = self._store.job(file_id)

        def look(loop: AgentLoop) -> tuple[list[str], Any, Any] | None:
            for uplink in loop.uplinks.values():
                out = uplink.jobs.get(file_id)
                if out is None or out.number is None or uplink.session is None:
                    continue
                file = uplink.session.files.get(out.number)
                if file is None:
                    return None
                names = [*sorted({*uplink.path_links.values()}), UNKNOWN_LINK]
                index = np.zeros(256, np.uint8)
                for number, name in uplink.path_links.items():
                    index[number] = 1 + names.index(name)
                marks = np.where(file.chunk_paths == 255, 0, index[file.chunk_paths])
                marks = np.where((marks == 0) & file.stored, len(names), marks)
                return names, marks, None
            return None

        found = self._ask_loop(look)
        chunks = -(-job.size // self._config.chunk_bytes)
        if found is None:
            done = chunks if job.status is JobState.COMPLETED else job.bytes_done // self._config.chunk_bytes
            filled = round(cells * done / chunks) if chunks else 0
            return ChunkMap((UNKNOWN_LINK,), bytes([1] * filled + [0] * (cells - filled)), chunks, done)
        names, marks, _ = found
        return ChunkMap(tuple(names), thin_marks(marks, cells), chunks, int(np.count_nonzero(marks)))


def thin_marks(marks: NDArray[np.integer[Any]], cells: int) -> bytes:
    """At most so many cells; each has the mark that most of its chunks have, the higher one of two that are equal."""
    if len(marks) <= cells:
        return bytes(marks.astype(np.uint8))
    starts = np.linspace(0, len(marks), cells + 1).astype(int)[:-1]
    kinds = np.unique(marks)[::-1]
    counts = np.array([np.add.reduceat(marks == kind, starts, dtype=np.int64) for kind in kinds])
    return bytes(kinds[np.argmax(counts, axis=0)].astype(np.uint8))


def _source_hashes(path: Path, chunk_bytes: int) -> Callable[[int], int | None]:
    """xxHash64 of the source's chunks, as it is now."""

    def chunk_hash(chunk: int) -> int | None:
        try:
            with path.open("rb") as file:
                file.seek(chunk * chunk_bytes)
                return xxhash.xxh64_intdigest(file.read(chunk_bytes))
        except OSError:
            return None

    return chunk_hash
