"""The Cameras page: a card for each watched folder. The buttons mean the chosen card.

Views arrive with the events four times a second at most; ages go on by a timer. Pictures are decoded in a thread of
their own, of each camera one at a time. Hidden, the page keeps the newest views and does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.actions import make_action, offer
from app.models.watch_words import card_text, fps_text
from app.views.cameras.camera_card import PICTURE, CameraCard
from app.views.cameras.card_grid import CardGrid
from app.views.cameras.trigger_dialog import TriggerDialog
from app.views.cameras.watch_dialog import WatchDialog
from app.views.page import Page, ServiceCalls, page_column
from app.widgets.action_button import ActionButton
from app.widgets.fitting_row import FittingRow
from app.widgets.look import look_of
from app.widgets.plain_label import PlainLabel
from app.workers.thumbnails import Thumbnails
from transfer_core.events import Event
from transfer_core.events.watches import WatchesChanged, WatchState, WatchView
from transfer_core.units import format_bytes

if TYPE_CHECKING:
    from app.models.console_state import ConsoleState
    from app.theme.theme import Theme

TICK_MS = 250
_RANKS = {"add": 0, "import": 6, "trigger": 2, "pause": 1, "rescan": 4, "remove": 5}  # what goes first without room
_STILL = (WatchState.PAUSED, WatchState.ENDED, WatchState.IDLE)


class CamerasPage(Page):
    """See the module."""

    name = "cameras"
    title = "Cameras"

    def __init__(self, state: ConsoleState, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._theme = state, theme
        self._look = look_of(theme)
        self._service: ServiceCalls | None = None
        self._views: tuple[WatchView, ...] = ()
        self._cards: dict[str, CameraCard] = {}
        self._chosen = ""
        self._asked: dict[str, str] = {}  # the picture that each camera waits for
        self._shown = False
        self._thumbnails = Thumbnails(self)
        self._thumbnails.arrived.connect(self._take_picture)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._build()
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self.refresh)
        state.others_arrived.connect(self._take_events)
        theme.changed.connect(self._apply_look)

    # --- building
    def _build(self) -> None:
        slots: dict[str, Callable[[], object]] = {
            "add": partial(self._open_dialog, imports=False),
            "import": partial(self._open_dialog, imports=True),
            "trigger": self.open_trigger,
            "pause": self._pause_or_resume,
            "rescan": self._rescan,
            "remove": self._remove,
        }
        self.page_actions = {name: make_action(f"cameras.{name}", self, slot) for name, slot in slots.items()}
        bar = FittingRow()
        for name, action in self.page_actions.items():
            button = ActionButton(action, self)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            bar.add(button, rank=_RANKS[name])
            if name == "import":
                bar.row.addSpacing(12)
        bar.row.addStretch(1)
        self.totals = PlainLabel()
        self.totals.setProperty("kind", "muted")
        bar.add(self.totals, rank=3)
        make_action("cameras.copy", self, self._copy)
        self._grid = CardGrid()
        self._grid.moved_to.connect(self._move_to)
        self._scroll = QScrollArea()
        self._scroll.setWidget(self._grid)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.empty = self._empty_room()
        layout = page_column(self)
        layout.addWidget(bar)
        layout.addWidget(self._scroll, 1)
        layout.addWidget(self.empty, 1)
        self._show_views()

    def _empty_room(self) -> QFrame:
        """What stands in the place of the cards while there are none: what to do next."""
        room = QFrame()
        room.setProperty("kind", "card")
        words = PlainLabel("No folder is watched yet. Add one, or import a camera_config.json.", wordWrap=True)
        words.setProperty("kind", "muted")
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for name in ("add", "import"):
            buttons.addWidget(ActionButton(self.page_actions[name]))
        buttons.addStretch(1)
        column = QVBoxLayout(room)
        column.setSpacing(12)
        column.addStretch(1)
        column.addWidget(words)
        column.addLayout(buttons)
        column.addStretch(1)
        return room

    # --- what others may read
    def card(self, name: str) -> CameraCard:
        """The card of a camera. KeyError if it has none."""
        return self._cards[name]

    @property
    def chosen(self) -> str:
        """The camera that the buttons mean; empty if there is none."""
        return self._chosen

    # --- page contract
    def connect_to(self, service: ServiceCalls) -> None:
        """Keep the way to the verbs."""
        self._service = service

    @property
    def first_focus(self) -> QWidget:
        """The chosen card."""
        return self._cards.get(self._chosen, self)

    def show_subject(self, subject: str) -> None:
        """Choose that camera."""
        if subject in self._cards:
            self._choose(subject)
            self._scroll.ensureWidgetVisible(self._cards[subject])

    def on_shown(self) -> None:
        """Begin to work."""
        if self._shown:
            return
        self._shown = True
        self._thumbnails.start()
        self._show_views()
        self._timer.start()

    def on_hidden(self) -> None:
        """Stop working."""
        if not self._shown:
            return
        self._shown = False
        self._timer.stop()
        self._thumbnails.stop()
        self._asked.clear()

    # --- what comes
    @Slot(object)
    def _take_events(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event, WatchesChanged):
                self._views = event.watches
                if self._shown:
                    self._show_views()

    def _show_views(self) -> None:
        names = [view.spec.name for view in self._views]
        if names != list(self._cards):
            self._make_cards(names)
        self.empty.setVisible(not names)
        self._scroll.setVisible(bool(names))
        self._update_actions()
        self.refresh()

    def _make_cards(self, names: list[str]) -> None:
        kept, self._cards = self._cards, {}
        had_focus = any(card.hasFocus() for card in kept.values())
        for name in names:
            card = kept.pop(name, None)
            if card is None:
                card = CameraCard(self._look)
                card.chosen.connect(self._choose)
                card.opened.connect(self.open_trigger)
            self._cards[name] = card
        for card in kept.values():
            card.hide()
            card.deleteLater()
        self._grid.set_cards(list(self._cards.values()))
        before: QWidget | None = None
        for card in self._cards.values():  # Tab goes along as the eye does
            if before is not None:
                QWidget.setTabOrder(before, card)
            before = card
        if self._chosen not in self._cards:
            self._choose(names[0] if names else "")
            if had_focus:
                self.first_focus.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def refresh(self) -> None:
        """Take over the views and their ages; ask for pictures that are newer."""
        if not self._shown:
            return
        now_ns, is_heard = self._state.now_ns(), self._state.is_heard
        for view in self._views:
            card = self._cards[view.spec.name]
            card.show_view(view if is_heard else _unheard(view), now_ns, is_heard=is_heard)
            self._ask_for_picture(view, card)
        backlog = sum(view.backlog for view in self._views)
        size = format_bytes(sum(view.backlog_bytes for view in self._views))
        waiting = f"{backlog:,} {'frame' if backlog == 1 else 'frames'}, {size} to go" if backlog else "nothing to go"
        fps = fps_text(sum(view.fps_in or 0.0 for view in self._views) if is_heard else None)
        self.totals.setText(f"{fps} fps in · {waiting}" if self._views else "")

    def _ask_for_picture(self, view: WatchView, card: CameraCard) -> None:
        name, path = view.spec.name, view.newest_frame
        if path and path != card.picture_path and name not in self._asked and not card.visibleRegion().isEmpty():
            self._asked[name] = path
            self._thumbnails.wish(name, path, PICTURE * self.devicePixelRatioF())

    @Slot(str, str, QImage)
    def _take_picture(self, name: str, path: str, picture: QImage) -> None:
        path = self._asked.pop(name, path)  # as it was asked for: Qt changes a name that is no Unicode
        card = self._cards.get(name)
        if card is not None:
            picture.setDevicePixelRatio(self.devicePixelRatioF())
            card.show_picture(path, picture)

    # --- what a person does
    @Slot(str)
    def _choose(self, name: str) -> None:
        for each, card in self._cards.items():
            card.set_chosen(each == name)
        self._chosen = name
        self._update_actions()

    @Slot(int)
    def _move_to(self, place: int) -> None:
        card = list(self._cards.values())[place]
        card.setFocus(Qt.FocusReason.TabFocusReason)
        self._scroll.ensureWidgetVisible(card)

    def _chosen_view(self) -> WatchView | None:
        return next((view for view in self._views if view.spec.name == self._chosen), None)

    def _update_actions(self) -> None:
        view = self._chosen_view()
        is_still = view is not None and view.state in _STILL
        pause = self.page_actions["pause"]
        pause.setText("Resume" if is_still else "Pause")
        first_choose = "Choose a camera first" if view is None else ""
        for name in ("pause", "trigger"):
            offer(self.page_actions[name], first_choose)
        offer(self.page_actions["rescan"], first_choose or ("Resume it first" if is_still else ""))
        offer(self.page_actions["remove"], first_choose or ("" if is_still else "Pause it first"))

    def _call(self, verb: str, *arguments: object) -> None:
        if self._service is not None:
            self._service.call(verb, *arguments, on_error=self.failed.emit)

    def _pause_or_resume(self) -> None:
        view = self._chosen_view()
        if view is not None:
            self._call("watches.resume" if view.state in _STILL else "watches.pause", view.spec.name)

    def _rescan(self) -> None:
        name, service = self._chosen, self._service
        if name and service is not None:
            told = partial(self.noted.emit, f"{name} is looked at again")
            service.call("watches.rescan", name, on_result=lambda _: told(), on_error=self.failed.emit)

    def _remove(self) -> None:
        name, service = self._chosen, self._service
        if name and service is not None:
            text, again = f"{name} is forgotten; its files stay", partial(self._call, "watches.restore", name)
            told = partial(self.done.emit, text, again)
            service.call("watches.remove", name, on_result=lambda _: told(), on_error=self.failed.emit)

    def _copy(self) -> None:
        view = self._chosen_view()
        if view is not None:
            QGuiApplication.clipboard().setText(card_text(view, self._state.now_ns()))

    def _open_dialog(self, *, imports: bool) -> None:
        if self._service is None:
            return
        answering_first = sorted(self._state.destinations, key=lambda each: not each.online)
        destinations = [each.name for each in answering_first]
        taken = [view.spec.name for view in self._views]
        dialog = WatchDialog(self._service, destinations, taken, self, imports=imports)
        dialog.added.connect(self.noted)
        dialog.open_beside()

    @Slot()
    def open_trigger(self, _name: str = "") -> None:
        """Ask which frame of the chosen camera to begin with."""
        view = self._chosen_view()
        if view is None or self._service is None:
            return
        dialog = TriggerDialog(self._service, view.newest_frame.rpartition("/")[2], self)
        dialog.triggered.connect(self.noted)
        dialog.open_beside()

    # --- looks
    @Slot()
    def _apply_look(self) -> None:
        self._look = look_of(self._theme)
        for card in self._cards.values():
            card.apply_look(self._look)
        self._grid.lay_out()


def _unheard(view: WatchView) -> WatchView:
    """What is still true of it while the engine is not heard of: the counts, no rates, and not who answers."""
    return replace(view, fps_in=None, fps_out=None, online=None)
