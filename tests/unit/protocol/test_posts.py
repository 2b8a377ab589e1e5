from __future__ import annotations

import pytest

from transfer_core.errors import RemoteProtocolError
from transfer_core.protocol.posts import PART_BYTES, POST_BYTES_MAX, PostsIn, PostsOut
from transfer_core.protocol.recovery.mtu import BASE_BYTES
from transfer_core.protocol.wire.datagram import IPV6_UDP_BYTES, PREFIX_BYTES, SEALED_OVERHEAD
from transfer_core.protocol.wire.messages import PostPart, encode_message


def parts_of(out: PostsOut) -> list[PostPart]:
    parts: list[PostPart] = []
    while (part := out.next_part()) is not None:
        parts.append(part)
    return parts


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 10 * PART_BYTES])
def test_a_post_of_any_size_comes_back_whole(size: int) -> None:
    out, into = PostsOut(), PostsIn()
    data = bytes(range(256)) * (size // 256 + 1)
    number = out.add(data[:size], urgent=False)
    parts = parts_of(out)
    assert {part.post for part in parts} == {number}
    assert [into.take(part) for part in parts] == [None] * (len(parts) - 1) + [data[:size]]


def test_a_part_fits_the_smallest_packet_that_a_path_may_have() -> None:
    out = PostsOut()
    out.add(bytes(PART_BYTES), urgent=False)
    part = out.next_part()
    assert part is not None
    heads = IPV6_UDP_BYTES + SEALED_OVERHEAD + PREFIX_BYTES + 7
    assert len(encode_message(part)) + heads <= BASE_BYTES


def test_an_urgent_post_goes_before_those_that_wait_but_breaks_none() -> None:
    out, into = PostsOut(), PostsIn()
    out.add(b"a" * 3000, urgent=False)
    first = out.next_part()
    out.add(b"b" * 3000, urgent=False)
    out.add(b"!", urgent=True)
    assert first is not None
    whole = [data for part in [first, *parts_of(out)] if (data := into.take(part)) is not None]
    assert whole == [b"a" * 3000, b"!", b"b" * 3000]


@pytest.mark.parametrize(
    "part",
    [
        PostPart(1, 1, 2, b"x"),
        PostPart(1, 0, 0, b""),
        PostPart(1, 5, 2, b"x"),
        PostPart(1, 0, POST_BYTES_MAX // PART_BYTES + 2, b"x"),
    ],
)
def test_a_part_that_cannot_be_is_refused(part: PostPart) -> None:
    with pytest.raises(RemoteProtocolError):
        PostsIn().take(part)


def test_only_so_many_posts_may_be_half_here() -> None:
    into = PostsIn()
    for post in range(64):
        into.take(PostPart(post, 0, 2, b"x"))
    with pytest.raises(RemoteProtocolError):
        into.take(PostPart(99, 0, 2, b"x"))
    assert into.take(PostPart(3, 1, 2, b"y")) == b"xy"
