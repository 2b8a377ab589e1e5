"""What the Telemetry page shows, live or of a replay: fetched by a timer while the page is shown, never otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.models.telemetry_channels import BATTERY, POSITION, inputs_of
from app.models.telemetry_rings import TelemetryRing
from transfer_core.errors import DrsError, NotFoundError
from transfer_core.events.telemetry import (
    LIVE,
    ChannelView,
    ListenerView,
    ReplayState,
    ReplayView,
    SampleBatch,
    SourceView,
)

if TYPE_CHECKING:
    from app.models.console_state import ConsoleState
    from app.views.page import ServiceCalls

FRAME_MS = 28
SOURCES_EVERY = 4  # frames; who falls silent is to be seen soon
CROWD = 32  # sources; of more of them it is asked half as often
REPLAY_EVERY = 3
CROWD_EVERY = 8


class TelemetryFeed(QObject):
    """One feed at a time. `ticked` asks for a frame; the rings hold what has come."""

    ticked = Signal()
    sources_changed = Signal()
    silence_changed = Signal()  # one has fallen silent, or is heard again
    replay_gone = Signal()

    def __init__(self, state: ConsoleState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._service: ServiceCalls | None = None
        self.feed = LIVE
        self.close_up: frozenset[str] = frozenset()  # sources that are plotted, where not all are
        self.rings: dict[str, TelemetryRing] = {}
        self.sources: tuple[SourceView, ...] = ()
        self.listeners: tuple[ListenerView, ...] = ()
        self.channels: dict[str, tuple[ChannelView, ...]] = {}
        self.replay: ReplayView | None = None
        self._asked: tuple[str, ...] = inputs_of((*POSITION, *BATTERY))
        self._drawn: tuple[str, ...] = ()
        self._watched: tuple[str, ...] = ()
        self._offset_ns: int | None = None  # from this process's monotonic clock to the feed's
        self._replay_at_ns = 0
        self._waits: set[str] = set()
        self._generation = 0
        self._frames = 0
        self._timer = QTimer(self, interval=FRAME_MS)
        self._timer.timeout.connect(self.tick)

    @property
    def is_running(self) -> bool:
        """Whether it asks."""
        return self._timer.isActive()

    def connect_to(self, service: ServiceCalls) -> None:
        """Ask this."""
        self._service = service

    def start(self) -> None:
        """Begin to ask; what was missed meanwhile is fetched as far as it is kept."""
        self._timer.start()
        self.tick()

    def stop(self) -> None:
        """Ask nothing more."""
        self._timer.stop()

    def show_feed(self, feed: str, replay: ReplayView | None = None) -> None:
        """Another feed: all that was shown is forgotten."""
        self._generation += 1
        self._waits.clear()
        self.feed, self.replay = feed, replay
        self._replay_at_ns = self._state.now_ns()
        self.rings, self.channels, self.sources = {}, {}, ()
        self._offset_ns = None
        self._frames = 0
        self.sources_changed.emit()

    def watch_channels(self, names: Sequence[str]) -> None:
        """What alarms look at, drawn or not."""
        self._watched = tuple(names)
        self.show_channels(self._drawn)

    def show_channels(self, names: Sequence[str]) -> None:
        """What is drawn; position, battery and what alarms look at are fetched besides."""
        self._drawn = tuple(names)
        asked = inputs_of((*names, *POSITION, *BATTERY, *self._watched))
        if asked != self._asked:
            self._asked = asked
            self._generation += 1
            self._waits.discard("newer")
            self.rings = {source: TelemetryRing(asked) for source in self.rings}

    def note_replay(self, replay: ReplayView) -> None:
        """What steering a replay answered."""
        if replay.replay_id == self.feed:
            self.replay, self._replay_at_ns = replay, self._state.now_ns()

    def end_ns(self) -> int | None:
        """The newest moment of the feed, on its clock; None before anything has come."""
        now_ns = self._state.now_ns()
        replay = self.replay
        if replay is not None:
            is_going = replay.state is ReplayState.PLAYING and self._state.is_heard
            going_ns = round((now_ns - self._replay_at_ns) * replay.speed) if is_going else 0
            return replay.start_ns + min(replay.duration_ns, replay.position_ns + going_ns)
        return None if self._offset_ns is None else now_ns + self._offset_ns

    @Slot()
    def tick(self) -> None:
        """Ask for what is new, and for a frame; of an engine that is not heard of for a frame alone."""
        if self._service is None:
            return
        if not self._state.is_heard:
            self.ticked.emit()
            return
        if self._frames % (SOURCES_EVERY if len(self.sources) <= CROWD else 2 * SOURCES_EVERY) == 0:
            self._ask("sources", self._take_sources, self.feed)
            if self.feed == LIVE:
                self._ask("listeners", self._take_listeners)
        if self.replay is not None and self._frames % REPLAY_EVERY == 0:
            self._ask("replays", self._take_replays)
        if self.rings:
            # of a crowd those that are plotted are fetched for each frame, the others now and then
            some = self.close_up if self._frames % CROWD_EVERY else frozenset()
            cursors = {source: ring.cursor for source, ring in self.rings.items() if not some or source in some}
            is_free = "newer" not in self._waits
            self._frames += 1
            self._ask("newer", self._take_samples, cursors, self._asked, feed=self.feed)
            if is_free:
                return  # what comes is drawn as soon as it is here
        else:
            self._frames += 1
        self.ticked.emit()

    def _ask(self, verb: str, take: Callable[[Any], None], *args: Any, **more: Any) -> None:
        """One question of a kind at a time; an answer from before a change of feed or channels is dropped."""
        if verb in self._waits or self._service is None:
            return
        self._waits.add(verb)
        answered = partial(self._answered, self._generation, verb, take)
        self._service.call(
            f"telemetry.{verb}",
            *args,
            on_result=answered,
            on_error=partial(self._refused, self._generation, verb),
            **more,
        )

    def _answered(self, generation: int, verb: str, take: Callable[[Any], None], answer: Any) -> None:
        if generation == self._generation:
            self._waits.discard(verb)
            take(answer)

    def _refused(self, generation: int, verb: str, error: DrsError) -> None:
        if generation != self._generation:
            return
        self._waits.discard(verb)
        if self.feed != LIVE and isinstance(error, NotFoundError):
            self.replay_gone.emit()

    def _take_sources(self, sources: list[SourceView]) -> None:
        before = {source.source_id for source in self.sources if source.stale}
        self.sources = tuple(sources)
        if before != {source.source_id for source in sources if source.stale}:
            self.silence_changed.emit()
        there = {source.source_id for source in sources if source.samples}
        for gone in self.rings.keys() - there:
            del self.rings[gone]
            self.channels.pop(gone, None)
        for source in sorted(there - self.rings.keys()):
            self.rings[source] = TelemetryRing(self._asked)
            if self._service is not None:
                keep = partial(self._take_channels, self._generation, source)
                self._service.call("telemetry.channels", source, self.feed, on_result=keep, on_error=_let_go)
        self.sources_changed.emit()

    def _take_channels(self, generation: int, source: str, channels: list[ChannelView]) -> None:
        if generation == self._generation or source in self.rings:
            self.channels[source] = tuple(channels)
            self.sources_changed.emit()

    def _take_listeners(self, listeners: list[ListenerView]) -> None:
        self.listeners = tuple(listeners)

    def _take_replays(self, replays: list[ReplayView]) -> None:
        found = next((each for each in replays if each.replay_id == self.feed), None)
        if found is None:
            self.replay_gone.emit()
        else:
            self.note_replay(found)

    def _take_samples(self, batch: SampleBatch) -> None:
        now_ns = self._state.now_ns()
        for block in batch.blocks():
            ring = self.rings.get(block.source_id)
            if ring is not None and ring.channels == block.channels:
                ring.take(block)
                if self.feed == LIVE and len(block.time_ns):
                    # the least delay that was ever seen tells best how the two clocks stand
                    offset = int(block.time_ns[-1]) - now_ns
                    self._offset_ns = offset if self._offset_ns is None else max(offset, self._offset_ns)
        if self._timer.isActive():
            self.ticked.emit()


def _let_go(_: DrsError) -> None:
    """The source has gone meanwhile."""
