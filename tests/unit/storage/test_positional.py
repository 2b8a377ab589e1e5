from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from transfer_core.storage import positional

WAYS = [
    (positional.read_some, positional.write_some),
    (positional.read_by_seeking, positional.write_by_seeking),
]
Way = tuple[Callable[[int, memoryview, int], int], Callable[[int, memoryview, int], int]]


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "x", os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0))
    yield opened
    os.close(opened)


@pytest.mark.parametrize("way", WAYS, ids=["own", "seeking"])
def test_both_ways_do_the_same(fd: int, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positional, "read_some", way[0])
    monkeypatch.setattr(positional, "write_some", way[1])
    positional.write_at(fd, memoryview(b"later"), 10)
    positional.write_at(fd, memoryview(b"0123456789"), 0)
    data = bytearray(b"#" * 20)
    assert positional.read_at(fd, memoryview(data), 5) == 10
    assert bytes(data) == b"56789later" + b"#" * 10
    assert positional.read_at(fd, memoryview(data), 15) == 0


def test_what_comes_and_goes_in_pieces_is_put_together(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = positional.read_some, positional.write_some
    monkeypatch.setattr(positional, "read_some", lambda fd, view, offset: read(fd, view[:3], offset))
    monkeypatch.setattr(positional, "write_some", lambda fd, data, offset: write(fd, data[:4], offset))
    content = bytes(range(100))
    positional.write_at(fd, memoryview(content), 7)
    data = bytearray(100)
    assert positional.read_at(fd, memoryview(data), 7) == 100
    assert bytes(data) == content
