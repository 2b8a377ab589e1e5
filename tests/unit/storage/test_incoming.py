from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from transfer_core.errors import DiskFull, StorageError, WriteFailed
from transfer_core.storage import incoming
from transfer_core.storage.file_hash import hash_of_file
from transfer_core.storage.incoming import WINDOW_BYTES, IncomingFile, part_path

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="no such files on Windows")
CHUNK = 65_536
MTIME_NS = 1_600_000_000_123_456_789


def pattern(chunk: int, size: int = CHUNK) -> bytes:
    return (chunk + 1).to_bytes(4, "big") * (size // 4)


def arrive(target: Path, content: bytes) -> IncomingFile:
    file = IncomingFile.open(part_path(target), len(content))
    for at in range(0, len(content), CHUNK):
        file.write_chunk(at, memoryview(content)[at : at + CHUNK])
    return file


def failing(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def holds_disk_bytes(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_nothing_is_at_its_place_until_it_is_finished(tmp_path: Path) -> None:
    content = pattern(0) + pattern(1) + b"end"
    file = arrive(tmp_path / "lap.bin", content)
    assert [each.name for each in tmp_path.iterdir()] == ["lap.bin.part"]
    file.sync()
    final = file.finish(tmp_path / "lap.bin", MTIME_NS)
    assert final == tmp_path / "lap.bin"
    assert [each.name for each in tmp_path.iterdir()] == ["lap.bin"]
    assert final.read_bytes() == content
    assert abs(final.stat().st_mtime_ns - MTIME_NS) < 1000


def test_chunks_may_come_in_any_order_and_be_read_back(tmp_path: Path) -> None:
    file = IncomingFile.open(tmp_path / "x.part", 3 * CHUNK)
    for chunk in (2, 0, 1):
        file.write_chunk(chunk * CHUNK, memoryview(pattern(chunk)))
        assert file.read(chunk * CHUNK, CHUNK) == pattern(chunk)
    assert file.read(CHUNK - 4, 8) == pattern(0)[-4:] + pattern(1)[:4]
    file.close()


def test_an_empty_file_and_one_of_one_byte_arrive(tmp_path: Path) -> None:
    for content in (b"", b"\0", b"x"):
        final = arrive(tmp_path / "tiny", content).finish(tmp_path / "tiny", 0)
        assert final.read_bytes() == content
        final.unlink()


def test_a_part_that_is_opened_again_has_what_was_written(tmp_path: Path) -> None:
    part = tmp_path / "x.part"
    first = IncomingFile.open(part, 4 * CHUNK)
    first.write_chunk(CHUNK, memoryview(pattern(1)))
    first.close()
    again = IncomingFile.open(part, 4 * CHUNK)
    assert (first.created, again.created) == (True, False)
    assert again.read(CHUNK, CHUNK) == pattern(1)
    again.close()


def test_a_chunk_of_zeros_replaces_what_was_there_before(tmp_path: Path) -> None:
    part = tmp_path / "x.part"
    for created in (True, False):
        file = IncomingFile.open(part, 4 * CHUNK)
        assert file.created is created
        file.write_chunk(CHUNK, memoryview(pattern(1)))
        file.write_chunk(CHUNK, memoryview(bytes(CHUNK)))
        assert file.read(CHUNK, CHUNK) == bytes(CHUNK)
        file.write_chunk(CHUNK, memoryview(pattern(1)))
        file.close()
    file = IncomingFile.open(part, 4 * CHUNK)
    file.write_chunk(CHUNK, memoryview(bytes(CHUNK)))
    assert file.read(0, 4 * CHUNK) == bytes(4 * CHUNK)
    file.close()


@pytest.mark.skipif(not hasattr(os, "SEEK_DATA"), reason="this system can't find holes")
def test_a_sparse_source_stays_sparse_also_after_a_restart(tmp_path: Path) -> None:
    part, size = tmp_path / "x.part", 20 * 1024**3
    zeros = memoryview(bytes(CHUNK))
    for _ in range(2):
        file = IncomingFile.open(part, size)
        for chunk in range(0, size // CHUNK, 1000):
            file.write_chunk(chunk * CHUNK, zeros)
        file.write_chunk(size // 2, memoryview(pattern(5)))
        file.sync()
        file.close()
    assert part.stat().st_size == size
    assert holds_disk_bytes(part) <= WINDOW_BYTES + 1024 * 1024
    file = IncomingFile.open(part, size)
    assert file.read(size // 2 - 10, CHUNK + 20) == bytes(10) + pattern(5) + bytes(10)
    file.abandon()


@pytest.mark.skipif(sys.platform != "linux", reason="room is set aside on Linux")
def test_room_is_set_aside_around_what_is_written_and_not_beyond_the_end(tmp_path: Path) -> None:
    size = 2 * WINDOW_BYTES + CHUNK
    file = IncomingFile.open(tmp_path / "x.part", size)
    file.write_chunk(0, memoryview(pattern(0)))
    assert holds_disk_bytes(file.part) in (CHUNK, *range(WINDOW_BYTES, WINDOW_BYTES + 65_536))
    file.write_chunk(2 * WINDOW_BYTES, memoryview(pattern(1)))
    assert file.part.stat().st_size == size
    assert holds_disk_bytes(file.part) < 2 * WINDOW_BYTES
    assert file.read(CHUNK, CHUNK) == bytes(CHUNK)
    file.close()


def test_another_file_of_that_name_is_never_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "lap.bin"
    target.write_bytes(b"older")
    first = arrive(target, b"newer").finish(target, 0)
    second = arrive(target, b"newest").finish(target, 0, digest="blake3:" + "0" * 64)
    assert (first, second) == (tmp_path / "lap (2).bin", tmp_path / "lap (3).bin")
    assert [each.read_bytes() for each in (target, first, second)] == [b"older", b"newer", b"newest"]


@pytest.mark.parametrize("algorithm", ["blake3", "sha256"])
def test_the_same_content_again_makes_no_second_copy(tmp_path: Path, algorithm: str) -> None:
    target = tmp_path / "lap.bin"
    target.write_bytes(b"same content")
    digest = hash_of_file(target, algorithm)
    final = arrive(target, b"same content").finish(target, MTIME_NS, digest=digest)
    assert final == target
    assert [each.name for each in tmp_path.iterdir()] == ["lap.bin"]
    assert target.read_bytes() == b"same content"


@POSIX
def test_a_link_at_the_final_place_is_neither_followed_nor_replaced(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"content")
    target = tmp_path / "lap.bin"
    target.symlink_to(elsewhere)
    final = arrive(target, b"content").finish(target, 0, digest=hash_of_file(elsewhere))
    assert final == tmp_path / "lap (2).bin"
    assert target.is_symlink()


@POSIX
@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
def test_what_is_no_file_in_the_place_of_a_part_is_refused_and_left_alone(tmp_path: Path, kind: str) -> None:
    part, victim = tmp_path / "x.part", tmp_path / "victim"
    match kind:
        case "link":
            victim.write_bytes(b"precious")
            part.symlink_to(victim)
        case "dangling link":
            part.symlink_to(victim)
        case "pipe":
            os.mkfifo(part)
        case "folder":
            part.mkdir()
    with pytest.raises(WriteFailed):
        IncomingFile.open(part, 100)
    assert os.path.lexists(part)
    assert victim.exists() is (kind == "link")
    if kind == "link":
        assert victim.read_bytes() == b"precious"


@POSIX
def test_two_transfers_never_write_one_part(tmp_path: Path) -> None:
    part = tmp_path / "x.part"
    first = IncomingFile.open(part, 100)
    first.write_chunk(0, memoryview(b"mine"))
    with pytest.raises(WriteFailed, match="another transfer"):
        IncomingFile.open(part, 50)
    assert first.read(0, 4) == b"mine"
    assert part.stat().st_size == 100
    first.close()
    IncomingFile.open(part, 100).close()


def test_an_abandoned_part_is_gone(tmp_path: Path) -> None:
    file = arrive(tmp_path / "x", pattern(0))
    file.abandon()
    file.abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_closed_part_takes_nothing_more(tmp_path: Path) -> None:
    file = arrive(tmp_path / "x", pattern(0))
    file.close()
    for act in (lambda: file.write_chunk(0, memoryview(b"x")), file.sync, lambda: file.read(0, 1)):
        with pytest.raises(WriteFailed):
            act()


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, WriteFailed), (errno.EROFS, WriteFailed)],
)
def test_a_refused_write_says_why_and_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[StorageError]
) -> None:
    file = IncomingFile.open(tmp_path / "x.part", CHUNK)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", failing(number))
        with pytest.raises(error) as caught:
            file.write_chunk(0, memoryview(pattern(0)))
    assert caught.value.retryable
    assert "x.part" in str(caught.value)
    file.write_chunk(0, memoryview(pattern(0)))
    assert file.finish(tmp_path / "x", 0).read_bytes() == pattern(0)


def test_a_write_that_is_cut_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: whole(fd, data[:1000], offset))
    assert arrive(tmp_path / "x", pattern(3) + b"tail").finish(tmp_path / "x", 0).read_bytes() == pattern(3) + b"tail"


@pytest.mark.skipif(sys.platform != "linux", reason="patches Linux's call")
def test_after_a_failed_sync_nothing_is_called_durable_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = arrive(tmp_path / "x", pattern(0))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", failing(errno.EIO))
        with pytest.raises(WriteFailed):
            file.sync()
    for _ in range(2):  # the system would say that all is well now
        with pytest.raises(WriteFailed):
            file.sync()
    with pytest.raises(WriteFailed):
        file.finish(tmp_path / "x", 0)
    assert not (tmp_path / "x").exists()
    file.close()
    again = IncomingFile.open(tmp_path / "x.part", CHUNK)
    again.write_chunk(0, memoryview(pattern(0)))
    again.sync()
    again.close()


@POSIX
def test_finishing_can_be_tried_again_when_the_folder_could_not_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"older")
    file = arrive(target, pattern(0))
    file.sync()
    with monkeypatch.context() as patched:
        patched.setattr("transfer_core.storage.incoming.sync_folder", failing(errno.EIO))
        with pytest.raises(WriteFailed):
            file.finish(target, 0)
    assert file.finish(target, 0) == tmp_path / "x (2)"
    assert [target.read_bytes(), (tmp_path / "x (2)").read_bytes()] == [b"older", pattern(0)]


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the disk, in order: a power cut forgets what was not, which no killed process shows."""
    asked: list[str] = []

    def note(name: str) -> None:
        real = getattr(incoming, name)

        def call(*args: object) -> object:
            asked.append(name)
            return real(*args)

        monkeypatch.setattr(incoming, name, call)

    for name in ("sync_file", "sync_inode", "sync_folder", "rename_new", "write_at"):
        note(name)
    return asked


def test_data_and_the_name_of_a_part_file_are_synced_before_anybody_counts_on_them(
    tmp_path: Path, noted: list[str]
) -> None:
    file = arrive(tmp_path / "x", pattern(0))
    file.sync()
    assert noted == ["write_at", "sync_file", "sync_folder"]
    file.write_chunk(0, memoryview(pattern(1)))
    file.sync()
    assert noted[3:] == ["write_at", "sync_file"]  # the name is durable by then
    file.close()


def test_the_data_is_synced_before_the_name_and_the_name_before_it_counts(tmp_path: Path, noted: list[str]) -> None:
    arrive(tmp_path / "x", pattern(0)).finish(tmp_path / "x", MTIME_NS)
    assert noted == ["write_at", "sync_inode", "rename_new", "sync_folder"]


def test_a_time_that_no_disk_can_hold_is_left_out(tmp_path: Path) -> None:
    for mtime_ns in (2**63 - 1, 2**80, -5, 0):
        final = arrive(tmp_path / "x", b"data").finish(tmp_path / "x", mtime_ns)
        assert final.read_bytes() == b"data"
        final.unlink()


@POSIX
def test_without_an_exclusive_rename_nothing_is_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transfer_core.storage.rename._RENAMEAT2", None)
    target = tmp_path / "x"
    target.write_bytes(b"older")
    assert arrive(target, b"newer").finish(target, 0) == tmp_path / "x (2)"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["x", "x (2)"]
    assert target.read_bytes() == b"older"
    monkeypatch.setattr(Path, "hardlink_to", failing(errno.EPERM))  # as FAT says it
    assert arrive(target, b"newest").finish(target, 0) == tmp_path / "x (3)"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["x", "x (2)", "x (3)"]


@POSIX
def test_a_crash_between_link_and_unlink_is_tidied_up(tmp_path: Path) -> None:
    target = tmp_path / "x"
    arrive(target, b"data").close()
    target.hardlink_to(part_path(target))
    assert IncomingFile.open(part_path(target), 4).finish(target, 0) == target
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("x", b"data")]


NO_MOUNT = 77
TMPFS = """
import sys
from pathlib import Path
from transfer_core.errors import DiskFull
from transfer_core.storage.incoming import IncomingFile
folder = Path(sys.argv[1])
ballast = folder / "ballast"
ballast.write_bytes(bytes(range(256)) * 2000)
file = IncomingFile.open(folder / "x.part", 900_000)
refused = []
for turn in range(3):
    for at in range(0, 900_000, 50_000):
        try:
            file.write_chunk(at, memoryview((at // 50_000 + 1).to_bytes(2, "big") * 25_000))
        except DiskFull as error:
            refused.append(at)
    if refused and turn == 0:
        print("full", len(refused), flush=True)
        refused.clear()
        ballast.unlink()
final = file.finish(folder / "x", 0)
expected = b"".join((n + 1).to_bytes(2, "big") * 25_000 for n in range(18))
print("refused later", len(refused), "equal", final.read_bytes() == expected)
"""


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk needs root on Linux")
def test_a_full_disk_is_told_and_writing_goes_on_when_there_is_room(tmp_path: Path) -> None:
    # In a mount namespace of its own, so that the disk is gone with the process.
    script = f'mount -t tmpfs -o size=1m none "$1" || exit {NO_MOUNT}; exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        [
            "sh",
            "-c",
            f'unshare --mount true || exit {NO_MOUNT}; exec unshare --mount "$@"',
            "sh",
            "sh",
            "-c",
            script,
            "sh",
            str(tmp_path),
            sys.executable,
            TMPFS,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[3],
    )
    if done.returncode == NO_MOUNT:
        pytest.skip(f"this system mounts nothing for us: {done.stderr.strip()}")
    assert done.stderr == ""
    full, later = done.stdout.splitlines()
    assert full.startswith("full ")
    assert int(full.split()[1]) > 3
    assert later == "refused later 0 equal True"


def test_a_file_that_is_here_as_a_whole_is_written_at_once_and_not_seen_before_it_has_its_name(tmp_path: Path) -> None:
    file = IncomingFile.write_whole(str(tmp_path / "a.jpg.part"), memoryview(b"picture"))
    assert file is not None
    assert [each.name for each in tmp_path.iterdir()] == ["a.jpg.part"]
    assert file.finish(tmp_path / "a.jpg", MTIME_NS).read_bytes() == b"picture"


def test_a_part_that_lies_there_is_left_alone_by_one_that_is_written_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.jpg.part").write_bytes(b"somebody's")
    assert IncomingFile.write_whole(str(tmp_path / "a.jpg.part"), memoryview(b"picture")) is None
    assert (tmp_path / "a.jpg.part").read_bytes() == b"somebody's"


def test_a_file_that_could_not_be_written_at_once_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "write_at", failing(errno.ENOSPC))
    with pytest.raises(DiskFull):
        IncomingFile.write_whole(str(tmp_path / "a.jpg.part"), memoryview(b"picture"))
    assert list(tmp_path.iterdir()) == []


@POSIX
def test_nobody_else_writes_a_part_that_was_written_at_once(tmp_path: Path) -> None:
    file = IncomingFile.write_whole(str(tmp_path / "a.jpg.part"), memoryview(b"picture"))
    with pytest.raises(WriteFailed, match="another transfer"):
        IncomingFile.open(tmp_path / "a.jpg.part", 7)
    assert file is not None
    file.close()
