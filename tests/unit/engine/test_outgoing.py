from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from blake3 import blake3

from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.errors import SourceChanged
from transfer_core.events import JobState
from transfer_core.jobs.model import Job

CHUNK = 65_536


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "frame.jpg"
    path.write_bytes(bytes(range(256)) * 600)
    return path


def job_of(path: Path, **values: int) -> Job:
    job = Job("f1", str(path), path.stat().st_size, 5, 1.0, JobState.UPLOADING, "pit", path.name, "watch")
    return replace(job, **values)  # type: ignore[arg-type]


def test_a_job_that_names_a_state_of_its_source_sends_that_or_nothing(source: Path) -> None:
    facts = source.stat()
    job = job_of(source, source_mtime_ns=facts.st_mtime_ns, source_inode=facts.st_ino)
    OutgoingJob.open(job, CHUNK).close()
    for other in ({"source_mtime_ns": facts.st_mtime_ns + 1}, {"source_inode": facts.st_ino + 1}, {"size": 7}):
        with pytest.raises(SourceChanged):
            OutgoingJob.open(replace(job, **other), CHUNK)  # type: ignore[arg-type]


def test_a_job_that_names_none_sends_what_is_there(source: Path) -> None:
    OutgoingJob.open(job_of(source, size=7), CHUNK).close()


def test_the_hash_is_known_with_the_last_chunk_and_no_sooner(source: Path) -> None:
    out = OutgoingJob.open(job_of(source), CHUNK)
    given = 0
    for chunk in range(out.chunks):
        assert out.known_digest is None
        given += len(out.read_records(chunk, 1) or ())
        out.finish_digest_early()
    assert given == 3
    assert out.known_digest == "blake3:" + blake3(source.read_bytes()).hexdigest()
    out.close()


def test_what_is_passed_over_is_hashed_behind_what_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "race.bin"
    path.write_bytes(bytes(range(250)) * 4096)
    out = OutgoingJob.open(job_of(path), 4096)
    assert out.chunks == 250
    for first in range(170, 250, 8):  # the relay has the others
        assert out.known_digest is None
        out.read_records(first, 8)
        out.finish_digest_early()
    assert 160 <= out.digest.front < 250
    steps = [out.hash_on() for _ in range(2)]
    assert steps == [False, True]  # others are read in between
    assert out.finish_digest() == "blake3:" + blake3(path.read_bytes()).hexdigest()
    out.close()


def test_chunks_out_of_order_give_the_same_hash(source: Path) -> None:
    out = OutgoingJob.open(job_of(source), CHUNK)
    for chunk in (2, 0):
        out.read_records(chunk, 1)
    assert out.finish_digest() == "blake3:" + blake3(source.read_bytes()).hexdigest()
    out.close()


def test_a_source_that_changes_with_its_last_chunk_is_noticed(source: Path) -> None:
    out = OutgoingJob.open(job_of(source), CHUNK)
    out.read_records(0, 3)
    source.write_bytes(b"another")
    out.finish_digest_early()
    assert out.known_digest is None
    assert isinstance(out.failed, SourceChanged)
    out.close()
