from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from transfer_core.errors import SourceChanged, SourceMissing, SourceUnreadable
from transfer_core.storage.reader import Fingerprint, SourceFile

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="no such files on Windows")
CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "lap.bin"
    made.write_bytes(CONTENT)
    os.utime(made, ns=(10**18, 10**18))
    return made


def read(source: SourceFile, offset: int, size: int) -> bytes:
    data = bytearray(size)
    source.read_into(offset, memoryview(data))
    return bytes(data)


def test_any_part_can_be_read(path: Path) -> None:
    source = SourceFile.open(path)
    assert source.fingerprint == Fingerprint(len(CONTENT), 10**18, path.stat().st_ino)
    assert read(source, 700, 3000) == CONTENT[700:3700]
    assert read(source, 0, len(CONTENT)) == CONTENT
    assert read(source, len(CONTENT), 0) == b""
    source.check_unchanged()
    source.close()
    source.close()


def test_a_source_that_is_not_there_is_missing(tmp_path: Path, path: Path) -> None:
    for gone in (tmp_path / "nothing", path / "below a file"):
        with pytest.raises(SourceMissing, match="is gone"):
            SourceFile.open(gone)


def test_a_folder_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="is a folder"):
        SourceFile.open(tmp_path)


@POSIX
def test_a_pipe_or_a_device_is_no_source_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for special in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(SourceUnreadable, match="no regular file"):
            SourceFile.open(special)


def test_a_name_that_no_file_can_have_is_unreadable(tmp_path: Path) -> None:
    for name in ("a\0b", "x" * 300):
        with pytest.raises(SourceUnreadable):
            SourceFile.open(tmp_path / name)


@POSIX
def test_a_source_without_permission_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # modes do not hold root back
    with pytest.raises(SourceUnreadable, match="Permission denied"):
        SourceFile.open(path)


def test_a_source_that_shrinks_is_noticed_at_the_read(path: Path) -> None:
    source = SourceFile.open(path)
    os.truncate(path, 1000)
    for offset, size in ((0, 2000), (0, 10)):
        with pytest.raises(SourceChanged, match="shorter"):
            read(source, offset, size)
    source.close()


@pytest.mark.parametrize("mode", ["ab", "r+b"])
def test_a_source_that_grows_or_is_written_to_is_noticed_at_the_read(path: Path, mode: str) -> None:
    source = SourceFile.open(path)
    assert read(source, 0, 10) == CONTENT[:10]
    with path.open(mode) as file:
        file.write(b"other")
    with pytest.raises(SourceChanged, match="changed"):
        read(source, 0, 10)
    source.close()


def test_a_source_that_is_replaced_keeps_its_old_content_and_is_noticed_at_the_check(path: Path) -> None:
    source = SourceFile.open(path)
    other = path.with_name("other")
    other.write_bytes(b"\xff" * len(CONTENT))
    os.utime(other, ns=(10**18, 10**18))
    other.replace(path)
    assert read(source, 0, 100) == CONTENT[:100]
    with pytest.raises(SourceChanged):
        source.check_unchanged()
    source.close()


def test_a_source_that_goes_away_is_noticed_at_the_check(path: Path) -> None:
    source = SourceFile.open(path)
    path.unlink()
    with pytest.raises(SourceMissing, match="went away"):
        source.check_unchanged()
    source.close()


def test_fingerprints_of_different_states_differ_on_the_wire() -> None:
    states = [Fingerprint(size, mtime, inode) for size in range(8) for mtime in range(8) for inode in range(8)]
    digests = {state.digest for state in states}
    assert len(digests) == len(states)
    assert max(digests) < 1 << 64
