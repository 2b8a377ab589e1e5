from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transfer_core.sync.version import NEVER, Order, Version, includes, join, next_counter, order, with_dot

versions: st.SearchStrategy[Version] = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 5)).map(
    lambda found: tuple(sorted(found.items()))
)


@given(versions, versions)
def test_a_join_includes_both_and_nothing_more(a: Version, b: Version) -> None:
    both = join(a, b)
    assert includes(both, a)
    assert includes(both, b)
    assert all((dot in a) or (dot in b) for dot in both)


@given(versions, versions, versions)
def test_joining_is_commutative_associative_and_idempotent(a: Version, b: Version, c: Version) -> None:
    assert join(a, b) == join(b, a)
    assert join(join(a, b), c) == join(a, join(b, c))
    assert join(a, a) == a


@given(versions, versions)
def test_the_order_is_the_same_seen_from_both_sides(a: Version, b: Version) -> None:
    mirrored = {Order.BEFORE: Order.AFTER, Order.AFTER: Order.BEFORE}
    assert order(b, a) is mirrored.get(order(a, b), order(a, b))
    assert (order(a, b) is Order.EQUAL) == (a == b)


def test_an_edit_is_after_all_that_it_had_seen() -> None:
    seen = (("a", 3), ("b", 1))
    assert order(with_dot(seen, ("c", 1)), seen) is Order.AFTER
    assert order(NEVER, seen) is Order.BEFORE


def test_counters_grow_even_when_the_clock_goes_back() -> None:
    assert next_counter(100, 50) == 101
    assert next_counter(100, 5000) == 5000
