"""The Telemetry page: plots, track and table of what arrives, of a race shown again, or of two races side by side.

Which of the three it is stands in a band over the whole width, which is quiet only when it is live. Hidden the page
fetches and draws nothing. Space freezes the picture; the data goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import QWidget

from app.actions import make_action
from app.models.telemetry_feed import TelemetryFeed
from app.models.telemetry_offers import FIRST_SELECT, refusals
from app.views.page import Page, ServiceCalls, page_column
from app.views.telemetry.canvas import Canvas
from app.views.telemetry.comparison import Comparison
from app.views.telemetry.live_words import live_words
from app.views.telemetry.mode_bar import Mode, ModeBar
from app.views.telemetry.parts import Parts
from app.views.telemetry.race_desk import RaceDesk
from app.views.telemetry.side_lists import channel_names, race_names
from app.views.telemetry.tools import Tools
from app.views.telemetry.wishes import Wishes, dropped_recordings
from app.widgets.fitting_row import FittingRow
from app.widgets.look import look_of
from transfer_core.events import Event
from transfer_core.events.alarm_limits import AlarmLimits, AlarmLimitsChanged
from transfer_core.events.telemetry import LIVE, RaceRemoved, RacesChanged, ReplayView

if TYPE_CHECKING:
    from app.models.console_state import ConsoleState
    from app.theme.theme import Theme

TABLE_EVERY = 6  # frames
CURSOR_KEYS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}


class TelemetryPage(Page):
    """See the module."""

    name = "telemetry"
    title = "Telemetry"

    def __init__(self, state: ConsoleState, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._theme = state, theme
        self._look = look_of(theme)
        self._shown = False
        self._frames = 0
        self._table_is_due = False
        self.feed = TelemetryFeed(state, self)
        self.desk = RaceDesk(self)
        self.wishes = Wishes(self, self.desk, self.feed)
        self.comparison = Comparison(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAcceptDrops(True)
        self._build()
        self.feed.ticked.connect(self.refresh)
        self.feed.sources_changed.connect(self._show_channels)
        self.feed.silence_changed.connect(self._fill_table_next)
        self.feed.replay_gone.connect(self.go_live)
        self.desk.races_changed.connect(self._show_races)
        self.desk.race_ended.connect(self.races.select)
        self.desk.race_came_back.connect(self.races.select)
        self.desk.done.connect(self.done)
        self.desk.replay_opened.connect(self._replay_opened)
        self.desk.steered.connect(self._steered)
        self.desk.failed.connect(self.failed)
        self.desk.noted.connect(self.noted)
        self.wishes.failed.connect(self.failed)
        self.wishes.noted.connect(self.noted)
        self.wishes.limits_changed.connect(self._watch_limits)
        self.comparison.ready.connect(self._draw_comparison)
        self.comparison.failed.connect(self.failed)
        state.others_arrived.connect(self._others)
        state.heard_changed.connect(self._show_heard)
        theme.changed.connect(self._apply_look)

    # --- building
    def _build(self) -> None:
        parts = self._parts = Parts(self, self._look)
        self.channels, self.races = parts.channels, parts.races
        self.plot, self.track, self.picture = parts.plot, parts.track, parts.picture
        self.rows, self.table = parts.rows, parts.table
        self.canvas = Canvas(self.feed, self.picture, self._lane_names, lambda: self.desk.markers)
        self.channels.model.checks_changed.connect(self._lanes_chosen)
        self.channels.chosen.connect(lambda key: self.channels.model.toggle(self.channels.model.row_of(key)))
        self.races.chosen.connect(self.desk.open_replay)
        self.races.current_changed.connect(self._offer)
        self.plot.hovered.connect(self.show_cursor)
        self.table.selectionModel().selectionChanged.connect(self._sources_chosen)
        self.bar = self._build_bar()
        column = page_column(self)
        column.addWidget(self._build_tools())
        column.addWidget(self.bar)
        column.addWidget(parts.split, 1)
        self._show_channels()
        self._offer()

    def _build_tools(self) -> FittingRow:
        slots: Mapping[str, Callable[[], object]] = {
            "listen": self.wishes.ask_listen,
            "race": self.wishes.ask_race,
            "join": lambda: self.wishes.ask_join(self.races.current),
            "end": self.desk.end_race,
            "mark": self._mark,
            "open": self.wishes.ask_open,
            "replay": lambda: self.desk.open_replay(self.races.current),
            "compare": self._compare,
            "export": lambda: self.wishes.ask_export(self.races.current),
            "alarms": self.wishes.ask_alarms,
            "delete": lambda: self.desk.delete(self.races.current),
            "freeze": self._toggle_frozen,
        }
        self.tools = Tools(self, slots, self.show_span)
        return self.tools.row

    def _build_bar(self) -> ModeBar:
        slots: dict[str, Callable[[], object]] = {
            "play": self.desk.play_or_hold,
            "back": partial(self.desk.step, -1),
            "step": partial(self.desk.step, 1),
            "slower": partial(self.desk.change_speed, 0.5),
            "faster": partial(self.desk.change_speed, 2.0),
            "loop": self.desk.loop,
            "live": self.go_live,
        }
        bar = ModeBar(self._look, {name: make_action(f"telemetry.{name}", self, slot) for name, slot in slots.items()})
        bar.sought.connect(self.desk.seek)
        return bar

    # --- page contract
    def connect_to(self, service: ServiceCalls) -> None:
        """Ask this service."""
        self.feed.connect_to(service)
        self.desk.connect_to(service)
        self.wishes.connect_to(service)
        self.comparison.connect_to(service)

    @property
    def first_focus(self) -> QWidget:
        """The channels."""
        return self.channels.view

    @property
    def is_refreshing(self) -> bool:
        """Whether the page fetches and draws."""
        return self.feed.is_running

    @property
    def is_frozen(self) -> bool:
        """Whether the picture stands still."""
        return self.canvas.is_held

    @property
    def frames_drawn(self) -> int:
        """How often the picture was drawn."""
        return self._frames

    def layout_widgets(self) -> dict[str, QWidget]:
        """The splitters."""
        return self._parts.splitters

    def on_shown(self) -> None:
        """Begin to work."""
        if not self._shown:
            self._shown = True
            self.desk.fetch_races()
            self.wishes.fetch_limits()
            self.feed.show_channels(self._lane_names())
            if self.bar.mode is not Mode.COMPARE:
                self.feed.start()

    def on_hidden(self) -> None:
        """Stop working."""
        self._shown = False
        self.feed.stop()

    # --- modes
    @Slot()
    def go_live(self) -> None:
        """Leave a replay or a comparison."""
        self.set_frozen(False)
        self.desk.close_replay()
        self.comparison.clear()
        self._show_feed(LIVE, None)
        self.bar.show_mode(Mode.LIVE, self._live_words())
        self._offer()
        if self._shown:
            self.feed.start()

    @Slot(object)
    def _replay_opened(self, replay: ReplayView) -> None:
        self.set_frozen(False)
        self.comparison.clear()
        self._show_feed(replay.replay_id, replay)
        self.bar.show_mode(Mode.REPLAY, replay.name)
        self.bar.show_replay(replay)
        self._offer()
        if self._shown:
            self.feed.start()

    def _show_feed(self, feed: str, replay: ReplayView | None) -> None:
        self.picture.forget()
        self.rows.show_rows((), (), 0)
        self.feed.show_feed(feed, replay)

    @Slot(object)
    def _steered(self, replay: ReplayView) -> None:
        self.feed.note_replay(replay)
        self.bar.show_replay(replay)

    def _live_words(self) -> str:
        picture, feed = self.picture, self.feed
        return live_words(
            feed.listeners, self.desk.running, picture.left_out, self.rows.rows, is_heard=self._state.is_heard
        )

    # --- the picture
    @Slot()
    def refresh(self) -> None:
        """Draw one frame, unless the picture is frozen."""
        if self.bar.mode is Mode.COMPARE:
            return
        self._frames += 1
        is_due = self._frames % TABLE_EVERY == 1 or self._table_is_due
        self._table_is_due = False
        if self.canvas.draw() and (is_due or self.picture.cursor_s is not None):
            self.canvas.fill_table(self._state.now_ns())
        if not is_due:
            return
        if self.feed.replay is None:
            self.bar.show_words(self._live_words())
        else:
            self.bar.show_replay(self.feed.replay)

    @Slot(bool)
    def _show_heard(self, is_heard: bool) -> None:
        """All is how it was while the engine is not heard of."""
        self.picture.is_heard = is_heard
        self.bar.show_heard(is_heard)
        self._show_races()
        self._fill_table_next()

    @Slot()
    def _fill_table_next(self) -> None:
        self._table_is_due = True

    def _lane_names(self) -> tuple[str, ...]:
        return self.channels.model.checked

    @Slot()
    def _show_channels(self) -> None:
        self.channels.show_names(channel_names(self.canvas.note_channels()), "Nothing has come yet.")

    @Slot()
    def _lanes_chosen(self) -> None:
        if self.bar.mode is Mode.COMPARE:
            self.comparison.show_channels(self._lane_names())
        else:
            self.feed.show_channels(self._lane_names())

    def show_span(self, span_s: float) -> None:
        """Show so many seconds."""
        self.tools.show_span(span_s)
        self.canvas.show_span(span_s)

    def _toggle_frozen(self) -> None:
        self.set_frozen(not self.is_frozen)

    def set_frozen(self, frozen: bool) -> None:
        """Hold the picture, or follow the data again."""
        if not frozen:
            self.canvas.release()
        elif not self.is_frozen:
            self.canvas.hold()
        self.tools.show_frozen(self.is_frozen)

    @Slot(object)
    def show_cursor(self, x_s: float | None) -> None:
        """Read everything at that many seconds before the newest moment; None ends it."""
        self.picture.show_cursor(x_s)
        if self.bar.mode is Mode.COMPARE:
            self.comparison.read(self.picture, self._lane_names())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space freezes; Left and Right move the reading line, Esc takes it away."""
        span_s = self.comparison.duration_s if self.bar.mode is Mode.COMPARE else self.canvas.span_s
        if event.key() == Qt.Key.Key_Space:
            self._toggle_frozen()
        elif event.key() in CURSOR_KEYS:
            self.show_cursor(self.picture.cursor_after(CURSOR_KEYS[Qt.Key(event.key())], span_s))
        elif event.key() == Qt.Key.Key_Escape and self.picture.cursor_s is not None:
            self.show_cursor(None)
        else:
            super().keyPressEvent(event)

    @Slot()
    def _sources_chosen(self) -> None:
        """Selected rows are plotted alone."""
        selected = self.table.selectionModel().selectedRows()
        self.picture.chosen = frozenset(self.rows.row(index.row()).source.source_id for index in selected)

    # --- races
    @Slot(object)
    def _others(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event, RacesChanged):
                self.desk.note_races(event.races)
            elif isinstance(event, RaceRemoved):
                self.desk.forget_race(event.race_id)
            elif isinstance(event, AlarmLimitsChanged):
                self.wishes.note_limits(event.limits)

    @Slot(object)
    def _watch_limits(self, limits: AlarmLimits) -> None:
        self.picture.limits = limits
        self.feed.watch_channels([rule.channel for rule in limits.rules])

    @Slot()
    def _show_races(self) -> None:
        self.races.show_names(
            race_names(self.desk.races, is_heard=self._state.is_heard), "No race yet. A race is what is recorded."
        )
        self._offer()

    @Slot()
    def _offer(self) -> None:
        has_selected = self.desk.race(self.races.current) is not None
        recording = bool(self.desk.running)
        self.tools.offer(
            refusals(has_selected=has_selected, is_recording=recording, is_replaying=self.desk.is_replaying)
        )

    def _mark(self) -> None:
        self.wishes.ask_mark(self.feed.end_ns() if self.bar.mode is Mode.REPLAY else None)

    def _compare(self) -> None:
        race = self.desk.race(self.races.current)
        if race is None:
            self.noted.emit(FIRST_SELECT)
        elif not self.comparison.choose(race):
            self.noted.emit(f"Now select another race and compare again, to lay it beside {race.name!r}.")

    @Slot()
    def _draw_comparison(self) -> None:
        self.set_frozen(False)
        self.desk.close_replay()
        self.feed.stop()
        self.picture.forget()
        self.rows.show_rows((), (), 0)
        self.bar.show_mode(Mode.COMPARE, self.comparison.words)
        self._offer()
        self.channels.show_names(channel_names(self.comparison.channels), "")
        self.comparison.draw(self.picture, self._lane_names())
        self.comparison.read(self.picture, self._lane_names())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Recordings may be dropped."""
        if dropped_recordings(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open them."""
        self.wishes.open_dropped(event.mimeData())
        event.acceptProposedAction()

    # --- looks
    @Slot()
    def _apply_look(self) -> None:
        self._look = look_of(self._theme)
        self.bar.apply_look(self._look)
        self.table.apply_look(self._look)
        self.picture.apply_look(self._look)
        self.canvas.redraw_held()
        if self.bar.mode is Mode.COMPARE:
            self.comparison.draw(self.picture, self._lane_names())
