"""The shell: status bar on top, links on the left, pages in the middle, the last events at the bottom."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMainWindow, QPushButton, QTabWidget, QVBoxLayout, QWidget

from app.models.console_state import ConsoleState
from app.models.link_history import LinkHistory
from app.theme.theme import Theme
from app.views.history.page import HistoryPage
from app.views.link_strip import LinkStrip
from app.views.links.page import LinksPage
from app.views.log.page import LogPage
from app.views.queue.page import QueuePage
from app.views.settings.page import SettingsPage
from app.widgets.event_ticker import EventTicker
from app.widgets.look import look_of
from app.widgets.status_shape import SEVERITY_SHAPES, StatusShape, severity_colour
from transfer_core.events import EngineView, Severity
from transfer_core.units import format_bytes, format_duration, format_rate, utc_iso

CLOCK_MS = 500
_WORDS = {
    Severity.INFO: "All well",
    Severity.CAUTION: "Degraded",
    Severity.SERIOUS: "Needs a hand",
    Severity.CRITICAL: "Stopped",
}


class _Figure(QWidget):
    """A label above a value."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = QLabel(label)
        self.value = QLabel("")
        self.value.setAccessibleName(label)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._label)
        layout.addWidget(self.value)

    def dress(self, theme: Theme) -> None:
        look = look_of(theme)
        self._label.setFont(look.small)
        self._label.setStyleSheet(f"color: {theme.tokens.muted}")
        self.value.setFont(look.strong)


