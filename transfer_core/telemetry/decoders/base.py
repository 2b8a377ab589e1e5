"""What a decoder is: datagrams of one sender in, columns of float32 out, and a reason for each that is refused.

Raw values stay as they came over the wire: nothing is normalised, no sign is turned, no unit changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

SampleArray = npt.NDArray[np.float32]
TimeArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Datagram `index` of a batch can't be decoded."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Block:
    """Samples that share one set of channels: row i of `values` came in datagram `rows[i]` of the batch.

    `vehicle` is empty when the sender is one vehicle, else it tells several in one datagram apart (`car07`). `kind`
    tells packets of different content apart (`motion`). `times_s` is the sender's own clock, None if it sends none.
    """

    vehicle: str
    kind: str
    channels: tuple[str, ...]
    rows: IndexArray
    times_s: TimeArray | None
    values: SampleArray


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of a batch. `ignored` counts well-formed datagrams that hold no samples, such as menu events."""

    blocks: tuple[Block, ...]
    refusals: tuple[Refusal, ...] = ()
    ignored: int = 0


class Decoder(Protocol):
    """Stateless: the same datagrams always give the same samples. May be used from several threads."""

    @property
    def name(self) -> str:
        """`liftoff` or `f1`."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """What `registry.make_decoder` needs to make it again; JSON."""
        ...

    def named(self, datagram: bytes) -> dict[str, Any]:
        """One datagram as an object, named by component. DatagramRefused says what is wrong with it."""
        ...

    def decode_batch(self, datagrams: Sequence[bytes]) -> Batch:
        """Many datagrams of one sender at once; never raises for what is in them."""
        ...
