"""Which rows of file data belong together: the slices of one chunk that follow each other in what arrived."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from transfer_core.protocol.incoming_file import Place


def slice_runs(head: NDArray[np.void]) -> Iterator[tuple[int, int, Place, slice]]:
    """Of each run of rows with the same file and chunk: file, chunk, which slices these are, and which rows."""
    files, chunks = head["file"], head["chunk"]
    if len(head) == 1:  # most often where little is sent, and numpy is slow with little
        at = int(head["slice"][0])
        yield int(files[0]), int(chunks[0]), slice(at, at + 1), slice(0, 1)
        return
    slices = head["slice"].astype(np.int64)
    follows = slices[1:] - slices[:-1] == 1
    is_same = (chunks[1:] == chunks[:-1]) & (files[1:] == files[:-1])
    is_ordered = bool((follows | ~is_same).all())
    edges = [0, *(np.flatnonzero(~is_same) + 1).tolist(), len(head)]
    for first, end in itertools.pairwise(edges):
        run = slices[first:end]
        place = slice(int(run[0]), int(run[-1]) + 1) if is_ordered else run
        yield int(files[first]), int(chunks[first]), place, slice(first, end)
