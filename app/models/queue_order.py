"""Where rows stand after a move, before the engine has said so. Pure; the same rule as the queue's own.

A moved row keeps its priority if a neighbour has it, else it takes that of the row that it lands in front of (of the
last row, at the very end); priorities never fall along the block, so that the order holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, groupby

from transfer_core.events import JobView

GAP = 1024.0


def moved(jobs: Sequence[JobView], file_ids: Sequence[str], before: str | None) -> list[JobView]:
    """The moved rows with their provisional places, in their order; empty if nothing would change."""
    moving = set(file_ids)
    block = [job for job in jobs if job.file_id in moving]
    rest = [job for job in jobs if job.file_id not in moving]
    if not block or before in moving:
        return []
    at = next((place for place, job in enumerate(rest) if job.file_id == before), len(rest))
    if [job.file_id for job in rest[:at] + block + rest[at:]] == [job.file_id for job in jobs]:
        return []
    above = rest[at - 1] if at else None
    below = rest[at] if at < len(rest) else None
    sides = {job.priority for job in (above, below) if job is not None}
    landing = below or above
    wanted = [job.priority if landing is None or job.priority in sides else landing.priority for job in block]
    placed: list[JobView] = []
    for priority, group in groupby(zip(accumulate(wanted, max), block, strict=True), key=lambda pair: pair[0]):
        placed += _spread([job for _, job in group], priority, above, below)
    return placed


def _spread(block: list[JobView], priority: int, above: JobView | None, below: JobView | None) -> list[JobView]:
    low = above.position if above is not None and above.priority == priority else None
    high = below.position if below is not None and below.priority == priority else None
    if low is None and high is None:
        low = 0.0
    step = GAP if low is None or high is None else (high - low) / (len(block) + 1)
    first = low + step if low is not None else (high or 0.0) - step * len(block)
    return [replace(job, priority=priority, position=first + step * place) for place, job in enumerate(block)]
