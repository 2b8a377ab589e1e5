"""What a relay's database says of the files that it has received or is receiving."""

from __future__ import annotations

from transfer_core.events import IncomingView, JobState
from transfer_core.storage.relay_store import RelayStore


def list_incoming(store: RelayStore) -> list[IncomingView]:
    """What a relay's database says of its files."""
    return [
        IncomingView(
            agent=agent,
            file_id=record.file_id,
            path=record.wire_path,
            size=record.size,
            bytes_done=record.size
            if record.status == "completed"
            else min(
                record.size,
                int(store.have(record.number, -(-record.size // record.chunk_bytes)).sum()) * record.chunk_bytes,
            ),
            status=JobState(record.status),
            stored_as=record.stored_as,
            file_hash=record.file_hash,
            completed_at=completed_at,
        )
        for agent, record, completed_at in store.received()
    ]
