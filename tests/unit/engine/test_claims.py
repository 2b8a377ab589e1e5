"""How much is claimed at once: more on fast links, so that they have work while the clerk does something else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from transfer_core.config import EngineConfig
from transfer_core.engine.claims import WIDER_MOST, Claims

CONFIG = EngineConfig()


class UnderWayOf:
    """So many small files, and the rate at which they go."""

    def __init__(self, files: int, rate_bps: float) -> None:
        self.files, self.rate_bps = files, rate_bps
        self.whole_bytes = files * 1000

    def __len__(self) -> int:
        return self.files


def claimed(files: int, rate_bps: float) -> tuple[int, int] | None:
    """How many small files, and bytes of them, are asked for; None if none are."""
    asked: list[tuple[int, int]] = []

    def claim(*_: object, small_limit: int, small_bytes: int) -> list[object]:
        asked.append((small_limit, small_bytes))
        return []

    runner = SimpleNamespace(under_way=UnderWayOf(files, rate_bps), uploads=None, begin=lambda _: None)
    claims = Claims(
        owner="agent",
        store=cast("Any", SimpleNamespace(claim=claim)),
        clock=cast("Any", None),
        config=CONFIG,
        runner=cast("Any", runner),
        targets=cast("Any", SimpleNamespace(ready_relays=lambda: ["pit"])),
    )
    claims.begin_more()
    return asked[0] if asked else None


@pytest.mark.parametrize("rate_bps", [0.0, 1e6, CONFIG.small_files_bytes * 8.0])
def test_what_a_link_carries_in_a_second_is_no_reason_for_less_or_more_room_where_the_usual_room_holds_it(
    rate_bps: float,
) -> None:
    assert claimed(0, rate_bps) == (CONFIG.small_files_max, CONFIG.small_files_bytes)


def test_a_link_that_carries_more_than_the_usual_room_in_a_second_gets_that_much_more() -> None:
    asked = claimed(0, CONFIG.small_files_bytes * 8 * 1.5)
    assert asked == (round(CONFIG.small_files_max * 1.5), round(CONFIG.small_files_bytes * 1.5))


def test_the_room_of_the_fastest_link_is_bounded() -> None:
    asked = claimed(0, 1e12)
    assert asked == (round(CONFIG.small_files_max * WIDER_MOST), round(CONFIG.small_files_bytes * WIDER_MOST))


def test_nothing_is_claimed_before_a_good_part_of_the_room_is_free() -> None:
    assert claimed(CONFIG.small_files_max * 4 // 5, 0.0) is None
    asked = claimed(CONFIG.small_files_max, 1e12)
    assert asked is not None
    assert asked[0] == round(CONFIG.small_files_max * (WIDER_MOST - 1))
