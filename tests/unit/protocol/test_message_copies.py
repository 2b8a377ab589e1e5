"""How often a packet with messages goes at once."""

from __future__ import annotations

import pytest

from transfer_core.protocol.message_copies import COPIES_BYTES, COPIES_MAX, COPIES_MISS, MESSAGES_FEW, message_copies

MANY = MESSAGES_FEW + 1


def test_where_little_is_lost_one_of_many_goes_once_and_one_of_few_twice() -> None:
    assert message_copies(0.019, 100, MANY) == 1
    assert [message_copies(0.019, 100, number) for number in (1, MESSAGES_FEW)] == [2, 2]


@pytest.mark.parametrize("loss", [0.02, 0.1, 0.3, 0.6])
def test_where_much_is_lost_it_goes_so_often_that_all_copies_are_hardly_ever_lost(loss: float) -> None:
    copies = message_copies(loss, 100, MANY)
    assert loss**copies <= COPIES_MISS
    assert copies == 1 or loss ** (copies - 1) > COPIES_MISS


@pytest.mark.parametrize("loss", [0.9, 1.0])
def test_copies_are_bounded_in_number_and_in_bytes_and_one_always_goes(loss: float) -> None:
    assert message_copies(loss, 100, MANY) == COPIES_MAX
    assert message_copies(loss, 1200, MANY) == COPIES_BYTES // 1200
    assert message_copies(loss, COPIES_BYTES + 1, MANY) == 1
