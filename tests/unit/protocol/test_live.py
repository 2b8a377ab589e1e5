from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_core.errors import RemoteProtocolError
from transfer_core.protocol.live import (
    AGAIN_MAX,
    HOLD_NS,
    LONGEST_NS,
    PAUSE_NS,
    QUEUE_BYTES_MAX,
    RUN_MAX,
    WAIT_NS,
    Copying,
    LiveIn,
    LiveOut,
)
from transfer_core.protocol.live_frame import (
    Entry,
    LiveDatagram,
    LiveFrame,
    decode_frame,
    encode_frame,
    frame_length,
)
from transfer_core.protocol.recovery.mtu import BASE_FRAMES_BYTES

MS = 1_000_000
SENDER = ("10.0.0.7", 5001)


def datagrams(count: int, size: int = 97, first: int = 0) -> list[LiveDatagram]:
    return [
        LiveDatagram(SENDER, (first + n) * 10 * MS, (first + n).to_bytes(4, "big").ljust(size, b"x"))
        for n in range(count)
    ]


def opened(feed: int = 1) -> LiveOut:
    out = LiveOut()
    out.open(feed)
    return out


def frames_of(out: LiveOut, path: int = 0, now_ns: int = 0, copy: Copying = Copying.NOT) -> list[bytes]:
    found: list[bytes] = []
    while out.wants(path):
        frame = out.next_frame(path, now_ns, copy)
        if frame is not None:
            found.append(frame.body)
    return found


def come(into: LiveIn, frames: list[bytes], now_ns: int = 0) -> list[LiveDatagram]:
    return [each for frame in frames for each in into.take(decode_frame(memoryview(frame)), now_ns)]


@given(sizes=st.lists(st.one_of(st.integers(0, 200), st.integers(0, 65_535)), max_size=12), seed=st.integers(0, 99))
@settings(max_examples=100)
def test_datagrams_of_any_size_come_back_in_order_whatever_the_order_of_frames(sizes: list[int], seed: int) -> None:
    rng = random.Random(seed)
    sent = [LiveDatagram(("fd00::7", 40_000 + n), n * 7 * MS, rng.randbytes(size)) for n, size in enumerate(sizes)]
    out, into = opened(), LiveIn()
    frames: list[bytes] = []
    for each in sent:
        out.add(1, [each], 0)
        frames += frames_of(out)
    assert all(len(frame) <= BASE_FRAMES_BYTES for frame in frames)
    rng.shuffle(frames)
    assert come(into, frames + frames[:3]) == sent
    assert (into.received, into.missing) == (len(sent), 0)


def test_many_small_ones_share_a_frame() -> None:
    out = opened()
    out.add(1, datagrams(100), 0)
    assert len(frames_of(out)) <= 12


def test_one_that_is_missing_is_waited_for_a_moment_then_counted_and_passed_over() -> None:
    out, into = opened(), LiveIn()
    sent = datagrams(30)
    frames: list[bytes] = []
    for each in sent:
        out.add(1, [each], 0)
        frames += frames_of(out)
    before = come(into, frames[:10])
    assert come(into, frames[12:20], now_ns=5 * MS) == []
    assert into.next_timeout_ns() == 5 * MS + LONGEST_NS
    assert into.handle_timeout(5 * MS + LONGEST_NS - 1) == []
    late = into.handle_timeout(5 * MS + LONGEST_NS)
    assert before + late == sent[:10] + sent[12:20]
    assert into.missing == 2
    assert come(into, frames[10:12]) == []
    assert come(into, frames[20:]) == sent[20:]
    assert into.next_timeout_ns() is None


def one_by_one(into: LiveIn, count: int, every_ns: int, first: int = 1) -> int:
    """Frames of an entry each from that number on; how many had come when one was handed on first."""
    for place in range(count):
        if into.take(decode_frame(memoryview(_frame(first + place))), place * every_ns):
            return place
    return count


def test_while_others_come_one_that_is_missing_is_not_waited_for_for_long() -> None:
    into = LiveIn()
    assert one_by_one(into, 200, 10 * MS) == HOLD_NS // (10 * MS)
    assert into.missing == 1


@pytest.mark.parametrize("pause_ms", [60, 90])
def test_where_everything_stands_still_again_and_again_one_that_is_missing_is_waited_for_longer(pause_ms: int) -> None:
    into = LiveIn()
    assert one_by_one(into, 200, pause_ms * MS) == HOLD_NS // PAUSE_NS
    assert into.missing == 1


