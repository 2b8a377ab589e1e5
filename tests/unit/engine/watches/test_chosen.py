from __future__ import annotations

import pytest

from transfer_core.engine.watches.chosen import ORDER_WAIT_NS, Chosen, EarlyFrames
from transfer_core.ingest.candidates import Frame
from transfer_core.ingest.completion import Facts
from transfer_core.ingest.selection import Selection

FIRST_TWO = Chosen(Selection("run", "race/ball", start="b.jpg", includes_start=True, max_files=2))


def frames(*names: str, complete_ns: int = 0) -> list[Frame]:
    return [Frame(name, f"/camera/{name}", Facts(1, 0, 0), complete_ns) for name in names]


def names(found: list[Frame]) -> list[str]:
    return [frame.relative for frame in found]


@pytest.mark.parametrize(
    ("start", "includes_start", "relative", "begins"),
    [
        ("", False, "a.jpg", True),
        ("b.jpg", False, "b.jpg", False),
        ("b.jpg", True, "b.jpg", True),
        ("b.jpg", False, "card2/c.jpg", True),
        ("b.jpg", False, "card2/a.jpg", False),
        ("card2/a.jpg", False, "card1/z.jpg", False),
        ("card2/a.jpg", False, "card2/b.jpg", True),
    ],
)
def test_a_start_is_compared_with_the_name_or_with_the_path_if_it_has_one(
    start: str, includes_start: bool, relative: str, begins: bool
) -> None:
    assert Chosen(Selection("", "", start, includes_start)).begins(relative) is begins


def test_a_later_frame_waits_while_an_earlier_one_is_unfinished_and_then_follows_it() -> None:
    early = EarlyFrames()
    assert names(early.ready(frames("d.jpg", "c.jpg"), [FIRST_TWO], ["b.jpg"], scans_done=1, now_ns=0)) == []
    assert early
    assert names(early.ready(frames("b.jpg"), [FIRST_TWO], [], scans_done=1, now_ns=1)) == ["b.jpg", "c.jpg", "d.jpg"]
    assert not early


def test_what_is_before_the_start_holds_up_nothing() -> None:
    ready = EarlyFrames().ready(frames("c.jpg"), [FIRST_TWO], ["a.jpg"], scans_done=1, now_ns=0)
    assert names(ready) == ["c.jpg"]


def test_until_the_folder_was_scanned_once_the_start_alone_goes() -> None:
    early = EarlyFrames()
    assert names(early.ready(frames("b.jpg", "c.jpg"), [FIRST_TWO], [], scans_done=0, now_ns=0)) == ["b.jpg"]
    assert names(early.ready([], [FIRST_TWO], [], scans_done=1, now_ns=0)) == ["c.jpg"]


def test_a_frame_waits_no_longer_for_one_that_is_never_complete() -> None:
    early = EarlyFrames()
    assert early.ready(frames("c.jpg"), [FIRST_TWO], ["b.jpg"], scans_done=1, now_ns=ORDER_WAIT_NS - 1) == []
    assert names(early.ready([], [FIRST_TWO], ["b.jpg"], scans_done=1, now_ns=ORDER_WAIT_NS)) == ["c.jpg"]
