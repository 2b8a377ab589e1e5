"""Live telemetry: who sends, what they send, races, replays. Arrays of samples are numpy's.

Times called `time_ns` are of arrival: wall-clock nanoseconds since 1970 as the recorder counts them. They never go back
within a recording. `last_ns` is of this process's monotonic clock, for ages. Values are as they came over the wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from transfer_core.events.base import Event

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LIVE = "live"  # the feed of what arrives now; every replay is a feed of its own, called by its `replay_id`

EXPORT_FORMATS = ("csv", "parquet", "mcap")
SPEED_MIN, SPEED_MAX = 0.1, 50.0  # of a replay


class RaceState(StrEnum):
    """Where a race stands."""

    WAITING = "waiting"  # recorded, though nothing has arrived yet
    LIVE = "live"  # recorded, data arrives or did
    ENDED = "ended"  # nothing more is recorded; the log is whole
    SAVED = "saved"  # sealed as one MCAP file


class ReplayState(StrEnum):
    """What a replay does."""

    PLAYING = "playing"
    PAUSED = "paused"
    ENDED = "ended"  # at the end of the recording; `play` starts again from the beginning


class Role(StrEnum):
    """What somebody is in a race."""

    PILOT = "pilot"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class ListenerView:
    """One UDP port that telemetry is taken from."""

    port: int
    host: str
    decoder: str  # liftoff, f1
    layout: tuple[str, ...]  # the StreamFormat's keys; empty where the decoder needs none
    race_id: str | None  # the race that records it now
    buffer_bytes: int  # of the socket, as the system granted it
    buffer_wanted_bytes: int
    kernel_drops: int | None  # datagrams that the system dropped since the port was opened; None: it does not tell
    datagrams: int
    refused: int  # of them, those that can't be decoded; they are recorded all the same
    ignored: int  # of them, those without samples: other packets of the game, frames after a race's end
    error: str = ""  # why nothing can be received or recorded just now, for people
    origin: str = ""  # the machine whose agent passes this on; empty for a port of this one
    missing: int = 0  # of what is passed on to here: did not come in time
    forwards_to: str = ""  # the relay that gets it live
    forward_sent: int = 0
    forward_skipped: int = 0  # left out, since the links have no room for all
    forward_missing: int = 0  # sent, and not there in time
    forward_error: str = ""  # why nothing is passed on just now, for people


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One column of a source's samples."""

    name: str  # PositionX, MotorRPM1
    group: str  # Position, MotorRPM
    unit: str  # m, deg/s, V, rpm; empty for a plain number
    discrete: bool = False  # never draw a line between two values


@dataclass(frozen=True, slots=True)
class SourceView:
    """Who sends: an address and port; with games that send many cars at once, each car."""

    feed: str
    source_id: str  # 192.168.1.7:50123, or 192.168.1.7:50123/car07
    port: int  # the UDP port of ours that it sends to
    name: str  # the pilot's, as joined or given; empty if nobody said
    decoder: str
    rate_hz: float | None  # 1 / median interval of arrival over the last seconds; None until it is known
    loss: float | None  # 0 to 1, from gaps in the sender's own clock over the last seconds; None if it sends none
    jitter_ms: float | None  # 99th percentile of how far intervals are from the median
    last_ns: int  # monotonic: when the newest datagram came
    stale: bool  # nothing for two periods: show its values as old
    run: int  # 1 for the first; one more each time its clock goes back
    over: bool  # the run has ended: the game sends empty frames
    samples: int
    datagrams: int
    refused: int
    refused_why: str  # the newest reason


