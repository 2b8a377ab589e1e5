from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from transfer_core.ingest.completion import Facts
from transfer_core.ingest.sent_file import ASIDE, Removal, facts_of, remove_sent

linux = pytest.mark.skipif(sys.platform != "linux", reason="who writes a file is told by Linux")


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    path = tmp_path / "frame_1.jpg"
    path.write_bytes(b"sent")
    return path


@pytest.fixture
def sent(frame: Path) -> Facts:
    facts = facts_of(str(frame))
    assert facts is not None
    return facts


def left(frame: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in frame.parent.iterdir()}


def test_what_was_sent_is_deleted(frame: Path, sent: Facts) -> None:
    assert remove_sent(str(frame), sent) is Removal.DELETED
    assert left(frame) == {}
    assert remove_sent(str(frame), sent) is Removal.GONE


def test_another_size_time_or_file_of_that_name_stays(frame: Path, sent: Facts) -> None:
    os.utime(frame, ns=(sent.mtime_ns, sent.mtime_ns + 1))
    assert remove_sent(str(frame), sent) is Removal.CHANGED
    other = frame.with_name("other")
    other.write_bytes(b"sent")
    os.utime(other, ns=(sent.mtime_ns, sent.mtime_ns))
    other.rename(frame)
    assert remove_sent(str(frame), sent) is Removal.CHANGED
    with frame.open("ab") as writer:
        writer.write(b" and more")
    os.utime(frame, ns=(sent.mtime_ns, sent.mtime_ns))
    assert remove_sent(str(frame), sent) is Removal.CHANGED
    assert left(frame) == {"frame_1.jpg": b"sent and more"}


@linux
def test_what_somebody_writes_stays_until_he_is_done(frame: Path, sent: Facts) -> None:
    with frame.open("ab"):
        assert remove_sent(str(frame), sent) is Removal.HELD
        assert left(frame) == {"frame_1.jpg": b"sent"}
    assert remove_sent(str(frame), sent) is Removal.DELETED


@pytest.mark.parametrize("comes_again", [False, True])
def test_what_a_crash_left_half_deleted_is_deleted_by_the_next_call(
    frame: Path, sent: Facts, comes_again: bool
) -> None:
    frame.rename(frame.with_name(f".{frame.name}{ASIDE}"))
    if comes_again:
        frame.write_bytes(b"the next round of a ring buffer")
    assert remove_sent(str(frame), sent) is (Removal.CHANGED if comes_again else Removal.GONE)
    assert left(frame) == ({frame.name: b"the next round of a ring buffer"} if comes_again else {})


def test_what_was_written_to_before_a_crash_gets_its_name_back(frame: Path, sent: Facts) -> None:
    with frame.open("ab") as writer:
        writer.write(b" and more")
    frame.rename(frame.with_name(f".{frame.name}{ASIDE}"))
    assert remove_sent(str(frame), sent) is Removal.CHANGED
    assert left(frame) == {frame.name: b"sent and more"}
