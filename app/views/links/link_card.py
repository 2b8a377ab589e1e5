"""One link's card on the Links page: a painted head line and its plot."""

from __future__ import annotations

from math import isnan

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget

from app.figures import (
    DASH,
    is_lost,
    is_unheard,
    mbit_text,
    ms_text,
    percent_text,
    score_text,
    shown_state,
    since_text,
    span_text,
    why_text,
)
from app.models.sample_rings import Window
from app.views.links.link_plot import Frame, LinkPlot
from app.widgets.look import Look
from app.widgets.status_shape import LINK_SHAPES, link_colour, paint_shape
from transfer_core.events import LinkMark, LinkState, LinkView
from transfer_core.units import format_duration


class CardHead(QWidget):
    """Who the link is at the left, how it does or what the cursor reads at the right. Painted: no layout per frame."""

    def __init__(self, look: Look, place: int) -> None:
        super().__init__()
        self._look = look
        self._place = place
        self._link: LinkView | None = None
        self._right = ""
        self._facts = ""
        self._said: tuple[object, ...] = ()
        self._reading = ""
        self._is_lost = False
        self._state = LinkState.IDLE
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def right_text(self) -> str:
        """What stands at the right."""
        return self._reading or self._right

    def apply_look(self, look: Look, place: int) -> None:
        """Take over another theme or place."""
        self._look, self._place = look, place
        self.updateGeometry()
        self.update()

    def show_link(self, link: LinkView, now_ns: int) -> None:
        """Take over the link's newest view."""
        self._is_lost = is_lost(link.state, link.measured_ns, now_ns)
        self._state = shown_state(link, now_ns)
        right = "up" if link.state is LinkState.UP else since_text(link.state, link.since_ns, now_ns)
        if is_unheard(link, now_ns):
            right = f"no news for {span_text(now_ns - (link.measured_ns or now_ns))}"
        elif link.why:
            right += f" · {why_text(link)}"
        score = score_text(link.score.score if link.score and not self._is_lost else None)
        said = (link.name, link.state, right, link.device, link.role, score, link.simulated)
        self._link, self._right = link, right
        if said != self._said:
            self._said = said
            laid_over = "simulated" if link.simulated and link.device != "simulated" else ""
            self._facts = " · ".join(filter(None, (link.device, link.role, f"score {score}", laid_over)))
            self.update()

    def show_reading(self, reading: str) -> None:
        """Show what the cursor reads in place of the state; empty shows the state again."""
        if reading != self._reading:
            self._reading = reading
            self.update()

    def sizeHint(self) -> QSize:
        """One line."""
        return QSize(300, QFontMetrics(self._look.strong).height() + 8)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        link, look = self._link, self._look
        if link is None:
            return
        painter = QPainter(self)
        left = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        area = self.rect().adjusted(10, 0, -10, 0)
        strong = QFontMetrics(look.strong)
        line = strong.height()
        painter.fillRect(QRect(area.left(), area.center().y() - line // 2, 4, line), look.link(self._place))
        x = area.left() + 4 + look.gap
        painter.setFont(look.strong)
        painter.setPen(look.text)
        name = strong.elidedText(link.name, Qt.TextElideMode.ElideMiddle, (area.right() - x) // 2)
        painter.drawText(QRect(x, 0, area.right() - x, self.height()), left, name)
        x += strong.horizontalAdvance(name) + look.gap + 4
        small = QFontMetrics(look.small)
        right = small.elidedText(self.right_text, Qt.TextElideMode.ElideRight, (area.right() - x) * 2 // 3)
        wide = small.horizontalAdvance(right)
        painter.setFont(look.small)
        painter.setPen(look.text if self._reading or self._state is not LinkState.UP else look.muted)
        box = QRect(area.right() - wide, 0, wide + 1, self.height())
        painter.drawText(box, left, right)
        if not self._reading:
            side = min(11, line - 4)
            paint_shape(
                painter,
                LINK_SHAPES[self._state],
                QRectF(box.left() - side - 6, (self.height() - side) / 2, side, side),
                link_colour(self._state, look),
            )
            box.setLeft(box.left() - side - 6)
        room = box.left() - x - look.gap
        painter.setPen(look.muted)
        painter.drawText(
            QRect(x, 0, room, self.height()), left, small.elidedText(self._facts, Qt.TextElideMode.ElideRight, room)
        )
        painter.end()


class LinkCard(QFrame):
    """Head and plot of one link."""

    def __init__(self, look: Look, place: int) -> None:
        super().__init__()
        self.setObjectName("linkCard")
        self._look = look
        self._place = place
        self._window: Window | None = None
        self._frame: Frame | None = None
        self._frozen = False
        self.head = CardHead(look, place)
        self.plot = LinkPlot(look, look.link(place))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 2, 1, 4)
        layout.setSpacing(0)
        layout.addWidget(self.head)
        layout.addWidget(self.plot, 1)

    def apply_look(self, look: Look, place: int | None = None) -> None:
        """Take over another theme, and another place if one is given."""
        self._look = look
        self._place = self._place if place is None else place
        self.head.apply_look(look, self._place)
        self.plot.apply_look(look, look.link(self._place))
        self.update()

    def show_link(self, link: LinkView, now_ns: int) -> None:
        """Take over the link's newest view."""
        self.head.show_link(link, now_ns)
        self.plot.setAccessibleName(f"Throughput, round-trip time and loss of {link.name}")
        self.plot.setAccessibleDescription("The table below the plots has the same figures as text.")

    def set_frozen(self, frozen: bool) -> None:
        """Frame the card in another colour while its picture stands still."""
        self._frozen = frozen
        self.update()

    def draw(self, window: Window, marks: list[LinkMark], frame: Frame) -> None:
        """Draw one frame."""
        self._window, self._frame = window, frame
        self.plot.draw(window, marks, frame)

    def show_cursor(self, x_s: float | None) -> None:
        """Move the cursor and read all three lanes there."""
        self.plot.show_cursor(x_s)
        self.head.show_reading("" if x_s is None else self._read(x_s))

    def _read(self, x_s: float) -> str:
        window, frame = self._window, self._frame
        if window is None or frame is None:
            return ""
        reach_s = max(0.5, 2 * frame.span_s / self.plot.pixels)
        found = window.nearest(frame.end_s + x_s, reach_s)
        if found is None:
            return f"{_ago(x_s)}: {DASH}"

        def at(values: object) -> float | None:
            value = float(values[found])  # type: ignore[index]
            return None if isnan(value) else value

        spread = f"{ms_text(at(window.rtt_p10_ms))}–{ms_text(at(window.rtt_p90_ms))}"
        return (
            f"{_ago(x_s)}: {mbit_text(at(window.throughput_bps))} Mbit/s · RTT {ms_text(at(window.rtt_p50_ms))} ms "
            f"({spread}) · loss {percent_text(at(window.loss))} %"
        )

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the card's ground."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self._look.caution if self._frozen else self._look.border
        painter.setPen(QPen(self._look.focus, 2) if self.plot.hasFocus() else QPen(colour, 1))
        painter.setBrush(self._look.card)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        painter.end()


def _ago(x_s: float) -> str:
    """How far back the cursor is: `−12.3 s`, `−4 min 05 s`."""
    return f"−{format_duration(-x_s)}" if x_s <= -60 else f"−{-x_s:.1f} s"
