from __future__ import annotations

from transfer_core.events import LinkSample
from transfer_core.links.ring import SampleRing


def point(t_ns: int) -> LinkSample:
    return LinkSample("wifi", t_ns, float(t_ns), None, 1.5, 2.5, None if t_ns % 2 else 0.25, None if t_ns % 2 else 0.0)


def test_points_come_back_as_they_were_gaps_included() -> None:
    ring = SampleRing("wifi", 10)
    for t_ns in range(5):
        ring.append(point(t_ns))
    assert ring.since(0) == [point(t_ns) for t_ns in range(5)]
    assert ring.since(3) == [point(3), point(4)]
    assert ring.since(5) == []


def test_a_full_ring_forgets_the_oldest_and_stays_in_order() -> None:
    ring = SampleRing("wifi", 10)
    for t_ns in range(27):
        ring.append(point(t_ns))
    assert len(ring) == 10
    assert [sample.t_ns for sample in ring.since(0)] == list(range(17, 27))
    assert [sample.t_ns for sample in ring.since(25)] == [25, 26]


def test_an_empty_ring_has_no_points() -> None:
    assert SampleRing("wifi").since(0) == []
