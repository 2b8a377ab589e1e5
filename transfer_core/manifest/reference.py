"""The manifest as JSON, with exactly the fields that other programs know: one object per file, one entry per chunk."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from transfer_core.config import priority_name


def _hash_unknown(_chunk: int) -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class ManifestFacts:
    """What a manifest tells about a file. Times are UTC ISO 8601 text."""

    file_id: str
    file_path: str
    file_size: int
    chunk_bytes: int
    file_hash: str = ""  # "blake3:...", empty while unknown
    priority: int = 5
    created_at: str = ""
    updated_at: str = ""
    done: Container[int] = frozenset()  # chunks that the receiver has stored, by number
    chunk_hash: Callable[[int], int | None] = _hash_unknown  # xxHash64 of a chunk
    retries: Mapping[int, int] = field(default_factory=dict)  # how often a chunk was sent again; absent is 0

    @property
    def total_chunks(self) -> int:
        """How many chunks the file has."""
        return -(-self.file_size // self.chunk_bytes)


def reference_manifest(facts: ManifestFacts) -> dict[str, Any]:
    """The manifest as a dict ready for `json.dumps`."""
    chunks = {str(chunk): _chunk_entry(facts, chunk) for chunk in range(facts.total_chunks)}
    return {**_before_chunks(facts), "chunks": chunks, **_after_chunks(facts)}


def _before_chunks(facts: ManifestFacts) -> dict[str, Any]:
    return {
        "file_id": facts.file_id,
        "file_path": facts.file_path,
        "file_size": facts.file_size,
        "file_hash": facts.file_hash,
        "total_chunks": facts.total_chunks,
    }


def _chunk_entry(facts: ManifestFacts, chunk: int) -> dict[str, Any]:
    offset = chunk * facts.chunk_bytes
    digest = facts.chunk_hash(chunk)
    return {
        "chunk_id": chunk,
        "offset": offset,
        "size": min(facts.chunk_bytes, facts.file_size - offset),
        "hash": "" if digest is None else f"{digest:016x}",
        "status": "acked" if chunk in facts.done else "pending",
        "retry_count": facts.retries.get(chunk, 0),
    }


def _after_chunks(facts: ManifestFacts) -> dict[str, Any]:
    return {
        "priority": priority_name(facts.priority),
        "created_at": facts.created_at,
        "updated_at": facts.updated_at,
    }
