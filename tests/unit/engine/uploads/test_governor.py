"""A cap means the same bytes over HTTP as over UDP: those that IP counts."""

from __future__ import annotations

import pytest

from transfer_core.engine.uploads.governor import FILE_SHARE, Governor

MB = 1_000_000
SEGMENT_BYTES, PACKET_BYTES = 1448, 1500


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0

    def monotonic_ns(self) -> int:
        self.now_ns += 1_000_000  # each question takes a millisecond
        return self.now_ns

    def wall_ns(self) -> int:
        return self.now_ns


@pytest.mark.parametrize("whom", ["all", "one destination", "one link"])
def test_packets_of_a_capped_upload_make_up_the_cap(whom: str) -> None:
    clock = Clock()
    governor = Governor(clock)
    everything = 80e6 if whom == "all" else None
    governor.set_caps(everything, {"pit": 80e6} if whom == "one destination" else {})
    governor.set_link_caps({"lte": 80e6} if whom == "one link" else {"wifi": 1e6})
    file_bytes = 0
    while clock.now_ns < 5_000_000_000:
        file_bytes += governor.grant("lap", "pit", 64 * 1024, lambda: None, link="lte")
    on_the_wire = file_bytes / SEGMENT_BYTES * PACKET_BYTES
    assert on_the_wire == pytest.approx(10 * MB * clock.now_ns / 1e9, rel=0.03)


def test_a_part_of_a_links_cap_holds_and_what_went_over_the_link_is_told() -> None:
    clock = Clock()
    governor = Governor(clock)
    governor.set_link_caps({"lte": 80e6})
    side = governor.side_of("lte")
    assert (side.is_there(), side.use()) == (False, (0, False))
    side.set_part(0.25)
    file_bytes = 0
    while clock.now_ns < 1_000_000_000:
        file_bytes += governor.grant("lap", "pit", 64 * 1024, lambda: None, link="lte")
        governor.grant("other", "pit", 1024, lambda: None, link="wifi")  # which has no cap, and is not counted
    sent_bytes, is_held_up = side.use()
    assert (side.is_there(), is_held_up, sent_bytes) == (True, True, round(file_bytes / FILE_SHARE))
    assert file_bytes / SEGMENT_BYTES * PACKET_BYTES == pytest.approx(2.5 * MB * clock.now_ns / 1e9, rel=0.12)
    clock.now_ns += 6_000_000_000
    assert not side.is_there()
    assert not side.use()[1]


def test_what_has_passed_is_told_as_udp_tells_it() -> None:
    governor = Governor(Clock())
    passed = sum(governor.grant("lap", "pit", 64 * 1024, lambda: None) for _ in range(10))
    assert governor.use()[0] == round(passed / FILE_SHARE) > passed
