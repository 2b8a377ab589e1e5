"""Where a chunk of the reference's protocol belongs: its client tells how many chunks there are, not how large.

All chunks but the last have one size, so that the size of any chunk tells that of all: of a file of F bytes in n chunks
of c bytes, (n - 1) * c < F <= n * c, and the last one has F - (n - 1) * c.
"""

from __future__ import annotations

from transfer_core.errors import UsageError


def check_counts(size: int, chunks: int, chunk_bytes: int, chunks_max: int) -> None:
    """UsageError unless a file of that size can have so many chunks, of that size if it is not 0."""
    if chunks > chunks_max:
        raise UsageError(f"{chunks} chunks are too many", hint=f"Use larger ones: up to {chunks_max} are taken.")
    if chunks > size and not (size == 0 and chunks <= 1):
        raise UsageError(f"a file of {size} bytes can't have {chunks} chunks")
    if size and not chunks:
        raise UsageError(f"a file of {size} bytes has at least one chunk")
    if chunk_bytes and size and not fits(size, chunks, chunk_bytes):
        raise UsageError(f"{chunks} chunks of {chunk_bytes} bytes do not make a file of {size} bytes")
    if chunks > 1 and (size - 1) // (chunks - 1) < -(-size // chunks):
        raise UsageError(f"a file of {size} bytes can't be cut into {chunks} equal chunks")


def fits(size: int, chunks: int, chunk_bytes: int) -> bool:
    """Whether chunks of that size make up the file."""
    return (chunks - 1) * chunk_bytes < size <= chunks * chunk_bytes


def largest(size: int, chunks: int) -> int:
    """The largest chunk that such a file can have."""
    return size if chunks <= 1 else (size - 1) // (chunks - 1)


def chunk_bytes_from(size: int, chunks: int, index: int, length: int) -> int:
    """The size of all chunks but the last, from that of one. UsageError if there is no such chunk."""
    if chunks == 1:
        chunk_bytes = length if length == size else 0
    elif index < chunks - 1:
        chunk_bytes = length
    else:
        chunk_bytes, rest = divmod(size - length, chunks - 1)
        chunk_bytes = 0 if rest else chunk_bytes
    if size == length == 0:
        return 0
    if not chunk_bytes or not fits(size, chunks, chunk_bytes):
        what = f"a chunk {index} of {length} bytes does not fit into {size} bytes in {chunks} chunks"
        raise UsageError(what, hint="All chunks but the last have one size.")
    return chunk_bytes
