from __future__ import annotations

import hashlib
from pathlib import Path

import blake3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import IntegrityError
from transfer_core.storage.file_hash import FollowingHash, algorithm_of, hash_of_file

CHUNK = 100


def chunks_of(content: bytes) -> list[bytes]:
    return [content[at : at + CHUNK] for at in range(0, len(content), CHUNK)]


@given(content=st.binary(max_size=2500), data=st.data(), limit=st.integers(1, 5))
def test_any_order_gives_the_hash_of_the_whole(content: bytes, data: st.DataObject, limit: int) -> None:
    chunks = chunks_of(content)
    following = FollowingHash(len(content), CHUNK)
    arrived: set[int] = set()
    for chunk in data.draw(st.permutations(range(len(chunks)))):
        arrived.add(chunk)
        following.feed(chunk, chunks[chunk])
        there = following.front
        while there in arrived:
            there += 1
        assert following.catch_up(lambda at: chunks[at], there, limit=limit) <= limit
    while not following.is_complete:
        assert following.catch_up(lambda at: chunks[at], len(chunks)) > 0
    assert following.hexdigest() == "blake3:" + blake3.blake3(content).hexdigest()


def test_only_the_next_chunk_is_taken() -> None:
    following = FollowingHash(3 * CHUNK, CHUNK)
    assert [following.feed(chunk, b"x" * CHUNK) for chunk in (1, 0, 0, 2, 1, 2, 3)] == [
        False,
        True,
        False,
        False,
        True,
        True,
        False,
    ]
    assert following.is_complete


def test_catching_up_is_bounded_and_goes_on_after_a_failure() -> None:
    content = bytes(range(250)) * 10
    chunks = chunks_of(content)
    following = FollowingHash(len(content), CHUNK)
    asked: list[int] = []

    def read_chunk(chunk: int) -> bytes:
        asked.append(chunk)
        if asked.count(3) == 1 and chunk == 3:
            raise OSError("as scripted")
        return chunks[chunk]

    assert following.catch_up(read_chunk, 25, limit=2) == 2
    with pytest.raises(OSError, match="scripted"):
        following.catch_up(read_chunk, 25)
    assert following.catch_up(read_chunk, 10) == 7
    assert following.catch_up(read_chunk, 10) == 0
    assert following.catch_up(read_chunk, 1000) == 15
    assert asked == [0, 1, 2, 3, *range(3, 25)]
    assert following.hexdigest() == "blake3:" + blake3.blake3(content).hexdigest()


def test_an_empty_file_has_a_hash_at_once() -> None:
    following = FollowingHash(0, CHUNK, "sha256")
    assert following.is_complete
    assert following.hexdigest() == "sha256:" + hashlib.sha256(b"").hexdigest()


def test_a_file_has_the_same_hash_as_its_chunks(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "x").write_bytes(content)
    for algorithm in ("blake3", "sha256"):
        following = FollowingHash(len(content), CHUNK, algorithm)
        following.catch_up(lambda chunk: chunks_of(content)[chunk], 2)
        for chunk, data in enumerate(chunks_of(content)):
            following.feed(chunk, data)
        assert hash_of_file(tmp_path / "x", algorithm) == following.hexdigest()


def test_a_digest_names_its_algorithm() -> None:
    assert algorithm_of("blake3:00") == "blake3"
    assert algorithm_of("sha256:00") == "sha256"
    for unknown in ("md5:00", "blake3", "", "00ff"):
        with pytest.raises(IntegrityError):
            algorithm_of(unknown)
    with pytest.raises(IntegrityError, match="crc32"):
        FollowingHash(1, 1, "crc32")
