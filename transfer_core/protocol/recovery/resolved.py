"""What became of packets, told by the tags that they were sent with."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NO_TAGS: NDArray[np.int64] = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Resolved:
    """Packets whose fate is known now, by the tags that they were sent with."""

    acked_tags: NDArray[np.int64]
    lost_tags: NDArray[np.int64]
    acked_bytes: int = 0
    rtt_ns: int | None = None
    late_tags: NDArray[np.int64] = field(default_factory=lambda: NO_TAGS)  # given up before, and arrived after all
    lost_pns: NDArray[np.int64] = field(default_factory=lambda: NO_TAGS)  # packet numbers of those with `lost_tags`

    @property
    def lost_count(self) -> int:
        """How many were lost."""
        return len(self.lost_tags)

    @property
    def spurious(self) -> int:
        """How many had been given up and arrived after all."""
        return len(self.late_tags)


NOTHING_RESOLVED = Resolved(NO_TAGS, NO_TAGS)