@dataclass(frozen=True, slots=True)
class SampleBlock:
    """Samples of one source, oldest first: row i of `values` holds the asked channels at `time_ns[i]`."""

    source_id: str
    channels: tuple[str, ...]
    cursor: int  # give it as `since` next time
    restart: bool  # forget what was drawn: these rows do not follow it (a seek, other channels, rows that were missed)
    time_ns: npt.NDArray[np.int64]
    run: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.time_ns)


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """Samples of many sources in three arrays, so that a process may hand them to another one for little.

    Source i has the rows from `ends[i - 1]` (0 for the first) to `ends[i]`, oldest first; `cursors` and `restarts` are
    as in a `SampleBlock`.
    """

    channels: tuple[str, ...]
    source_ids: tuple[str, ...]
    cursors: tuple[int, ...]
    restarts: tuple[bool, ...]
    ends: tuple[int, ...]
    time_ns: npt.NDArray[np.int64]
    run: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]

    def blocks(self) -> Iterator[SampleBlock]:
        """One for each source, over the same memory."""
        first = 0
        for source_id, cursor, restart, end in zip(
            self.source_ids, self.cursors, self.restarts, self.ends, strict=True
        ):
            rows = slice(first, end)
            yield SampleBlock(
                source_id, self.channels, cursor, restart, self.time_ns[rows], self.run[rows], self.values[rows]
            )
            first = end


@dataclass(frozen=True, slots=True)
class ThinnedSeries:
    """One channel of a recording in at most the asked number of points: the lowest and highest value of each.

    A point stands for the stretch from its `time_ns` to the next; stretches without samples have no point, so that a
    gap longer than two steps is no line.
    """

    source_id: str
    channel: str
    step_ns: int
    time_ns: npt.NDArray[np.int64]
    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MemberView:
    """Somebody in a race."""

    name: str
    role: Role
    source_id: str = ""  # a pilot's, if it was named


@dataclass(frozen=True, slots=True)
class MarkerView:
    """A named moment of a race."""

    marker_id: int
    time_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class RaceView:
    """A race, being recorded or over."""

    race_id: str
    name: str
    owner: str
    udp_port: int
    state: RaceState
    decoder: str
    created_at: str
    ended_at: str | None
    start_ns: int | None  # of the first datagram, `time_ns`
    end_ns: int | None  # of the newest
    datagrams: int
    samples: int
    size_bytes: int  # of the log
    sources: tuple[str, ...]
    members: tuple[MemberView, ...]
    unsynced_s: float  # how much of it a loss of power would take now; 0 when it is over
    store_behind_s: float | None  # how much is recorded and not yet in the sample store; None: nothing is known
    path: str = ""  # of the sealed MCAP file
    error: str = ""  # why recording or storing waits, for people


@dataclass(frozen=True, slots=True)
class RecordedSourceView:
    """A source of a recording, with what can be asked of it."""

    source_id: str
    name: str
    channels: tuple[ChannelView, ...]
    runs: tuple[tuple[int, int], ...]  # first and last `time_ns` of each run
    samples: int


@dataclass(frozen=True, slots=True)
class ReplayView:
    """A race being shown again. `replay_id` is also the feed of its sources and samples."""

    replay_id: str
    race_id: str
    name: str
    state: ReplayState
    speed: float
    position_ns: int  # from the start of the recording
    duration_ns: int
    start_ns: int  # `time_ns` of the recording's start
    loop_from_ns: int | None  # as positions
    loop_to_ns: int | None
    to: str  # HOST:PORT that the datagrams are sent to, byte for byte; empty: only shown here
    sent: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class ExportResult:
    """A recording, written as a file."""

    path: str
    format: str
    rows: int
    size_bytes: int
    refused: int  # datagrams of the recording that could not be decoded; they are in an MCAP's raw topics only


@dataclass(frozen=True, slots=True)
class TelemetryChanged(Event):
    """Listeners and live sources as they are, twice a second while something arrives; samples are fetched."""

    listeners: tuple[ListenerView, ...]
    sources: tuple[SourceView, ...]


@dataclass(frozen=True, slots=True)
class RacesChanged(Event):
    """These races are new or other than they were."""

    races: tuple[RaceView, ...]


@dataclass(frozen=True, slots=True)
class RaceRemoved(Event):
    """A race was deleted."""

    race_id: str


@dataclass(frozen=True, slots=True)
class ReplaysChanged(Event):
    """All open replays as they are."""

    replays: tuple[ReplayView, ...]
