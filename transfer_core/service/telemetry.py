"""Live telemetry, races, replays and exports: what may be asked. Reached as `service.telemetry`.

A page that is live asks, ten to thirty times a second and while it is shown, `newer(cursors, channels)` for what it
draws: only rows that came since are handed over. `sources` and `listeners` twice a second are enough. A replay
is a feed of its own: the same three verbs with `feed=replay_id`.

Whatever a verb takes or gives can be pickled and holds no live object: the service may be in another process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from transfer_core.events.alarm_limits import AlarmLimits
from transfer_core.events.telemetry import (
    LIVE,
    ChannelView,
    ExportResult,
    ListenerView,
    MarkerView,
    RaceView,
    RecordedSourceView,
    ReplayView,
    Role,
    SampleBatch,
    SampleBlock,
    SourceView,
    ThinnedSeries,
)


class TelemetryService(Protocol):
    """All verbs are safe from any thread, may block on the disk, and raise errors of `transfer_core.errors`."""

    # --- listening
    def layout(self, text: str) -> Mapping[str, Any]:
        """Decoder settings from the text of a TelemetryConfiguration.json. ConfigError names the wrong key."""
        ...

    def listen(self, port: int, *, host: str = "127.0.0.1", settings: Mapping[str, Any] | None = None) -> ListenerView:
        """Take telemetry from a UDP port, without recording it. PortInUse; ConfigError for wrong settings.

        `settings` is from `layout`, or `{"decoder": "f1"}`; None is all that LiftOff can send. On a port that is
        listened on already the settings are changed; ConflictError while a race records it.
        """
        ...

    def stop_listening(self, port: int) -> None:
        """Close the port. ConflictError while a race records it; NotFoundError."""
        ...

    def listeners(self) -> list[ListenerView]:
        """Open ports, by number."""
        ...

    def forward(self, port: int, destination: str, *, name: str = "") -> ListenerView:
        """Pass on what comes to a port as it comes, to a paired relay, over all links and ahead of files.

        The relay records and serves it under `name`. It is said again with each session until `stop_forwarding`. What
        the links have no room for is left out, newest first wins; recordings are not touched. NotFoundError,
        ConflictError where no agent runs, ConfigError for a layout that is too long.
        """
        ...

    def stop_forwarding(self, port: int) -> None:
        """Pass no more on. NotFoundError for a port that is not listened on."""
        ...

    # --- what arrives, or is replayed
    def sources(self, feed: str = LIVE) -> list[SourceView]:
        """Everybody who has sent something, by port and name. NotFoundError for a replay that is not open."""
        ...

    def channels(self, source_id: str, feed: str = LIVE) -> list[ChannelView]:
        """What a source sends, in wire order. NotFoundError."""
        ...

    def samples(
        self, source_id: str, channels: Sequence[str], since: int = 0, *, feed: str = LIVE, limit: int | None = None
    ) -> SampleBlock:
        """Rows newer than the cursor `since` (0: all that is kept), at most the newest `limit`. NotFoundError.

        Keep a cursor for each source and set of channels: hand back `block.cursor` with the same `channels`.
        A channel that this source does not send is a column of NaN. All asked channels share a time only where they
        come in one packet; of other packets a row holds the newest value before it.
        """
        ...

    def newer(
        self, cursors: Mapping[str, int], channels: Sequence[str], *, feed: str = LIVE, limit: int | None = None
    ) -> SampleBatch:
        """`samples` of many sources at once, for a picture: cursors by source. A source that has gone is left out."""
        ...

    def name_source(self, source_id: str, name: str) -> None:
        """Call a source by its pilot's name, in all feeds and in later recordings."""
        ...

    # --- alarms
    def alarm_limits(self) -> AlarmLimits:
        """From where on something needs a hand. ConfigError if the file that says it can't be understood."""
        ...

    def set_alarm_limits(self, limits: AlarmLimits) -> AlarmLimits:
        """Keep these, and tell all who look. ConfigError, WriteFailed."""
        ...

    # --- races
    def races(self, *, find: str = "", limit: int = 200) -> list[RaceView]:
        """Races whose name, owner or member holds `find`, newest first; running ones before all others."""
        ...

    def race(self, race_id: str) -> RaceView:
        """One race. NotFoundError."""
        ...

    def create_race(
        self,
        name: str,
        udp_port: int,
        *,
        host: str = "127.0.0.1",
        settings: Mapping[str, Any] | None = None,
        owner: str = "",
        destination: str | None = None,
    ) -> RaceView:
        """Begin to record a port. ConflictError if another race records it, PortInUse, DiskFull.

        With a `destination`, or with a default one, the saved race is queued for it with priority 2. `settings` None:
        as the port is listened on already, else all that LiftOff can send.
        """
        ...

    def join_race(self, race_id: str, member: str, role: Role = Role.PILOT, source_id: str = "") -> RaceView:
        """Enter somebody; a pilot's source takes the pilot's name. ConflictError when the race is over."""
        ...

    def watch_race(self, race_id: str, member: str) -> RaceView:
        """Enter a viewer; also after the race, to see it again."""
        ...

    def mark(self, race_id: str, text: str, time_ns: int | None = None) -> MarkerView:
        """Name a moment; None is now, while the race runs. UsageError for None after it."""
        ...

    def markers(self, race_id: str) -> list[MarkerView]:
        """All named moments by time."""
        ...

    def remove_marker(self, race_id: str, marker_id: int) -> None:
        """Take a marker away. NotFoundError."""
        ...

    def end_race(self, race_id: str) -> RaceView:
        """Stop recording, with everything on the disk. Ended already: nothing happens."""
        ...

    def save_race(self, race_id: str) -> RaceView:
        """Seal it as one MCAP file, ending it first if need be, and queue it. Blocks while it is written."""
        ...

    def update_race(self, race_id: str, *, name: str | None = None, owner: str | None = None) -> RaceView:
        """Change what a person may change."""
        ...

    def delete_race(self, race_id: str) -> None:
        """Delete the race with log, samples and MCAP file. ConflictError while it runs or is replayed."""
        ...

    def discard_race(self, race_id: str, *, kept_s: float = 60.0) -> None:
        """Put the race out of all lists; delete it after `kept_s`, or when this agent ends. ConflictError as above.

        It is in the lists again at the next start if the agent crashed before.
        """
        ...

    def take_back_race(self, race_id: str) -> RaceView:
        """Do not delete what was discarded. NotFoundError if it is deleted already."""
        ...

    def open_recording(self, path: str) -> RaceView:
        """Take a log (`.drslog`) or a sealed race (`.mcap`) from anywhere into the list of races.

        The file is copied. IntegrityError if it is neither; opened twice it is one race.
        """
        ...

    # --- what was recorded
    def recorded_sources(self, race_id: str) -> list[RecordedSourceView]:
        """Who sent what in a race, from the sample store."""
        ...

    def series(
        self,
        race_id: str,
        source_id: str,
        channel: str,
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        points: int = 2000,
    ) -> ThinnedSeries:
        """One channel between two `time_ns` (None: all), as lowest and highest value in at most `points` steps."""
        ...

    def export(self, race_id: str, path: str, form: str) -> ExportResult:
        """Write a recording as `csv`, `parquet` or `mcap`. Never overwrites. UsageError, DiskFull, WriteFailed."""
        ...

    # --- replays
    def open_replay(self, race_id: str, *, to: str = "", resume: ReplayView | None = None) -> ReplayView:
        """Open a recording at its start, paused. `to` HOST:PORT also gets each datagram, byte for byte.

        With `resume` it goes on as that one was, which is gone, and has its `replay_id`. ConflictError if it is open.
        """
        ...

    def replays(self) -> list[ReplayView]:
        """Open replays."""
        ...

    def play(self, replay_id: str) -> ReplayView:
        """Go on; from the start if it had ended."""
        ...

    def pause(self, replay_id: str) -> ReplayView:
        """Hold where it is."""
        ...

    def seek(self, replay_id: str, position_ns: int) -> ReplayView:
        """Go to a position from the start. Each source's newest sample before it is shown at once."""
        ...

    def step(self, replay_id: str, count: int = 1) -> ReplayView:
        """Pause, and go `count` datagrams on, or back if negative."""
        ...

    def set_speed(self, replay_id: str, speed: float) -> ReplayView:
        """0.1 to 50. UsageError beyond."""
        ...

    def set_loop(self, replay_id: str, from_ns: int | None, to_ns: int | None) -> ReplayView:
        """Repeat from one position to another; None ends that."""
        ...

    def close_replay(self, replay_id: str) -> None:
        """Forget a replay. NotFoundError."""
        ...
