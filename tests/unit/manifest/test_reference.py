from __future__ import annotations

import json

from transfer_core.manifest.reference import ManifestFacts, reference_manifest


def facts(size: int, done: set[int] | None = None) -> ManifestFacts:
    return ManifestFacts(
        file_id="b2c1",
        file_path="/data/run 7/🏁\n.bin",
        file_size=size,
        chunk_bytes=65_536,
        file_hash="blake3:00ff",
        priority=2,
        created_at="2026-11-21T12:00:00.000Z",
        updated_at="2026-11-21T12:05:00.000Z",
        done=done or set(),
        chunk_hash=lambda chunk: 0xAB if chunk == 0 else None,
        retries={1: 3},
    )


def test_the_manifest_has_exactly_the_known_fields_in_their_order() -> None:
    manifest = reference_manifest(facts(70_000, {0}))
    assert " ".join(manifest) == (
        "file_id file_path file_size file_hash total_chunks chunks priority created_at updated_at"
    )
    assert manifest["chunks"] == {
        "0": {
            "chunk_id": 0,
            "offset": 0,
            "size": 65_536,
            "hash": "00000000000000ab",
            "status": "acked",
            "retry_count": 0,
        },
        "1": {"chunk_id": 1, "offset": 65_536, "size": 4_464, "hash": "", "status": "pending", "retry_count": 3},
    }
    assert manifest["priority"] == "high"
    assert manifest["total_chunks"] == 2


def test_an_empty_file_has_no_chunks() -> None:
    manifest = reference_manifest(facts(0))
    assert manifest["total_chunks"] == 0
    assert manifest["chunks"] == {}


def test_a_name_that_is_no_utf8_survives_json() -> None:
    odd = ManifestFacts(file_id="x", file_path="/data/\udcff", file_size=0, chunk_bytes=65_536)
    assert json.loads(json.dumps(reference_manifest(odd)))["file_path"] == "/data/\udcff"