def test_after_a_long_stall_one_that_was_missing_before_still_comes() -> None:
    into = LiveIn()
    assert one_by_one(into, 5, 10 * MS) == 5
    assert into.handle_timeout(1200 * MS) == []
    assert into.take(decode_frame(memoryview(_frame(6))), 1200 * MS) == []
    assert len(into.take(decode_frame(memoryview(_frame(0))), 1201 * MS)) == 7
    assert into.missing == 0


def test_a_datagram_of_which_a_part_is_missing_is_no_datagram() -> None:
    out, into = opened(), LiveIn()
    out.add(1, datagrams(3, 3000), 0)
    frames = frames_of(out)
    came = come(into, frames[:1] + frames[2:]) + into.handle_timeout(LONGEST_NS)
    assert [each.data[:4] for each in came] == [(1).to_bytes(4, "big"), (2).to_bytes(4, "big")]


def test_the_newest_win_when_there_is_too_much() -> None:
    out = opened()
    sent = datagrams(2 * QUEUE_BYTES_MAX // 100)
    out.add(1, sent, 0)
    into = LiveIn()
    came = come(into, frames_of(out))
    assert came == sent[-len(came) :]
    assert len(came) * 97 <= QUEUE_BYTES_MAX
    assert out.counts[1].skipped == into.skipped == len(sent) - len(came)
    assert into.missing == 0


def test_what_has_waited_too_long_is_no_news() -> None:
    out = opened()
    out.add(1, datagrams(5), 0)
    out.add(1, datagrams(5, first=5), LONGEST_NS)
    came = come(LiveIn(), frames_of(out, now_ns=LONGEST_NS + 1))
    assert [each.data[3] for each in came] == [5, 6, 7, 8, 9]
    assert out.counts[1].skipped == 5


def test_what_has_waited_while_others_went_is_no_news_sooner_than_after_a_stall() -> None:
    going, standing = opened(), opened()
    for out in (going, standing):
        out.add(1, datagrams(800), 0)
    for now_ns in range(0, WAIT_NS + 20 * MS, 10 * MS):
        going.next_frame(0, now_ns, Copying.NOT)
    standing.next_frame(0, WAIT_NS + 20 * MS, Copying.NOT)
    assert going.counts[1].skipped > 0
    assert standing.counts[1].skipped == 0


def test_a_frame_goes_by_two_paths_and_its_copy_not_for_ever() -> None:
    out = opened()
    out.add(1, datagrams(5), 0)
    first = out.next_frame(0, 0, Copying.ELSEWHERE)
    assert first is not None
    assert not out.wants(0)
    assert out.next_frame(1, 0, Copying.ELSEWHERE) == first
    assert not out.wants(0)
    assert not out.wants(1)
    out.add(1, datagrams(5), 0)
    assert out.next_frame(1, 0, Copying.ELSEWHERE) is not None
    assert out.next_frame(0, LONGEST_NS + 1, Copying.ELSEWHERE) is None
    assert not out.wants(0)


def test_a_copy_waits_for_room_until_the_frame_is_there_which_may_have_gone_by_a_dead_path() -> None:
    out = opened()
    out.add(1, datagrams(5), 0)
    first = out.next_frame(0, 0, Copying.ELSEWHERE)
    assert first is not None
    out.add(1, datagrams(5), 1400 * MS)
    second = out.next_frame(0, 1400 * MS, Copying.ELSEWHERE)
    assert second is not None
    out.on_resolved(second.number, acked=True, now_ns=1401 * MS)
    assert out.next_frame(1, 1402 * MS, Copying.ELSEWHERE) == first
    assert not out.wants(1)


def test_a_bad_path_that_is_alone_carries_each_frame_twice() -> None:
    out = opened()
    out.add(1, datagrams(5), 0)
    first, second = (out.next_frame(0, 0, Copying.AGAIN) for _ in range(2))
    assert first == second is not None
    assert not out.wants(0)


def test_a_frame_that_is_lost_goes_again_by_any_path_until_it_is_acknowledged_or_old() -> None:
    out = opened()
    out.add(1, datagrams(5), 0)
    first = out.next_frame(0, 0, Copying.ELSEWHERE)
    assert first is not None
    assert out.next_frame(1, 0, Copying.ELSEWHERE) == first
    out.on_resolved(first.number, acked=False, now_ns=40 * MS)
    assert out.wants(0)
    assert out.next_frame(1, 40 * MS, Copying.ELSEWHERE) == first
    assert not out.wants(0)
    out.on_resolved(first.number, acked=False, now_ns=80 * MS)
    out.on_resolved(first.number, acked=True, now_ns=81 * MS)
    assert not out.wants(0)  # it has arrived meanwhile
    out.on_resolved(first.number, acked=False, now_ns=82 * MS)
    assert not out.wants(0)


def test_a_frame_that_is_lost_too_late_or_too_often_is_left() -> None:
    out = opened()
    out.add(1, datagrams(5), 0)
    first = out.next_frame(0, 0, Copying.NOT)
    assert first is not None
    for _ in range(AGAIN_MAX):
        out.on_resolved(first.number, acked=False, now_ns=10 * MS)
        assert out.next_frame(0, 10 * MS, Copying.NOT) == first
    out.on_resolved(first.number, acked=False, now_ns=11 * MS)
    assert not out.wants(0)
    out.add(1, datagrams(5), 20 * MS)
    second = out.next_frame(0, 20 * MS, Copying.NOT)
    assert second is not None
    out.on_resolved(second.number, acked=False, now_ns=20 * MS + LONGEST_NS + 1)
    assert not out.wants(0)


def test_a_frame_that_is_lost_waits_for_room_as_long_as_it_is_of_use() -> None:
    out = opened()
    out.add(1, datagrams(5), 0)
    first = out.next_frame(0, 0, Copying.ELSEWHERE)
    assert first is not None
    out.on_resolved(first.number, acked=False, now_ns=60 * MS)  # its copy has not gone yet
    assert out.wants(0)
    assert out.next_frame(0, LONGEST_NS - 1, Copying.ELSEWHERE) == first
    assert not out.wants(1)
    out.on_resolved(first.number, acked=False, now_ns=LONGEST_NS - 1)
    assert out.next_frame(0, LONGEST_NS + 1, Copying.ELSEWHERE) is None
    assert not out.wants(0)


def test_files_have_a_turn_after_some_frames() -> None:
    out = opened()
    out.add(1, datagrams(500), 0)
    went = [out.next_frame(0, 0, Copying.NOT) is not None for _ in range(3 * RUN_MAX)]
    assert [went.index(False), went.count(False)] == [RUN_MAX, 2]


def test_feeds_do_not_mix_and_one_that_is_not_open_sends_nothing() -> None:
    out = opened(1)
    out.open(2)
    for first in range(20):
        out.add(1 + first % 2, datagrams(1, first=first), 0)
    out.add(3, datagrams(1), 0)
    frames = [decode_frame(memoryview(frame)) for frame in frames_of(out)]
    assert {frame.feed for frame in frames} == {1, 2}
    for feed in (1, 2):
        numbers = [frame.first for frame in frames if frame.feed == feed]
        assert numbers == sorted(numbers)
    out.add(1, datagrams(3), 0)
    out.close(1)
    assert not out.wants(0)


def test_times_come_back_to_the_nanosecond() -> None:
    out, into = opened(), LiveIn()
    sent = [LiveDatagram(SENDER, time_ns, b"x") for time_ns in (1, 2, 1 << 60, (1 << 60) + (1 << 33), 5)]
    out.add(1, sent, 0)
    assert come(into, frames_of(out)) == sent


@given(body=st.binary(max_size=300), at=st.integers(0, 60), byte=st.integers(0, 255))
@settings(max_examples=300)
def test_any_bytes_are_a_frame_or_a_remote_protocol_error(body: bytes, at: int, byte: int) -> None:
    out = opened()
    out.add(1, [LiveDatagram(SENDER, 5, body), *datagrams(2)], 0)
    good = bytearray(frames_of(out)[0])
    good[min(at, len(good) - 1)] = byte
    for data in (b"\x04" + body, bytes(good), bytes(good[: at + 1])):
        try:
            view = memoryview(data)
            frame = decode_frame(view[: frame_length(view)])
        except RemoteProtocolError:
            continue
        assert frame.entries


def test_a_hostile_feed_holds_little_memory_and_never_stops_the_honest_one() -> None:
    into = LiveIn()
    for number in range(0, 30_000, 2):
        frame = decode_frame(memoryview(_frame(number)))
        into.take(frame, 0)
    assert into.missing > 10_000
    later = _frame(1 << 63)
    into.take(decode_frame(memoryview(later)), 0)
    assert len(into.handle_timeout(10 * LONGEST_NS)) <= 5000


def _frame(first: int) -> bytes:
    return encode_frame(LiveFrame(1, first, 0, (Entry(0, 1, SENDER, 0, b"x"),)))


def test_a_frame_that_says_nothing_is_refused() -> None:
    frame = _frame(0)
    empty = frame[:1] + (24 - 2).to_bytes(2, "big") + frame[3:25]
    with pytest.raises(RemoteProtocolError):
        decode_frame(memoryview(empty))


def test_numbers_of_entries_rise_by_one() -> None:
    out = opened()
    out.add(1, datagrams(60, 700), 0)
    frames = [decode_frame(memoryview(frame)) for frame in frames_of(out)]
    assert all(later.first == frame.first + len(frame.entries) for frame, later in pairwise(frames))
