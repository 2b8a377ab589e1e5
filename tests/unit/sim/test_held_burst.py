import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.sim.held_burst import HeldBurst, hold_burst

PAYLOAD = b"AAABBBCCCD"


def test_a_whole_burst_stays_whole() -> None:
    held = hold_burst(memoryview(PAYLOAD), 3, np.array([5, 6, 7, 8]), 10)
    assert held == [HeldBurst(8, PAYLOAD, 3, 4)]


def test_dropped_datagrams_are_cut_out() -> None:
    held = hold_burst(memoryview(PAYLOAD), 3, np.array([5, -1, 7, -1]), 10)
    assert held == [HeldBurst(7, b"AAACCC", 3, 2)]
    assert hold_burst(memoryview(PAYLOAD), 3, np.array([-1] * 4), 10) == []


def test_distant_releases_part_the_burst() -> None:
    held = hold_burst(memoryview(PAYLOAD), 3, np.array([5, 6, 70, 80]), 10)
    assert held == [HeldBurst(6, b"AAABBB", 3, 2), HeldBurst(80, b"CCCD", 3, 2)]


def test_reordered_datagrams_come_in_their_new_order_and_the_short_one_ends_its_piece() -> None:
    held = hold_burst(memoryview(PAYLOAD), 3, np.array([9, 8, 7, 6]), 10)
    assert held == [HeldBurst(6, b"D", 3, 1), HeldBurst(9, b"CCCBBBAAA", 3, 3)]


@given(st.lists(st.integers(-1, 300), min_size=1, max_size=40), st.integers(1, 7), st.integers(0, 100))
def test_every_datagram_that_was_not_dropped_comes_out_once_and_never_early(
    releases: list[int], last_bytes: int, coalesce_ns: int
) -> None:
    datagrams = [bytes([n]) * 7 for n in range(len(releases))]
    datagrams[-1] = datagrams[-1][:last_bytes]
    held = hold_burst(memoryview(b"".join(datagrams)), 7, np.array(releases), coalesce_ns)
    out: dict[bytes, int] = {}
    for burst in held:
        pieces = [burst.payload[at : at + 7] for at in range(0, len(burst.payload), 7)]
        assert len(pieces) == burst.datagrams
        out.update(dict.fromkeys(pieces, burst.release_ns))
    assert sum(burst.datagrams for burst in held) == len(out)
    assert set(out) == {data for data, release in zip(datagrams, releases, strict=True) if release >= 0}
    for data, release in zip(datagrams, releases, strict=True):
        if release >= 0:
            assert release <= out[data] <= release + coalesce_ns