class MainWindow(QMainWindow):
    """Pages and bars around one state. Talks up by signals, those of its pages included."""

    pause_all_wanted = Signal(bool)
    closing = Signal()

    def __init__(self, state: ConsoleState, theme: Theme) -> None:
        super().__init__()
        self.setWindowTitle("DRS-SYNC")
        self.resize(1366, 768)
        self._state, self._theme = state, theme
        history = LinkHistory(state, self)
        self.link_history = history
        self.queue = QueuePage(state, theme)
        self.links = LinksPage(state, theme, history)
        self.history = HistoryPage(state, theme)
        self.log = LogPage(state, theme)
        self.settings = SettingsPage(state, theme)
        self.strip = LinkStrip(state, theme, history)
        self.ticker = EventTicker(theme)
        self.banner = QLabel()
        self.banner.setWordWrap(True)
        self.banner.hide()
        self._build()
        state.engine_changed.connect(self.show_engine)
        state.noticed.connect(self.ticker.show_notice)
        self.ticker.log_wanted.connect(self._show_log)
        theme.changed.connect(self._dress)
        self._clock = QTimer(self, interval=CLOCK_MS)
        self._clock.timeout.connect(self._tick)
        self._clock.start()
        self.show_engine(state.engine)
        self._dress()
        self._tick()

    @property
    def pages(self) -> tuple[QueuePage, LinksPage, HistoryPage, LogPage, SettingsPage]:
        """In the order of their tabs."""
        return self.queue, self.links, self.history, self.log, self.settings

    # --- building

    def _build(self) -> None:
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for number, page in enumerate(self.pages, start=1):
            self.tabs.addTab(page, f"{page.title}  {number}")
            self._key(f"Show {page.title}", f"Ctrl+{number}", number - 1)
        self.tabs.currentChanged.connect(self._page_changed)
        centre = QWidget()
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.strip.setFixedWidth(212)
        row.addWidget(self.strip)
        row.addWidget(self.tabs, 1)
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._build_top())
        column.addWidget(self.banner)
        column.addLayout(row, 1)
        column.addWidget(self.ticker)
        self.setCentralWidget(centre)
        self.queue.on_shown()

    def _build_top(self) -> QWidget:
        self._top = QFrame()
        self._shape = StatusShape()
        self._word = QLabel()
        self._why = QLabel()
        self._total, self._left, self._done, self._to = (
            _Figure("total"),
            _Figure("left"),
            _Figure("done in"),
            _Figure("to"),
        )
        self._utc = _Figure("UTC")
        self._pause = QPushButton("Pause all")
        self._pause.setToolTip("Send nothing until you resume (Ctrl+Shift+P)")
        self._pause.setShortcut(QKeySequence("Ctrl+Shift+P"))
        self._pause.clicked.connect(self._pause_clicked)
        self._theme_button = QPushButton()
        self._theme_button.setShortcut(QKeySequence("Ctrl+Shift+L"))
        self._theme_button.clicked.connect(self._theme.cycle)
        layout = QHBoxLayout(self._top)
        layout.setContentsMargins(16, 6, 16, 6)
        layout.setSpacing(20)
        self._name = QLabel("DRS-SYNC")
        layout.addWidget(self._name)
        state = QHBoxLayout()
        state.setSpacing(8)
        for widget in (self._shape, self._word, self._why):
            state.addWidget(widget)
        layout.addLayout(state)
        for figure in (self._total, self._left, self._done, self._to):
            layout.addWidget(figure)
        layout.addStretch(1)
        for widget in (self._pause, self._theme_button, self._utc):
            layout.addWidget(widget)
        return self._top

    def _key(self, text: str, key: str, page: int) -> None:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(key))
        action.setData(page)
        action.triggered.connect(self._go)
        self.addAction(action)

    @Slot()
    def _go(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.tabs.setCurrentIndex(int(action.data()))

    @Slot()
    def _show_log(self) -> None:
        self.tabs.setCurrentWidget(self.log)

    @Slot(int)
    def _page_changed(self, index: int) -> None:
        for number in range(self.tabs.count()):
            page = self.tabs.widget(number)
            (page.on_shown if number == index else page.on_hidden)()

    # --- showing

    @Slot(object)
    def show_engine(self, engine: EngineView) -> None:
        """The bar on top."""
        look = look_of(self._theme)
        severity = engine.severity
        words = "Paused" if engine.paused else _WORDS[severity]
        self._shape.show_shape(SEVERITY_SHAPES[severity], severity_colour(severity, look), words)
        self._word.setText(words)
        links = f"{engine.links_up} of {engine.links_total} links"
        self._why.setText(f"{engine.why} · {links}" if engine.why else links)
        self._why.setToolTip(engine.why)
        self._total.value.setText(format_rate(engine.rate_bps))
        left = f"{engine.files_left} files · {format_bytes(engine.bytes_left)}" if engine.files_left else "nothing"
        self._left.value.setText(left)
        self._done.value.setText(format_duration(engine.eta_s) if engine.files_left else "")
        online = [each.name for each in self._state.destinations if each.online]
        self._to.value.setText(", ".join(online) if online else "no relay")
        self._pause.setText("Resume all" if engine.paused else "Pause all")

    @Slot()
    def _tick(self) -> None:
        self._utc.value.setText(utc_iso(self._state.wall_ns())[11:19])

    @Slot()
    def _pause_clicked(self) -> None:
        self.pause_all_wanted.emit(not self._state.engine.paused)

    def show_banner(self, text: str) -> None:
        """Something that a person has to know; it stays until it is clicked away by a newer one."""
        self.banner.setText(text)
        self.banner.setVisible(bool(text))

    @Slot()
    def _dress(self) -> None:
        tokens, look = self._theme.tokens, look_of(self._theme)
        for figure in (self._total, self._left, self._done, self._to, self._utc):
            figure.dress(self._theme)
        self._name.setFont(look.strong)
        self._word.setFont(look.strong)
        self._theme_button.setText(self._theme.next_name.capitalize())
        self._theme_button.setToolTip(f"Change to the {self._theme.next_name} theme (Ctrl+Shift+L)")
        self._top.setStyleSheet(f"QFrame {{ background: {tokens.chrome}; border: none }}")
        self.banner.setStyleSheet(f"background: {tokens.caution_surface}; color: {tokens.text}; padding: 8px 16px")

    def closeEvent(self, event: QCloseEvent) -> None:
        """Say goodbye first."""
        self.closing.emit()
        event.accept()
