"""Decodes LiftOff's datagrams, as a StreamFormat lays them out.

Theory of operation. For a given number of motors a datagram is floats, perhaps one count byte, and floats again. So a
batch of equal length is one buffer under a structured numpy type, copied out in two slices; lengths, counts and
finiteness are checked for the whole batch at once, and only what fails is looked at singly, to say why.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from transfer_core.errors import DatagramRefused
from transfer_core.telemetry.decoders.base import Batch, Block, Refusal
from transfer_core.telemetry.decoders.stream_format import MOTORS, TIMESTAMP, StreamFormat, stream_format

MOTORS_MAX = 255


@dataclass(frozen=True, slots=True)
class _Layout:
    """The datagrams of one length."""

    motors: int
    wire: struct.Struct
    dtype: np.dtype[np.void]
    channels: tuple[str, ...]
    time_column: int | None


class LiftoffDecoder:
    """See `base.Decoder`. One datagram is one sample of one drone."""

    name = "liftoff"

    def __init__(self, layout: StreamFormat) -> None:
        self.format = layout
        self._before = layout.before_motors
        self._after = layout.after_motors
        self._at = len(self._before)  # values ahead of the count
        self._names = layout.components
        self._has_motors = layout.has_motors
        self._base_bytes = layout.size_bytes(motors=0)
        self._layouts: dict[int, _Layout] = {}

    @property
    def settings(self) -> Mapping[str, Any]:
        """The StreamFormat."""
        return {"decoder": self.name, "StreamFormat": list(self.format.keys)}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> LiftoffDecoder:
        """ConfigError names the key."""
        return cls(stream_format(settings["StreamFormat"]))

    def values(self, datagram: bytes) -> tuple[float, ...]:
        """All numbers in wire order, the count of motors among them. DatagramRefused."""
        layout = self._layouts.get(len(datagram)) or self._layout_for(datagram)
        values: tuple[float, ...] = layout.wire.unpack(datagram)
        # finite float32 numbers never overflow a float64 sum, and any other makes it infinite or NaN
        if not math.isfinite(sum(values)) or (self._has_motors and values[self._at] != layout.motors):
            raise DatagramRefused(self._why_not(datagram, values))
        return values

    def named(self, datagram: bytes) -> dict[str, Any]:
        """See `base.Decoder`; `MotorRPM` is a list."""
        values = self.values(datagram)
        if not self._has_motors:
            return dict(zip(self._names, values))  # noqa: B905 - equal by construction; the check costs a tenth
        at = self._at
        behind = at + 1 + int(values[at])
        found: dict[str, Any] = dict(zip(self._before, values))  # noqa: B905 - ends with the shorter one
        found[MOTORS] = list(values[at + 1 : behind])
        if self._after:
            found.update(zip(self._after, values[behind:]))  # noqa: B905
        return found

    def decode_batch(self, datagrams: Sequence[bytes]) -> Batch:
        """See `base.Decoder`."""
        lengths = set(map(len, datagrams))
        if len(lengths) == 1:
            return self._decode_equal(datagrams, np.arange(len(datagrams), dtype=np.int64))
        blocks: list[Block] = []
        refusals: list[Refusal] = []
        for length in sorted(lengths):
            rows = [row for row, datagram in enumerate(datagrams) if len(datagram) == length]
            batch = self._decode_equal([datagrams[row] for row in rows], np.array(rows, dtype=np.int64))
            blocks.extend(batch.blocks)
            refusals.extend(batch.refusals)
        return Batch(tuple(blocks), tuple(sorted(refusals, key=lambda refusal: refusal.index)))

    def _decode_equal(self, datagrams: Sequence[bytes], rows: np.ndarray[Any, np.dtype[np.int64]]) -> Batch:
        """A batch of one length."""
        if not datagrams:
            return Batch(())
        layout = self._layouts.get(len(datagrams[0])) or self._layout_of_length(len(datagrams[0]))
        if layout is None:
            return Batch((), tuple(self._refusals(datagrams, rows, range(len(rows)))))
        wire = np.frombuffer(b"".join(datagrams), dtype=layout.dtype)
        values = np.empty((len(rows), len(layout.channels)), dtype=np.float32)
        values[:, : self._at] = wire["before"]
        values[:, self._at :] = wire["after"]
        finite = np.isfinite(values)
        good = np.ones(len(rows), dtype=np.bool_) if finite.all() else finite.all(axis=1)
        if self._has_motors:
            good &= wire["count"] == layout.motors
        refusals: tuple[Refusal, ...] = ()
        if not good.all():
            refusals = tuple(self._refusals(datagrams, rows, np.flatnonzero(~good).tolist()))
            rows, values = rows[good], values[good]
        if not len(rows):
            return Batch((), refusals)
        times = None if layout.time_column is None else values[:, layout.time_column].astype(np.float64)
        return Batch((Block("", "", layout.channels, rows, times, values),), refusals)

    def _refusals(
        self, datagrams: Sequence[bytes], rows: np.ndarray[Any, np.dtype[np.int64]], which: Sequence[int]
    ) -> list[Refusal]:
        found: list[Refusal] = []
        for place in which:
            try:
                self.values(datagrams[place])
            except DatagramRefused as refusal:
                found.append(Refusal(int(rows[place]), refusal.message))
        return found

    def _layout_for(self, datagram: bytes) -> _Layout:
        """The layout for a datagram of a new length. DatagramRefused if it has none."""
        layout = self._layout_of_length(len(datagram))
        if layout is None:
            raise DatagramRefused(self._why_not_this_length(datagram))
        return layout

    def _layout_of_length(self, size: int) -> _Layout | None:
        motors, rest = divmod(size - self._base_bytes, 4)
        most = MOTORS_MAX if self._has_motors else 0
        if rest or not 0 <= motors <= most:
            return None
        numbered = tuple(f"{MOTORS}{number}" for number in range(1, motors + 1))
        channels = (*self._before, *numbered, *self._after)
        behind = motors + len(self._after)
        count = [("count", "u1")] if self._has_motors else []
        layout = _Layout(
            motors,
            struct.Struct(f"<{self._at}f" + (f"B{behind}f" if self._has_motors else "")),
            np.dtype([("before", "<f4", (self._at,)), *count, ("after", "<f4", (behind,))]),
            channels,
            channels.index(TIMESTAMP) if TIMESTAMP in channels else None,
        )
        self._layouts[size] = layout
        return layout

    def _why_not_this_length(self, datagram: bytes) -> str:
        size, at = len(datagram), 4 * self._at
        least = self._base_bytes
        if size < least:
            return f"too short: {size} bytes, this StreamFormat takes at least {least}"
        if not self._has_motors:
            return f"too long: {size} bytes, this StreamFormat takes {least}"
        takes = least + 4 * datagram[at]
        fault = "too short" if size < takes else "too long"
        return f"{fault}: {size} bytes, with {datagram[at]} motors this StreamFormat takes {takes}"

    def _why_not(self, datagram: bytes, values: Sequence[float]) -> str:
        """What is wrong with a datagram of a possible length."""
        if self._has_motors:
            count = datagram[4 * self._at]
            if self._base_bytes + 4 * count != len(datagram):
                return self._why_not_this_length(datagram)
        channels = self._layouts[len(datagram)].channels
        floats = [*values[: self._at], *values[self._at + 1 :]] if self._has_motors else values
        for name, value in zip(channels, floats, strict=True):
            if not math.isfinite(value):
                return f"{name} is {'not a number' if math.isnan(value) else 'infinite'}"
        raise AssertionError("a datagram was refused without a fault")
