"""The bar on top: how the whole does, and where; total rate, what is left, until when, and the clock."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QVBoxLayout, QWidget

from app.figures import DASH, files_text, plain_tip
from app.models.conditions import Condition
from app.models.console_state import ENGINE_UNKNOWN, ConsoleState
from app.theme.theme import Theme
from app.theme.tokens import THEMES
from app.widgets.action_button import ActionButton, SteadyButton
from app.widgets.fitting_row import FittingRow
from app.widgets.look import look_of
from app.widgets.plain_label import PlainLabel
from app.widgets.status_shape import SEVERITY_SHAPES, paint_shape, severity_colour
from transfer_core.events import EngineView, Severity
from transfer_core.units import format_bytes, format_duration, format_rate, utc_iso

_WORDS = {
    Severity.INFO: "All well",
    Severity.CAUTION: "Degraded",
    Severity.SERIOUS: "Needs a hand",
    Severity.CRITICAL: "Stopped",
}
_OTHER_WORDS = ("Not answering", "Not paired", "Starting", "Paused", "Offline")
PAUSE_WORDS = ("Pause all", "Resume all")
THEME_WORDS = tuple(f"{name.capitalize()} theme" for name in THEMES)
PAD = 8
WHY_WIDE = 16  # times the type size
CUT_LEAST = 6  # times the type size; less of a reason says nothing
NAME_WIDE = 12  # times the size of its type
_WIDEST = {"total": "888.8 Mbit/s", "left": "88 files · 88.8 GB", "done in": "88 min 88 s"}  # what is usual has room


def _whys(engine: EngineView) -> tuple[str, ...]:
    """The reason and the links; where that has no room, the half that matters more, and then the count alone."""
    count, short = f"{engine.links_up} of {engine.links_total} links", f"{engine.links_up} of {engine.links_total}"
    if not engine.links_total:
        count, short = "no links", ""
    return (f"{engine.why} · {count}", engine.why, short) if engine.why else (count, short)


def _worse(one: Severity, other: Severity) -> Severity:
    return max(one, other, key=list(Severity).index)


class StateButton(QAbstractButton):
    """The worst state as shape, word and reason; a click goes to its place. The reason is cut off first.

    It is as wide whatever it says, so that the figures beside it keep their places.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._look = theme, look_of(theme)
        self._severity = Severity.INFO
        self._whys: tuple[str, ...] = ("",)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def show_state(self, severity: Severity, word: str, whys: tuple[str, ...], tip: str) -> None:
        """Take over what is said: `whys` is the reason, and then shorter ones for where it has no room."""
        why = whys[0]
        self._severity, self._whys = severity, whys
        self.setText(word)
        self.setAccessibleName(f"State: {word}. {why}")
        self.setToolTip(plain_tip(f"{word}: {why}\n{tip}" if why else tip))
        self.updateGeometry()
        self.update()

    def apply_look(self) -> None:
        """Take over another theme."""
        self._look = look_of(self._theme)
        self.updateGeometry()
        self.update()

    def _word_end(self) -> int:
        strong = QFontMetrics(self._look.strong)
        return PAD + strong.ascent() + self._look.gap + strong.horizontalAdvance(self.text())

    def sizeHint(self) -> QSize:
        """Room for any word and the beginning of a reason; the tool tip has it whole."""
        why = WHY_WIDE * self._look.font.pixelSize()
        least = self.minimumSizeHint()
        return QSize(least.width() + self._look.gap + why, least.height())

    def minimumSizeHint(self) -> QSize:
        """Shape and word."""
        strong = QFontMetrics(self._look.strong)
        widest = max(strong.horizontalAdvance(word) for word in (*_WORDS.values(), *_OTHER_WORDS))
        return QSize(PAD + strong.ascent() + self._look.gap + widest + PAD, strong.height() + 12)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        look = self._look
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.hasFocus() or self.underMouse():
            painter.setPen(QPen(look.focus if self.hasFocus() else look.border, 2 if self.hasFocus() else 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 5, 5)
        strong = QFontMetrics(look.strong)
        side = strong.ascent()
        box = QRectF(PAD, (self.height() - side) / 2, side, side)
        paint_shape(painter, SEVERITY_SHAPES[self._severity], box, severity_colour(self._severity, look))
        x = PAD + side + look.gap
        middle = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.setFont(look.strong)
        painter.setPen(look.text)
        painter.drawText(QRectF(x, 0, self.width() - x, self.height()), middle, self.text())
        x = self._word_end() + look.gap
        room = self.width() - x - PAD
        painter.setFont(look.font)
        painter.drawText(QRectF(x, 0, max(0, room), self.height()), middle, self.reason_in(room))
        painter.end()

    def reason_in(self, room: int) -> str:
        """As much of the reason as says something in so many px: whole, else cut off, else the shortest; or nothing."""
        metrics = QFontMetrics(self._look.font)
        *longer, shortest = self._whys
        fitting = next((why for why in longer if metrics.horizontalAdvance(why) < room), None)
        if fitting is None and longer and room >= CUT_LEAST * self._look.font.pixelSize():
            fitting = metrics.elidedText(longer[-1], Qt.TextElideMode.ElideRight, room)
        if fitting is None and metrics.horizontalAdvance(shortest) < room:
            fitting = shortest
        return fitting or ""


class Figure(QWidget):
    """A label above a value; the value is never cut, and what is usual has room."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._room = 0  # px
        self.label, self._head = label, PlainLabel(label)
        self._head.setProperty("kind", "caption")
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Preferred)
        self.value = PlainLabel("")
        self.value.setProperty("kind", "total")
        self.value.setAccessibleName(label)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PAD, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._head)
        layout.addWidget(self.value)

    def keep_room(self, width: int) -> None:
        """Be no narrower than a value of that width, so that what stands beside it keeps its place."""
        self._room = width + PAD
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """As wide as the value, or as the room that is kept."""
        return super().sizeHint().expandedTo(QSize(self._room, 0))

    def show_value(self, text: str) -> None:
        """A label without a value would promise one."""
        self.value.setText(text)
        self._head.setText(self.label if text else "")


class TopBar(FittingRow):
    """Follows the state; the buttons are actions of the window."""

    state_clicked = Signal()

    def __init__(self, state: ConsoleState, theme: Theme, pause: QAction, look: QAction, menu: QAction) -> None:
        super().__init__()
        self.setProperty("kind", "topbar")
        self._state, self._theme, self._pause = state, theme, pause
        self.state_button = StateButton(theme)
        self.state_button.clicked.connect(self.state_clicked)
        self.total, self.left, self.done, self.to = (Figure(name) for name in ("total", "left", "done in", "to"))
        self.utc = Figure("UTC")
        self.pause, self.look = SteadyButton(pause, PAUSE_WORDS), SteadyButton(look, THEME_WORDS)
        self.menu = ActionButton(menu)
        name = PlainLabel("DRS-SYNC")
        name.setProperty("kind", "total")
        self.row.setContentsMargins(14, 4, 16, 5)
        self.add(name, rank=7)
        self.add(self.state_button, shrinks_at=5)
        for figure, rank in ((self.total, 1), (self.left, 2), (self.done, 3), (self.to, 6)):
            self.add(figure, rank=rank)
        self.row.addStretch(1)
        for button, rank in ((self.pause, 4), (self.look, 8), (self.menu, 0)):
            self.add(button, rank=rank)
        self.add(self.utc, rank=5)
        self._is_silent = False
        self._worst: Condition | None = None
        state.engine_changed.connect(self.show_engine)
        state.engine_silent.connect(self._show_silence)
        state.destinations_changed.connect(self._show_destinations)
        theme.changed.connect(self._dress)
        self._dress()
        self.show_engine(state.engine)
        self.tick()

    @Slot(object)
    def show_engine(self, engine: EngineView) -> None:
        """Take over the engine's newest view."""
        word = self._word(engine)
        whys = ("",) if engine is ENGINE_UNKNOWN else _whys(engine)
        severity = _worse(engine.severity, Severity.CAUTION) if engine.paused else engine.severity
        if self._is_silent:
            severity = _worse(severity, Severity.SERIOUS)
            whys = ("what you see may be old", "")
        tip = "Go to its place  (F8)"
        worst = self._worst
        if worst is not None and _worse(severity, worst.severity) is not severity:
            severity = worst.severity
            whys = (worst.text, f"see {worst.page.capitalize()}", "") if worst.page else (worst.text, "")
            if word in _WORDS.values() or severity is Severity.CRITICAL:
                word = _WORDS[severity]
        self.state_button.show_state(severity, word, whys, tip)
        is_unknown = engine is ENGINE_UNKNOWN
        self.total.value.setText(DASH if self._is_silent or is_unknown else format_rate(engine.rate_bps))
        left = f"{files_text(engine.files_left)} · {format_bytes(engine.bytes_left)}"
        self.left.value.setText(left if engine.files_left else DASH if is_unknown else "nothing")
        eta = format_duration(engine.eta_s) if engine.files_left and not self._is_silent else ""
        self.done.show_value(eta)
        self._pause.setText(PAUSE_WORDS[engine.paused])
        self._show_destinations()

    @Slot(object)
    def show_worst(self, worst: Condition | None) -> None:
        """What the banner tells of; the state above it is never calmer."""
        if worst != self._worst:
            self._worst = worst
            self.show_engine(self._state.engine)

    @Slot(bool)
    def _show_silence(self, is_silent: bool) -> None:
        """What an engine said that does not answer is how it was; its rate and its end are no longer known."""
        self._is_silent = is_silent
        self.show_engine(self._state.engine)

    def _word(self, engine: EngineView) -> str:
        if engine is ENGINE_UNKNOWN:
            return "Starting"
        if self._is_silent:
            return "Not answering"
        if engine.paused:
            return "Paused"
        if engine.severity is not Severity.INFO or engine.online:
            return _WORDS[engine.severity]
        return "Offline" if self._state.destinations else "Not paired"

    @Slot()
    def _show_destinations(self) -> None:
        online = [each.name for each in self._state.destinations if each.online]
        several = f"{self._short(online[0])} and {len(online) - 1} more" if len(online) > 1 else ""
        none = "none answers" if self._state.destinations else "no destination"
        none = DASH if self._state.engine is ENGINE_UNKNOWN else none
        self.to.value.setText(several or (self._short(online[0]) if online else none))
        self.to.setToolTip(plain_tip("\n".join(online) or "No destination answers"))

    def _short(self, name: str) -> str:
        """A destination's name with its middle left out, if it is long; the tool tip has it whole."""
        font, room = self._theme.font("heading", strong=True), NAME_WIDE * self._theme.tokens.heading_px
        return QFontMetrics(font).elidedText(name, Qt.TextElideMode.ElideMiddle, room)

    def tick(self) -> None:
        """Move the clock on."""
        self.utc.value.setText(utc_iso(self._state.wall_ns())[11:19])

    @Slot()
    def _dress(self) -> None:
        self.state_button.apply_look()
        self.utc.keep_room(self._theme.text_width("00:00:00 ", "heading", strong=True))
        for figure in (self.total, self.left, self.done):
            figure.keep_room(self._theme.text_width(_WIDEST[figure.label], "heading", strong=True))
        self._show_destinations()
