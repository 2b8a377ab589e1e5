"""Files that are compressed before they are uploaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from tests.support.chunk_server import ChunkServer
from tests.support.upload_world import UploadWorld, wait_until
from transfer_core.engine.uploads import packing
from transfer_core.engine.uploads.packing import Packer
from transfer_core.errors import Cancelled, SourceChanged, UsageError
from transfer_core.storage.reader import SourceFile

ID = "0" * 36


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A race log: 12 MB that shrink well, but not to nothing."""
    rows = (f"{at * 0.02:.2f},{at * 7919 % 300 / 10:.1f},{at * 104729 % 9000},car{at % 20}\n" for at in range(480_000))
    path = tmp_path / "race.csv"
    path.write_text("".join(rows))
    return path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChunkServer]:
    started = ChunkServer(tmp_path / "server")
    started.start()
    yield started
    started.stop()


def test_a_log_arrives_packed_and_what_does_not_shrink_as_it_is(
    world: UploadWorld, server: ChunkServer, log: Path, tmp_path: Path
) -> None:
    noise = world.file("noise.bin", 100_000)
    world.destination(server.url, compress="zstd")
    job = world.arrive(world.queue(log))
    world.arrive(world.queue(noise))
    found = server.completed()
    assert set(found) == {"race.csv.zst", "noise.bin"}
    assert zstandard.decompress(found["race.csv.zst"]) == log.read_bytes()
    assert found["noise.bin"] == noise.read_bytes()
    assert sum(job.links.values()) == len(found["race.csv.zst"]) < 0.5 * log.stat().st_size
    assert job.bytes_done == job.size == log.stat().st_size
    assert list((tmp_path / "state" / packing.FOLDER_NAME).iterdir()) == []


def test_a_packed_upload_goes_on_with_the_same_bytes_after_a_restart(
    world: UploadWorld, server: ChunkServer, tmp_path: Path
) -> None:
    source = tmp_path / "big.bin"
    # twice as many chunks as are under way at once, which may all arrive at the same moment
    source.write_bytes(bytes(12_000_000) + world.file("half.bin", 30_000_000).read_bytes())
    server.rate_bytes_per_s = 8e6
    world.destination(server.url, compress="zstd")
    file_id = world.queue(source)
    wait_until(lambda: 0 < world.job(file_id).bytes_done < world.job(file_id).size, "the first chunk")
    (packed,) = (tmp_path / "state" / packing.FOLDER_NAME).iterdir()
    before = packed.stat().st_mtime_ns
    world.restart()
    assert packed.stat().st_mtime_ns == before
    server.rate_bytes_per_s = None
    world.arrive(file_id)
    assert zstandard.decompress(server.completed()["big.bin.zst"]) == source.read_bytes()
    assert server.count("/init") == 1


def test_what_is_left_of_jobs_that_are_gone_is_removed(tmp_path: Path, log: Path) -> None:
    packer = Packer(tmp_path)
    source = SourceFile.open(log)
    path = packer.pack(ID, source, lambda: None)
    assert path is not None
    assert packer.pack(ID, source, lambda: None) == path
    packer.tidy({ID})
    assert path.exists()
    packer.tidy(set())
    assert not path.exists()
    source.close()


def test_packing_that_is_stopped_or_whose_source_changes_leaves_nothing(tmp_path: Path, log: Path) -> None:
    packer = Packer(tmp_path)
    source = SourceFile.open(log)

    def stop() -> None:
        raise Cancelled("stopped")

    def change() -> None:
        log.write_text("another race\n" * 10_000)

    with pytest.raises(Cancelled):
        packer.pack(ID, source, stop)
    with pytest.raises(SourceChanged):
        packer.pack(ID, source, change)
    assert list((tmp_path / packing.FOLDER_NAME).iterdir()) == []
    source.close()


def test_without_room_a_file_goes_as_it_is(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "KEEP_FREE_BYTES", 1 << 60)
    source = SourceFile.open(log)
    assert Packer(tmp_path).pack(ID, source, lambda: None) is None
    assert list((tmp_path / packing.FOLDER_NAME).iterdir()) == []
    source.close()


def test_another_way_to_compress_is_refused(world: UploadWorld) -> None:
    with pytest.raises(UsageError, match="zstd"):
        world.destination("http://127.0.0.1:9", kind="chunked", compress="lzma")
