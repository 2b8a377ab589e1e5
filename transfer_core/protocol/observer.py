"""Who wants to see what a session does, packet by packet. A session without an observer asks one question a burst."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from transfer_core.protocol.path import Path
    from transfer_core.protocol.recovery.resolved import Resolved
    from transfer_core.protocol.wire.datagram import Kind


class SessionObserver(Protocol):
    """Told in the session's thread, at once; must neither block nor keep what it is handed. Times are `now_ns`."""

    def on_path(self, now_ns: int, path: Path) -> None:
        """A path is used from now on."""
        ...

    def on_path_gone(self, now_ns: int, path: Path) -> None:
        """A path is used no more."""
        ...

    def on_sent(
        self, now_ns: int, path: Path, kind: Kind, first_pn: int, count: int, datagram_bytes: int, frames: bytes
    ) -> None:
        """Datagrams of one size were sealed and go now. `datagram_bytes` is UDP payload; `frames` are those of a
        control packet, none for file data."""
        ...

    def on_received(
        self,
        now_ns: int,
        path: Path,
        kind: Kind,
        pns: NDArray[np.int64],
        datagram_bytes: int,
        bodies: NDArray[np.uint8],
    ) -> None:
        """Datagrams of one size came and opened; `bodies` has a row for each: its frames, or file data and its head."""
        ...

    def on_resolved(self, now_ns: int, path: Path, resolved: Resolved) -> None:
        """The fate of packets is known; the path's figures have just been brought up to date."""
        ...

    def on_scheduled(self, now_ns: int, path: Path, slices: list[tuple[int, int, int]], *, is_copy: bool) -> None:
        """This path takes so many slices of a chunk next, as (file, chunk, count). `is_copy`: they are under way
        already, and go once more since they may be late or lost."""
        ...
