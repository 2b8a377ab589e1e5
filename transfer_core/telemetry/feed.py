"""What arrives, or is replayed, as it can be looked at: sources, their figures, and the newest samples of each.

A feed is filled by one thread with datagrams in order, and read by any. A source is who sent them, so two pilots behind
one address differ by their port; a game that sends many cars at once makes a source of each. Packets of different kinds
of one source are streams of their own, with their own times.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from transfer_core.errors import NotFoundError
from transfer_core.events.telemetry import ChannelView, SampleBatch, SampleBlock, SourceView
from transfer_core.telemetry.arrivals import Arrivals, Sender, source_name
from transfer_core.telemetry.channels import channel_view
from transfer_core.telemetry.decoders.base import Batch, Block, Decoder, SampleArray
from transfer_core.telemetry.figures import Figures
from transfer_core.telemetry.ring import Ring, Rows
from transfer_core.telemetry.runs import RunTracker

_ROW_BITS = 44  # of a cursor; above them is the generation


@dataclass(slots=True)
class _Stream:
    """One kind of packet of one source."""

    ring: Ring
    runs: RunTracker
    generation: int


@dataclass(slots=True)
class _Source:
    source_id: str
    port: int
    decoder: str
    streams: dict[str, _Stream] = field(default_factory=dict)
    samples: int = 0


@dataclass(slots=True)
class _SenderState:
    """Who sends: its figures are about datagrams, whatever is in them."""

    figures: Figures = field(default_factory=Figures)
    sources: dict[str, _Source] = field(default_factory=dict)
    datagrams: int = 0
    refused: int = 0
    refused_why: str = ""
    port: int = 0
    decoder: str = ""


@dataclass(frozen=True, slots=True)
class Newest:
    """One row of one stream. `generation` changes when rows do not follow those before."""

    source_id: str
    kind: str
    channels: tuple[str, ...]
    generation: int
    stale: bool
    over: bool
    rows: Rows


class Feed:
    """See `service.telemetry`. `names` maps source ids to pilots' names and may change."""

    def __init__(self, name: str, names: Mapping[str, str]) -> None:
        self._name = name
        self._names = names
        self._lock = threading.Lock()
        self._senders: dict[tuple[int, Sender], _SenderState] = {}
        self._sources: dict[str, _Source] = {}
        self._generation = 0

    def take(self, port: int, decoder: Decoder, arrivals: Arrivals) -> int:
        """Datagrams that came to a port; how many held no samples or could not be decoded. One thread."""
        places: dict[Sender, list[int]] = {}
        for place, sender in enumerate(arrivals.senders):
            places.setdefault(sender, []).append(place)
        without = 0
        for sender, rows in places.items():
            datagrams = [arrivals.datagrams[row] for row in rows]
            times = np.array([arrivals.time_ns[row] for row in rows], dtype=np.int64)
            batch = decoder.decode_batch(datagrams)
            with self._lock:
                without += self._take_batch(port, decoder.name, sender, times, batch)
        return without

    def _take_batch(self, port: int, decoder: str, sender: Sender, times: npt.NDArray[np.int64], batch: Batch) -> int:
        state = self._senders.setdefault((port, sender), _SenderState())
        state.datagrams += len(times)
        state.port, state.decoder = port, decoder
        without = len(batch.refusals) + batch.ignored
        if batch.refusals:
            state.refused += len(batch.refusals)
            state.refused_why = batch.refusals[-1].reason
        clock = batch.blocks[0].times_s if batch.blocks else None
        state.figures.note(times, clock)
        for block in batch.blocks:
            without += self._take_block(state, sender, times, block)
        return without

    def _take_block(self, state: _SenderState, sender: Sender, times: npt.NDArray[np.int64], block: Block) -> int:
        source = state.sources.get(block.vehicle)
        if source is None:
            source = _Source(source_name(sender, block.vehicle), state.port, state.decoder)
            state.sources[block.vehicle] = source
            self._sources[source.source_id] = source
        stream = source.streams.get(block.kind)
        if stream is None or stream.ring.channels != block.channels:
            self._generation += 1
            stream = _Stream(Ring(block.channels), RunTracker(block.channels), self._generation)
            source.streams[block.kind] = stream
        judged = stream.runs.judge(times[block.rows], block.times_s, block.values)
        stream.ring.append(judged.time_ns, judged.run, judged.values)
        source.samples += len(judged.time_ns)
        return judged.dropped

    def refused(self, port: int) -> int:
        """Datagrams to a port that could not be decoded, of all its senders."""
        with self._lock:
            return sum(state.refused for key, state in self._senders.items() if key[0] == port)

    def restart(self) -> None:
        """Forget all samples: what comes now does not follow them. Sources and counts stay."""
        with self._lock:
            for source in self._sources.values():
                for stream in source.streams.values():
                    self._generation += 1
                    channels = stream.ring.channels
                    stream.ring, stream.runs = Ring(channels), RunTracker(channels)
                    stream.generation = self._generation

    def forget_port(self, port: int) -> None:
        """Drop the sources of a port that was closed."""
        with self._lock:
            for key in [key for key in self._senders if key[0] == port]:
                for source in self._senders.pop(key).sources.values():
                    self._sources.pop(source.source_id, None)

    # --- looking

    def sources(self, now_ns: int, offset_ns: int = 0) -> list[SourceView]:
        """All sources. `now_ns` is on the clock of arrivals, `offset_ns` is added to get the monotonic one."""
        with self._lock:
            views = [
                self._view(state, source, now_ns, offset_ns)
                for state in self._senders.values()
                for source in (state.sources or {"": self._silent(state)}).values()
            ]
        return sorted(views, key=lambda view: (view.port, view.source_id))

    def _silent(self, state: _SenderState) -> _Source:
        """A sender of nothing that could be decoded is shown all the same."""
        sender = next(key[1] for key, value in self._senders.items() if value is state)
        return _Source(source_name(sender), state.port, state.decoder)

    def _view(self, state: _SenderState, source: _Source, now_ns: int, offset_ns: int) -> SourceView:
        figures = state.figures
        figures.reckon()
        stream = next(iter(source.streams.values()), None)
        return SourceView(
            feed=self._name,
            source_id=source.source_id,
            port=source.port,
            name=self._names.get(source.source_id, ""),
            decoder=source.decoder,
            rate_hz=figures.rate_hz,
            loss=figures.loss,
            jitter_ms=figures.jitter_ms,
            last_ns=figures.last_ns + offset_ns,
            stale=figures.stale(now_ns),
            run=1 if stream is None else stream.runs.run,
            over=stream is not None and stream.runs.over,
            samples=source.samples,
            datagrams=state.datagrams,
            refused=state.refused,
            refused_why=state.refused_why,
        )

    def channels(self, source_id: str) -> list[ChannelView]:
        """What a source has sent. NotFoundError."""
        with self._lock:
            names = [name for stream in self._source(source_id).streams.values() for name in stream.ring.channels]
        return [channel_view(name) for name in names]

    def samples(self, source_id: str, channels: Sequence[str], since: int, limit: int | None) -> SampleBlock:
        """See `service.telemetry`."""
        with self._lock:
            return self._block(self._source(source_id), tuple(channels), since, limit)

    def newer(self, cursors: Mapping[str, int], channels: Sequence[str], limit: int | None) -> SampleBatch:
        """See `service.telemetry`."""
        asked = tuple(channels)
        blocks: list[SampleBlock] = []
        for source_id, since in cursors.items():
            with self._lock:  # taken for each, so that what arrives waits for one source at most
                source = self._sources.get(source_id)
                if source is not None:
                    blocks.append(self._block(source, asked, since, limit))
        return _batch_of(blocks, asked)

    def _block(self, source: _Source, channels: tuple[str, ...], since: int, limit: int | None) -> SampleBlock:
        stream = self._stream_of(source, channels)
        if stream is None:
            empty = np.empty((0, len(channels)), dtype=np.float32)
            none = np.empty(0, dtype=np.int64)
            return SampleBlock(source.source_id, channels, 0, True, none, none.astype(np.int32), empty)
        generation, first = since >> _ROW_BITS, since & ((1 << _ROW_BITS) - 1)
        # a cursor of another process may have our generation's number
        follows = generation == stream.generation and first <= stream.ring.end
        rows = stream.ring.since(first if follows else 0, limit)
        return SampleBlock(
            source.source_id,
            channels,
            stream.generation << _ROW_BITS | rows.end,
            not (follows and rows.complete),
            rows.time_ns,
            rows.run,
            self._columns(source, stream, rows, channels),
        )

    def newest(self, port: int | None, now_ns: int) -> list[Newest]:
        """The newest row of each stream of the sources of a port (None: of all), by source and kind."""
        found: list[Newest] = []
        with self._lock:
            for state in self._senders.values():
                if port is not None and state.port != port:
                    continue
                stale = state.figures.stale(now_ns)
                for source in state.sources.values():
                    found.extend(_newest_rows(source, stale))
        return sorted(found, key=lambda each: (each.source_id, each.kind))

    def _source(self, source_id: str) -> _Source:
        if source_id not in self._sources:
            raise NotFoundError(f"there is no telemetry source {source_id!r}", hint="See the list of sources.")
        return self._sources[source_id]

    def _stream_of(self, source: _Source, channels: Sequence[str]) -> _Stream | None:
        """The stream whose times count: that of the first asked channel that is sent."""
        for name in channels:
            for stream in source.streams.values():
                if name in stream.ring.column:
                    return stream
        return next(iter(source.streams.values()), None)

    def _columns(self, source: _Source, stream: _Stream, rows: Rows, channels: Sequence[str]) -> SampleArray:
        columns = [stream.ring.column.get(name, -1) for name in channels]
        if min(columns, default=0) >= 0:
            return rows.values[:, columns]
        values = np.full((len(rows.time_ns), len(channels)), np.nan, dtype=np.float32)
        for at, (name, column) in enumerate(zip(channels, columns, strict=True)):
            if column >= 0:
                values[:, at] = rows.values[:, column]
                continue
            other = next((each for each in source.streams.values() if name in each.ring.column), None)
            if other is not None:
                theirs = other.ring.since(0)
                before = np.searchsorted(theirs.time_ns, rows.time_ns, side="right") - 1
                known = before >= 0
                values[known, at] = theirs.values[before[known], other.ring.column[name]]
        return values


def _batch_of(blocks: Sequence[SampleBlock], channels: tuple[str, ...]) -> SampleBatch:
    return SampleBatch(
        channels,
        tuple(block.source_id for block in blocks),
        tuple(block.cursor for block in blocks),
        tuple(block.restart for block in blocks),
        tuple(accumulate(len(block) for block in blocks)),
        np.concatenate([block.time_ns for block in blocks] or [np.empty(0, np.int64)]),
        np.concatenate([block.run for block in blocks] or [np.empty(0, np.int32)]),
        np.concatenate([block.values for block in blocks] or [np.empty((0, len(channels)), np.float32)]),
    )


def _newest_rows(source: _Source, stale: bool) -> list[Newest]:
    found: list[Newest] = []
    for kind, stream in source.streams.items():
        ring = stream.ring
        rows = ring.since(max(0, ring.end - 1))
        if len(rows.time_ns):
            over = stream.runs.over
            found.append(Newest(source.source_id, kind, ring.channels, stream.generation, stale, over, rows))
    return found
