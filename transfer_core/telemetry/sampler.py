"""Turns datagrams in their order into rows of samples: decoded, told apart by source, with runs counted. Pure.

The same datagrams always give the same rows, however they are cut into batches. So what is derived from a recording
can be made again from it at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from transfer_core.telemetry.arrivals import Arrivals, Sender, source_name
from transfer_core.telemetry.decoders.base import Decoder, SampleArray
from transfer_core.telemetry.runs import RunTracker


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows of one stream of one source, oldest first. `kind` tells packets of different content apart."""

    source_id: str
    kind: str
    channels: tuple[str, ...]
    time_ns: npt.NDArray[np.int64]
    run: npt.NDArray[np.int32]
    values: SampleArray

    def __len__(self) -> int:
        return len(self.time_ns)


class Sampler:
    """Of one recording. `refused`, `ignored` and `samples` count what came of its datagrams."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._runs: dict[tuple[str, str, tuple[str, ...]], RunTracker] = {}
        self.refused = 0
        self.ignored = 0
        self.samples = 0

    def take(self, arrivals: Arrivals) -> list[Samples]:
        """The rows of these datagrams. The last of a source may be held back until its next one has come."""
        found: list[Samples] = []
        for sender, rows in _by_sender(arrivals):
            batch = self._decoder.decode_batch([arrivals.datagrams[row] for row in rows])
            self.refused += len(batch.refusals)
            self.ignored += batch.ignored
            times = np.array([arrivals.time_ns[row] for row in rows], dtype=np.int64)
            for block in batch.blocks:
                source = source_name(sender, block.vehicle)
                key = (source, block.kind, block.channels)
                tracker = self._runs.get(key)
                if tracker is None:
                    tracker = self._runs[key] = RunTracker(block.channels)
                judged = tracker.judge(times[block.rows], block.times_s, block.values)
                self.ignored += judged.dropped
                self.samples += len(judged.time_ns)
                if len(judged.time_ns):
                    found.append(Samples(source, block.kind, block.channels, judged.time_ns, judged.run, judged.values))
        return found


def _by_sender(arrivals: Arrivals) -> Iterable[tuple[Sender, list[int]]]:
    places: dict[Sender, list[int]] = {}
    for place, sender in enumerate(arrivals.senders):
        places.setdefault(sender, []).append(place)
    return places.items()
