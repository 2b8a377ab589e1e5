"""Says whether the page is live, replays or compares, so that no one can take one for another; steers a replay."""

from __future__ import annotations

from enum import Enum

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSlider, QVBoxLayout, QWidget

from app.figures import NO_NEWS, plain_tip
from app.widgets.action_button import ActionButton
from app.widgets.elided_label import ElidedLabel
from app.widgets.look import Look
from app.widgets.plain_label import PlainLabel
from transfer_core.events.telemetry import ReplayState, ReplayView
from transfer_core.units import NS_PER_S

SLIDER_STEPS = 1000


class Mode(Enum):
    """What the page shows."""

    LIVE = "LIVE"
    REPLAY = "REPLAY"
    COMPARE = "COMPARE"


def clock(position_ns: int) -> str:
    """`1:02.3` from the start."""
    minutes, rest_ns = divmod(max(0, position_ns), 60 * NS_PER_S)
    return f"{minutes}:{rest_ns / NS_PER_S:04.1f}"


class ModeBar(QWidget):
    """A band over the whole width. Live it is quiet; otherwise it is filled, and says what is shown. What steers a
    replay has a line of its own, so that it fits a narrow window."""

    sought = Signal(object)  # position in ns, more than an int of Qt holds

    def __init__(self, look: Look, actions: dict[str, QAction]) -> None:
        super().__init__()
        self._look = look
        self.mode = Mode.LIVE
        self._is_heard = True
        self._duration_ns = 1
        self.badge = PlainLabel(Mode.LIVE.value)
        self.words = ElidedLabel()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setMaximum(SLIDER_STEPS)
        self.slider.setAccessibleName("Position of the replay")
        self.slider.setToolTip("Where the replay is  (Tab, then Left or Right)")
        self.slider.setMinimumWidth(40)
        self.slider.valueChanged.connect(self._slid)
        self.speed = PlainLabel("1x")
        self.position = PlainLabel()
        self.buttons = {name: ActionButton(action, self) for name, action in actions.items()}
        said, steering = QHBoxLayout(), QHBoxLayout()
        said.addWidget(self.badge)
        said.addWidget(self.words, 1)
        said.addWidget(self.position)
        said.addWidget(self.buttons["live"])
        for name in ("play", "back", "step"):
            steering.addWidget(self.buttons[name])
        steering.addWidget(self.slider, 1)
        steering.addWidget(self.buttons["slower"])
        steering.addWidget(self.speed)
        for name in ("faster", "loop"):
            steering.addWidget(self.buttons[name])
        lines = QVBoxLayout(self)
        lines.setContentsMargins(10, 5, 10, 5)
        lines.setSpacing(5)
        for line in (said, steering):
            line.setSpacing(6)
            lines.addLayout(line)
        for button in self.buttons.values():
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.apply_look(look)
        self.show_mode(Mode.LIVE, "")

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look
        self._dress()

    def show_mode(self, mode: Mode, words: str) -> None:
        """Say what is shown."""
        self.mode = mode
        self.show_words(words)
        replaying = mode is Mode.REPLAY
        for name, button in self.buttons.items():
            button.setVisible(replaying or (name == "live" and mode is not Mode.LIVE))
        for part in (self.slider, self.speed, self.position):
            part.setVisible(replaying)
        self.setAccessibleName(f"{mode.value} {words}")
        self._say_mode()

    def show_heard(self, is_heard: bool) -> None:
        """Whether the engine is heard of, whose data this is."""
        self._is_heard = is_heard
        self._say_mode()

    def _say_mode(self) -> None:
        """A comparison is of what was recorded, so that it is as true as before."""
        if self._lacks_news:
            self.badge.setText(NO_NEWS if self.mode is Mode.LIVE else f"{self.mode.value} · {NO_NEWS}")
        else:
            self.badge.setText(self.mode.value)
        self._dress()

    @property
    def _lacks_news(self) -> bool:
        return not self._is_heard and self.mode is not Mode.COMPARE

    def show_words(self, words: str) -> None:
        """Say it, as far as there is room."""
        if words != self.words.text():
            self.words.setText(words)
            self.words.setToolTip(plain_tip(words))

    def show_replay(self, replay: ReplayView) -> None:
        """Where the replay stands."""
        self._duration_ns = max(1, replay.duration_ns)
        loop = (
            ""
            if replay.loop_from_ns is None
            else f", loop {clock(replay.loop_from_ns)}–{clock(replay.loop_to_ns or 0)}"
        )
        state = "" if replay.state is ReplayState.PLAYING else f", {replay.state.value}"
        wrong = f" — {replay.error}" if replay.error else ""
        self.show_words(f"{replay.name}{loop}{state}{wrong}")
        self.position.setText(f"{clock(replay.position_ns)} of {clock(replay.duration_ns)}")
        self.speed.setText(f"{replay.speed:g}x")
        self.buttons["play"].setText("Hold" if replay.state is ReplayState.PLAYING else "Play")
        if not self.slider.isSliderDown():
            self.slider.blockSignals(True)
            self.slider.setValue(round(SLIDER_STEPS * replay.position_ns / self._duration_ns))
            self.slider.blockSignals(False)

    def _slid(self, value: int) -> None:
        self.sought.emit(value * self._duration_ns // SLIDER_STEPS)

    def _dress(self) -> None:
        look = self._look
        is_live = self.mode is Mode.LIVE
        text = look.card if not is_live else look.text if self._lacks_news else look.muted
        weight = look.strong.weight()
        self.badge.setStyleSheet(
            f"color: {text.name()}; font-weight: {int(weight)}; font-size: {look.strong.pixelSize() + 1}px;"
        )
        self.words.setStyleSheet(f"color: {(look.text if is_live else text).name()};")
        for part in (self.speed, self.position):
            part.setStyleSheet(f"color: {text.name()};")
        self.slider.setStyleSheet(f"QSlider::sub-page:horizontal {{ background: {text.name()}; }}")
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Filled when it is not live."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        filled = self.mode is not Mode.LIVE
        border = self._look.caution if self._lacks_news else self._look.border
        painter.setPen(Qt.PenStyle.NoPen if filled else border)
        painter.setBrush(self._look.focus if filled else self._look.card)
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)
        painter.end()
