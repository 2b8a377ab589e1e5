"""The most urgent file that is ready, beside a plain search through all of them."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from transfer_core.protocol.outgoing_file import OutgoingFile
from transfer_core.protocol.ready_files import ReadyFiles

STEPS = st.lists(
    st.tuples(st.sampled_from(["ready", "done", "move", "look"]), st.integers(0, 7), st.integers(1, 10)), max_size=60
)


def a_file(number: int, priority: int = 5) -> OutgoingFile:
    return OutgoingFile(number, str(number), 1, 4096, 1, (priority, 0.0, number), eager=True)


@given(STEPS)
def test_the_first_one_is_that_of_a_search_through_all_whatever_happens_to_them(
    steps: list[tuple[str, int, int]],
) -> None:
    files = [a_file(number) for number in range(8)]
    ready = ReadyFiles(lambda file: file.unread > 0)
    for what, number, priority in steps:
        file = files[number]
        if what == "ready":
            file.unread = 1
            ready.add(file)
        elif what == "done":
            file.unread = 0
        elif what == "move":
            file.order = (priority, 0.0, number)
            ready.add(file)
        else:
            wanted = min((each for each in files if each.unread), key=lambda each: each.order, default=None)
            assert ready.first() is wanted


def test_the_first_one_is_found_without_looking_at_all_others() -> None:
    looks = 0

    def counting(is_ready: Callable[[OutgoingFile], bool]) -> Callable[[OutgoingFile], bool]:
        def count(file: OutgoingFile) -> bool:
            nonlocal looks
            looks += 1
            return is_ready(file)

        return count

    files = [a_file(number) for number in range(1000)]
    ready = ReadyFiles(counting(lambda file: file.unread > 0))
    for file in files:
        file.unread = 1
        ready.add(file)
    for file in files:
        for _ in range(3):
            assert ready.first() is file
        file.unread = 0
    assert ready.first() is None
    assert looks <= 5 * len(files)
