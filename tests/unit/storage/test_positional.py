from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from transfer_core.storage import positional

WAYS = [
    (positional.read_some, positional.write_some),
    (positional.read_by_seeking, positional.write_by_seeking),
]
Way = tuple[Callable[[int, Sequence[memoryview], int], int], Callable[[int, memoryview, int], int]]


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
    assert positional.read_at(fd, [memoryview(data)], 5) == 10
    assert bytes(data) == b"56789later" + b"#" * 10
    assert positional.read_at(fd, [memoryview(data)], 15) == 0


def test_what_comes_and_goes_in_pieces_is_put_together(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = positional.read_some, positional.write_some
    monkeypatch.setattr(positional, "read_some", lambda fd, views, offset: read(fd, [views[0][:3]], offset))
    monkeypatch.setattr(positional, "write_some", lambda fd, data, offset: write(fd, data[:4], offset))
    content = bytes(range(100))
    positional.write_at(fd, memoryview(content), 7)
    data = bytearray(100)
    assert positional.read_at(fd, [memoryview(data)], 7) == 100
    assert bytes(data) == content


@pytest.mark.parametrize("most", [1, 3, 7, 1000])
def test_several_views_are_filled_one_after_another_however_little_comes_at_once(
    fd: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytes(range(50))
    positional.write_at(fd, memoryview(content), 0)
    read = positional.read_some
    if most < 1000:
        monkeypatch.setattr(positional, "read_some", lambda fd, views, offset: read(fd, [views[0][:most]], offset))
    pieces = [bytearray(length) for length in (7, 1, 30, 20)]
    assert positional.read_at(fd, [memoryview(piece) for piece in pieces], 2) == 48
    assert b"".join(pieces) == content[2:] + bytes(10)
