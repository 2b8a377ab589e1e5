"""Where in a local file a chunk that lacks probably belongs, so that only what is new in it has to come. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from transfer_core.sync.recipe import Recipe

STRETCH_BYTES_MAX = 1 << 20
ROOM_BYTES = 4096  # of what lies beside the stretch, since an edit may move a cut


def stretches(old: Recipe, new: Recipe, lacking: Iterable[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """(chunk, offset, length) in the old file, for each lacking chunk of the new one that has known neighbours."""
    wanted = set(lacking)
    places = {piece.chunk: piece for piece in old}
    size = old[-1].offset + old[-1].length if old else 0
    start, run = 0, list[bytes]()
    for piece in new:
        known = places.get(piece.chunk)
        if known is None:
            if piece.chunk in wanted:
                run.append(piece.chunk)
            continue
        yield from _run(run, start, known.offset, size)
        start, run = known.offset + known.length, []
    yield from _run(run, start, size, size)


def _run(run: list[bytes], start: int, end: int, size: int) -> Iterator[tuple[bytes, int, int]]:
    first, last = max(0, start), min(size, end + ROOM_BYTES)
    if run and 0 < last - first <= STRETCH_BYTES_MAX:
        for chunk in run:
            yield chunk, first, last - first
