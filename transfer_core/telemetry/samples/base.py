"""What a sample store is. Every driver passes the same suite of tests.

A store is filled from a recording's log in its order. With each batch it keeps how far in the log that was, in the same
transaction, so that whoever fills it knows after any failure where to go on: nothing is missing and nothing is there
twice. For pictures it keeps the lowest and the highest value of every channel in every second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from transfer_core.events.telemetry import ThinnedSeries
from transfer_core.telemetry.sampler import Samples


@dataclass(frozen=True, slots=True)
class StoredStream:
    """One stream of a recording. `runs` are number, first and last time of each."""

    source_id: str
    kind: str
    channels: tuple[str, ...]
    samples: int
    runs: tuple[tuple[int, int, int], ...]


class SampleStore(Protocol):
    """Safe from any thread. Times are those of arrival, ns."""

    @property
    def name(self) -> str:
        """`sqlite` or `postgresql`."""
        ...

    def append(self, race_id: str, batch: Sequence[Samples], position: int) -> None:
        """Add rows and keep the position: all or nothing, durable when it returns.

        StoreGone if the database can't be reached or refuses just now, DiskFull; after either ask `position`.
        """
        ...

    def position(self, race_id: str) -> int:
        """How far in its log a recording is stored; 0 for one that is not known. StoreGone."""
        ...

    def streams(self, race_id: str) -> list[StoredStream]:
        """What there is of a recording, by source, kind and first appearance. StoreGone."""
        ...

    def rows(self, race_id: str, source_id: str, channel: str, start_ns: int, end_ns: int) -> list[Samples]:
        """The rows with `start_ns <= time < end_ns` of each stream with that channel, all channels. StoreGone."""
        ...

    def series(
        self, race_id: str, source_id: str, channel: str, start_ns: int, end_ns: int, points: int
    ) -> ThinnedSeries:
        """The lowest and highest value of each step between two times, on a fixed grid, in at most `points` steps.

        Steps of a second and longer are whole seconds; the first and last step are given whole. StoreGone.
        """
        ...

    def delete(self, race_id: str) -> None:
        """Forget a recording. StoreGone."""
        ...

    def close(self) -> None:
        """Let go of it. May be called twice."""
        ...
