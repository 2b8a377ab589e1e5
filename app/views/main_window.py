"""The shell: status bar on top, links on the left, pages in the middle, the last events at the bottom."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeySequence,
    QShowEvent,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMainWindow, QMenu, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from app.actions import COMMANDS, make_action
from app.figures import plain_tip
from app.models.announcer import LinkAnnouncer
from app.models.conditions import Condition, state_condition
from app.models.console_state import ConsoleState
from app.models.link_history import LinkHistory
from app.theme.theme import Theme
from app.views.alerts import Alerts
from app.views.command_menu import command_menu
from app.views.dialogs.about import AboutDialog
from app.views.dialogs.shortcuts import ShortcutsDialog
from app.views.link_strip import LinkStrip
from app.views.page import Page, Parts
from app.views.top_bar import TopBar
from app.widgets.banner import Banner
from app.widgets.event_ticker import EventTicker
from app.widgets.page_tabs import PageTabs
from app.widgets.toast import Toast
from transfer_core.events import Notice, Severity

CLOCK_MS = 500
NOTE_MS = 20_000  # long enough for the longest
NOTE = "note"
PAGE_LEAST = (400, 240)  # px: of what a smaller page shows, too little can be read


class MainWindow(QMainWindow):
    """Pages and bars around one state. Talks up by signals, those of its pages included."""

    pause_all_wanted = Signal(bool)
    closing = Signal()
    files_dropped = Signal(list)  # paths, dropped where no page takes them itself

    def __init__(self, state: ConsoleState, theme: Theme, make_pages: Callable[[Parts], Sequence[Page]]) -> None:
        super().__init__()
        self.setWindowTitle("DRS-SYNC")
        self.setAcceptDrops(True)
        self.resize(1366, 768)
        self._state, self._theme = state, theme
        self._announcer = LinkAnnouncer()
        self.state_place = ""  # where the state is kept, for people
        self.seen: set[str] = set()  # names of the pages that have been laid out
        self.link_history = LinkHistory(state, self)
        self.banner = Banner(theme)
        self._alerts = Alerts(state, self.banner, self)
        self._alerts.place_wanted.connect(self.go_to)
        self.window_actions = self._make_actions() | self._alerts.actions
        self.pages = tuple(make_pages(Parts(state, theme, self.link_history, self.window_actions)))
        self.strip = LinkStrip(state, theme, self.link_history)
        self.ticker = EventTicker(theme)
        self._build()
        state.noticed.connect(self._notice)
        self.ticker.log_wanted.connect(lambda: self.go_to("log"))
        theme.changed.connect(self._dress)
        self._note_ends = QTimer(self, interval=NOTE_MS, singleShot=True)
        self._note_ends.setObjectName("note ends")
        self._note_ends.timeout.connect(self._end_note)
        self._clock = QTimer(self, interval=CLOCK_MS)
        self._clock.timeout.connect(self._tick)
        self._clock.start()
        self._dress()

    # --- building

    def _make_actions(self) -> dict[str, QAction]:
        slots: dict[str, Callable[[], object]] = {
            "pause_all": self._pause_clicked,
            "worst": self.go_to_worst,
            "strip": lambda: self.strip.focus_tile(0),
            "theme": self._theme.cycle,
            "zoom_in": lambda: self._theme.zoom_by(1),
            "zoom_out": lambda: self._theme.zoom_by(-1),
            "zoom_reset": lambda: self._theme.set_zoom(1.0),
            "menu": self.open_menu,
            "shortcuts": self.show_shortcuts,
            "about": lambda: AboutDialog(self.state_place, self).open_beside(),
            "quit": self.close,
        }
        left_to_others = ("add_files", "add_folder", "pair", "undo", "restart_engine")
        slots |= dict.fromkeys(left_to_others, _left_to_others)
        return {f"window.{name}": make_action(f"window.{name}", self, slot) for name, slot in slots.items()}

    def _build(self) -> None:
        actions = self.window_actions
        self._theme_action = actions["window.theme"]
        self.top = TopBar(
            self._state, self._theme, *(actions[f"window.{name}"] for name in ("pause_all", "theme", "menu"))
        )
        self.top.state_clicked.connect(self.go_to_worst)
        self._alerts.worst_told.connect(self.top.show_worst)
        self._build_tabs()
        self.toast = Toast(actions["window.undo"], self.tabs)
        self.strip.done.connect(self.toast.tell)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.strip)
        row.addWidget(self.tabs, 1)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.top)
        column.addWidget(self.banner)
        column.addLayout(row, 1)
        column.addWidget(self.ticker)
        self.setCentralWidget(centre)
        self.pages[0].on_shown()
        self.pages[0].first_focus.setFocus()

    def _build_tabs(self) -> None:
        self.tabs = QTabWidget()
        self.tabs.setTabBar(PageTabs(self._theme))
        self.tabs.setDocumentMode(True)
        self.tabs.setMinimumSize(*PAGE_LEAST)
        self.tabs.tabBar().setExpanding(False)
        for number, page in enumerate(self.pages):
            key = f"Ctrl+{number + 1}"
            self.tabs.addTab(_frame(page), page.title)
            self.tabs.setTabToolTip(number, f"{page.title}  ({key})")
            action = QAction(page.title, self)
            action.setObjectName(f"page.{page.name}")
            action.setShortcut(QKeySequence(key))
            action.setToolTip(plain_tip(f"Show {page.title}  ({key})"))
            action.triggered.connect(lambda _checked=False, name=page.name: self.go_to(name))
            self.addAction(action)
            page.place_wanted.connect(self.go_to)
            page.done.connect(self.tell_done)
        self.tabs.currentChanged.connect(self._page_changed)

    # --- going to places

    def page(self, name: str) -> Page:
        """The page of that name. KeyError if there is none."""
        try:
            return next(page for page in self.pages if page.name == name)
        except StopIteration:
            raise KeyError(name) from None

    @property
    def current_page(self) -> Page:
        """The page in front."""
        return self.pages[self.tabs.currentIndex()]

    @Slot(str, str)
    def go_to(self, page: str, subject: str = "") -> None:
        """Open a page, and show one thing on it: a job by its file id, a link by its name."""
        shown = self.page(page)
        if shown is not self.current_page:
            self.tabs.setCurrentIndex(self.pages.index(shown))
            shown.first_focus.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            shown.take_focus()
        if subject:
            shown.show_subject(subject)

    @Slot()
    def go_to_worst(self) -> None:
        """Open the place of the worst state; the log where nothing is wrong."""
        worst = self._alerts.worst
        if worst is None or not worst.page:
            self.go_to("log")
        else:
            self.go_to(worst.page, worst.subject)

    @Slot(int)
    def _page_changed(self, index: int) -> None:
        for number, page in enumerate(self.pages):
            (page.on_shown if number == index else page.on_hidden)()
        if self.isVisible():
            self.seen.add(self.current_page.name)

    # --- the menu of all commands

    @Slot()
    def open_menu(self) -> None:
        """Open the menu of all commands below its button."""
        menu = self.make_menu()
        menu.aboutToHide.connect(menu.deleteLater)
        button = self.top.menu
        menu.popup(button.mapToGlobal(button.rect().bottomLeft()))

    def make_menu(self) -> QMenu:
        """All commands that can be given on the page shown."""
        return command_menu(self, self.current_page)

    @Slot()
    def show_shortcuts(self) -> None:
        """The sheet of all keys, those of the page in front first."""
        here = self.current_page.name
        titles = {page.name: page.title for page in self.pages}
        ShortcutsDialog(titles, here, self._theme, self).open_beside()

    # --- what was just done

    @Slot(str, object)
    def tell_done(self, text: str, undo: Callable[[], object] | None = None) -> None:
        """Say in passing what was done, with the one click that takes it back."""
        self.toast.tell(text, undo)

    # --- what lasts

    def tell(self, condition: Condition) -> None:
        """Something that lasts; it stays until it is put away."""
        self._alerts.tell(condition)

    def take_back(self, key: str) -> None:
        """What was told under that key does not hold any more."""
        self._alerts.take_back(key)

    @Slot(str)
    def note(self, text: str) -> None:
        """Something to know that does not last: in passing, so that nothing moves under the pointer.

        What is too long for that stands in the banner, and so does what may not push away something to take back.
        """
        is_brief = self._alerts.is_telling_worse or self.toast.has_room_for(text)
        if is_brief and not self.toast.can_undo:
            self.toast.tell(text)
        else:
            self.tell(Condition(NOTE, Severity.INFO, text, detail=text))
            self._note_ends.start()

    @Slot()
    def _end_note(self) -> None:
        if self.banner.underMouse() or self.banner.isAncestorOf(self.focusWidget()):
            self._note_ends.start()
        else:
            self.take_back(NOTE)

    @Slot(object)
    def _notice(self, notice: Notice) -> None:
        self.ticker.show_notice(notice)
        condition = state_condition(notice)
        if condition is not None:
            self.tell(condition)

    # --- following

    @Slot()
    def _tick(self) -> None:
        self.top.tick()
        for words in self._announcer.follow(self._state.links, self._state.now_ns()):
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))
        self._alerts.tick()

    @Slot()
    def _pause_clicked(self) -> None:
        self.pause_all_wanted.emit(not self._state.engine.paused)

    @Slot()
    def _dress(self) -> None:
        following = self._theme.next_name.capitalize()
        self._theme_action.setText(f"{following} theme")
        self._theme_action.setToolTip(
            plain_tip(COMMANDS["window.theme"].tool_tip(f"Change to the {following.lower()} theme"))
        )

    # --- files dropped anywhere

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files may be dropped on every page; one that does something else with them comes first."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Tell which."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.files_dropped.emit(paths)

    def showEvent(self, event: QShowEvent) -> None:
        """The page in front is laid out with the window."""
        super().showEvent(event)
        self.seen.add(self.current_page.name)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Say goodbye first."""
        self.closing.emit()
        event.accept()


def _frame(page: Page) -> QScrollArea:
    """What a page lies in, so that a small window scrolls a page that needs more room, and is not held open by it."""
    frame = QScrollArea(widgetResizable=True)
    frame.setFrameShape(QFrame.Shape.NoFrame)
    frame.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    frame.viewport().setAutoFillBackground(False)
    frame.setWidget(page)
    page.setAutoFillBackground(False)
    return frame


def _left_to_others() -> None:
    """The page or dialog that does it listens to the action itself."""
