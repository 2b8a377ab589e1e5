"""Telemetry without sockets and disks, for tests of the page: a feed of simulated drones that moves when it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from transfer_core.errors import NotFoundError
from transfer_core.events.alarm_limits import AlarmLimits
from transfer_core.events.telemetry import (
    LIVE,
    ChannelView,
    ListenerView,
    MarkerView,
    MemberView,
    RaceState,
    RaceView,
    RecordedSourceView,
    ReplayState,
    ReplayView,
    Role,
    SampleBatch,
    SourceView,
    ThinnedSeries,
)
from transfer_core.telemetry.arrivals import Arrivals
from transfer_core.telemetry.decoders.liftoff import LiftoffDecoder
from transfer_core.telemetry.feed import Feed
from transfer_core.telemetry.flight import FULL, Flight, Stream
from transfer_core.units import NS_PER_S

T0 = 1_800_000_000 * NS_PER_S
STEP_NS = NS_PER_S // 100
PORT = 9001


def race_view(race_id: str, name: str, **changes: Any) -> RaceView:
    view = RaceView(
        race_id=race_id,
        name=name,
        owner="",
        udp_port=PORT,
        state=RaceState.SAVED,
        decoder="liftoff",
        created_at="2026-11-21T14:00:00.000Z",
        ended_at="2026-11-21T14:01:00.000Z",
        start_ns=T0,
        end_ns=T0 + 20 * NS_PER_S,
        datagrams=2000,
        samples=2000,
        size_bytes=200_000,
        sources=("10.0.0.1:5001",),
        members=(),
        unsynced_s=0.0,
        store_behind_s=0.0,
    )
    return replace(view, **changes)


class FakeTelemetry:
    """The verbs that the page uses; `called` remembers those that change something."""

    def __init__(self, drones: int = 2) -> None:
        self.called: list[tuple[str, tuple[Any, ...]]] = []
        self.asked = 0  # how often samples were asked for
        self._names = {f"10.0.0.{drone + 1}:5001": name for drone, name in enumerate(("Ada", "Grace")[:drones])}
        self._feeds = {LIVE: Feed(LIVE, self._names)}
        self._streams = [Stream(Flight(1, drone)) for drone in range(drones)]
        self._decoder = LiftoffDecoder(FULL)
        self._now_ns = {LIVE: T0}
        self.races_there = {
            "r1": race_view("r1", "heat 1"),
            "r2": race_view("r2", "heat 2", created_at="2026-11-21T15:00:00Z"),
        }
        self._replay: ReplayView | None = None
        self.silent: set[int] = set()
        self.limits = AlarmLimits()

    # --- moved by the test
    def fly(self, seconds: float, feed: str = LIVE) -> None:
        """Let that much arrive."""
        count = round(seconds * 100)
        for drone, stream in enumerate(self._streams):
            datagrams = stream.next(count)
            if drone not in self.silent and datagrams:
                times = [self._now_ns[feed] + STEP_NS * row for row in range(len(datagrams))]
                sender = (f"10.0.0.{drone + 1}", 5001)
                self._feeds[feed].take(PORT, self._decoder, Arrivals([sender] * len(datagrams), times, datagrams))
        self._now_ns[feed] += count * STEP_NS

    # --- asked by the page
    def sources(self, feed: str = LIVE) -> list[SourceView]:
        """With ages as if the feed's clock were the monotonic one."""
        return self._feed(feed).sources(self._now_ns[feed], 0)

    def listeners(self) -> list[ListenerView]:
        return [ListenerView(PORT, "127.0.0.1", "liftoff", (), None, 8_000_000, 8_000_000, 0, 0, 0, 0)]

    def channels(self, source_id: str, feed: str = LIVE) -> list[ChannelView]:
        return self._feed(feed).channels(source_id)

    def newer(self, cursors: Mapping[str, int], channels: Sequence[str], *, feed: str = LIVE) -> SampleBatch:
        self.asked += 1
        return self._feed(feed).newer(cursors, channels, None)

    def _feed(self, feed: str) -> Feed:
        if feed not in self._feeds:
            raise NotFoundError(f"there is no replay {feed!r}")
        return self._feeds[feed]

    def races(self) -> list[RaceView]:
        return list(self.races_there.values())

    def markers(self, race_id: str) -> list[MarkerView]:
        return [MarkerView(1, T0 + NS_PER_S, "start")]

    def replays(self) -> list[ReplayView]:
        return [] if self._replay is None else [self._replay]

    def recorded_sources(self, race_id: str) -> list[RecordedSourceView]:
        channels = tuple(ChannelView(name, name, "") for name in ("Timestamp", "PositionY", "BatteryVoltage"))
        return [RecordedSourceView("10.0.0.1:5001", "Ada", channels, ((T0, T0 + 20 * NS_PER_S),), 2000)]

    def series(self, race_id: str, source_id: str, channel: str, *, points: int = 2000) -> ThinnedSeries:
        times = T0 + np.arange(200, dtype=np.int64) * (NS_PER_S // 10)
        values = np.linspace(0, 10 if race_id == "r1" else 20, 200, dtype=np.float32)
        return ThinnedSeries(source_id, channel, NS_PER_S // 10, times, values, values)

    # --- wishes
    def _did(self, verb: str, *args: Any) -> None:
        self.called.append((verb, args))

    def listen(self, port: int, *, host: str, settings: Mapping[str, Any] | None) -> ListenerView:
        self._did("listen", port, host, settings)
        return replace(self.listeners()[0], buffer_bytes=200_000)

    def create_race(self, name: str, port: int, *, host: str, settings: Mapping[str, Any] | None) -> RaceView:
        self._did("create_race", name, port, host, settings)
        self.races_there["r9"] = race_view("r9", name, state=RaceState.LIVE, created_at="2026-11-21T16:00:00Z")
        return self.races_there["r9"]

    def forward(self, port: int, destination: str, *, name: str) -> ListenerView:
        self._did("forward", port, destination, name)
        return self.listeners()[0]

    def join_race(self, race_id: str, member: str, role: Role, source_id: str) -> RaceView:
        self._did("join_race", race_id, member, role, source_id)
        self.races_there[race_id] = replace(self.races_there[race_id], members=(MemberView(member, role, source_id),))
        return self.races_there[race_id]

    def alarm_limits(self) -> AlarmLimits:
        return self.limits

    def set_alarm_limits(self, limits: AlarmLimits) -> AlarmLimits:
        self._did("set_alarm_limits", limits)
        self.limits = limits
        return limits

    def end_race(self, race_id: str) -> RaceView:
        self._did("end_race", race_id)
        return replace(self.races_there[race_id], state=RaceState.ENDED)

    def mark(self, race_id: str, text: str, time_ns: int | None) -> MarkerView:
        self._did("mark", race_id, text, time_ns)
        return MarkerView(2, time_ns or T0, text)

    def open_recording(self, path: str) -> RaceView:
        self._did("open_recording", path)
        self.races_there["r5"] = race_view("r5", "from elsewhere")
        return self.races_there["r5"]

    def delete_race(self, race_id: str) -> None:
        self._did("delete_race", race_id)

    def discard_race(self, race_id: str) -> None:
        self._did("discard_race", race_id)

    def take_back_race(self, race_id: str) -> RaceView:
        self._did("take_back_race", race_id)
        return self.races_there[race_id]

    def open_replay(self, race_id: str) -> ReplayView:
        self._did("open_replay", race_id)
        self._feeds["replay-1"] = Feed("replay-1", self._names)
        self._now_ns["replay-1"] = T0
        name = self.races_there[race_id].name
        self._replay = ReplayView(
            "replay-1", race_id, name, ReplayState.PAUSED, 1.0, 0, 20 * NS_PER_S, T0, None, None, "", 0
        )
        return self._replay

    def close_replay(self, replay_id: str) -> None:
        self._did("close_replay", replay_id)
        self._replay = None

    def _steer(self, verb: str, *args: Any, **changes: Any) -> ReplayView:
        self._did(verb, *args)
        if self._replay is None:
            raise NotFoundError("there is no replay")
        self._replay = replace(self._replay, **changes)
        return self._replay

    def play(self, replay_id: str) -> ReplayView:
        return self._steer("play", state=ReplayState.PLAYING)

    def pause(self, replay_id: str) -> ReplayView:
        return self._steer("pause", state=ReplayState.PAUSED)

    def seek(self, replay_id: str, position_ns: int) -> ReplayView:
        return self._steer("seek", position_ns, position_ns=position_ns)

    def step(self, replay_id: str, count: int) -> ReplayView:
        return self._steer("step", count, state=ReplayState.PAUSED)

    def set_speed(self, replay_id: str, speed: float) -> ReplayView:
        return self._steer("set_speed", speed, speed=speed)

    def set_loop(self, replay_id: str, from_ns: int | None, to_ns: int | None) -> ReplayView:
        return self._steer("set_loop", from_ns, to_ns, loop_from_ns=from_ns, loop_to_ns=to_ns)
