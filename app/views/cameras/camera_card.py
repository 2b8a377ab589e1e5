"""One camera at a glance: its last frame, how many come and arrive, how old the newest one there is, what is wrong.

Painted, since a dozen labels for each of many cameras cost more than they give; what it shows is also its accessible
description. Nothing is painted anew unless something that it shows is another.
"""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetrics, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.figures import plain_tip, seen, was_text
from app.models.watch_words import card_text, figures, state_words
from app.widgets.look import Look
from app.widgets.status_shape import SEVERITY_SHAPES, Shape, paint_shape, severity_colour
from transfer_core.events import Severity
from transfer_core.events.watch_words import watch_problem
from transfer_core.events.watches import WatchState, WatchView

PICTURE = QSize(148, 111)
MARGIN = 12
FIGURES_GAP, LABEL_GAP = 14, 10
_SHAPES = {
    WatchState.WATCHING: Shape.CIRCLE,
    WatchState.ARMED: Shape.RING,
    WatchState.PAUSED: Shape.PAUSE,
    WatchState.ENDED: Shape.BAR,
    WatchState.IDLE: Shape.BAR,
    WatchState.WAITING: Shape.DIAMOND,
}
_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight


class CameraCard(QWidget):
    """See the module. `chosen(name)` when it got the keyboard or was clicked."""

    chosen = Signal(str)
    opened = Signal(str)  # double click

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._view: WatchView | None = None
        self._shown: tuple[object, ...] = ()
        self._picture = QImage()
        self._is_chosen = False
        self._now_ns = 0
        self._is_heard = True
        self._problem = (Severity.INFO, "")
        self.picture_path = ""
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    @property
    def view(self) -> WatchView | None:
        """What is shown."""
        return self._view

    @property
    def picture(self) -> QImage:
        """The frame that is shown; null if there is none."""
        return self._picture

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look
        self.updateGeometry()
        self.update()

    def show_view(self, view: WatchView, now_ns: int, *, is_heard: bool = True) -> None:
        """Take over the newest view, or the last one; painted anew only if it reads otherwise."""
        self._view, self._now_ns, self._is_heard = view, now_ns, is_heard
        self._problem = watch_problem(view, now_ns)
        shown = (tuple(figures(view, now_ns)), view.state, view.run, self._problem, view.spec, is_heard)
        if shown != self._shown:
            self._shown = shown
            self.setAccessibleName(view.spec.name)
            self.setAccessibleDescription(card_text(view, now_ns))
            place = f"{view.spec.directory}\nto {view.spec.destination}: {view.spec.dest_path or '/'}"
            self.setToolTip(plain_tip("\n".join(filter(None, (place, view.run, self._problem[1])))))
            self.update()

    def show_picture(self, path: str, picture: QImage) -> None:
        """Take over a frame; one that could not be read leaves the one before."""
        self.picture_path = path
        if not picture.isNull():
            self._picture = picture
            self.update()

    def set_chosen(self, chosen: bool) -> None:
        """Whether the page's buttons mean this camera."""
        if chosen != self._is_chosen:
            self._is_chosen = chosen
            self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if chosen else Qt.FocusPolicy.ClickFocus)
            self.update()

    def sizeHint(self) -> QSize:
        """Head line, picture with figures beside it, foot line."""
        head, line = QFontMetrics(self._look.strong).height() + 8, QFontMetrics(self._look.small).height() + 6
        rows = 6 * (QFontMetrics(self._look.font).height() + 3)
        room = QFontMetrics(self._look.small).horizontalAdvance("backlog") + LABEL_GAP
        room += QFontMetrics(self._look.font).horizontalAdvance("999 ms · p99 9.9 s")
        high = 2 * MARGIN + head + max(PICTURE.height(), rows) + 6 + line
        return QSize(2 * MARGIN + PICTURE.width() + FIGURES_GAP + room, high)

    def minimumSizeHint(self) -> QSize:
        """As `sizeHint`."""
        return self.sizeHint()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """What has the keyboard is chosen."""
        super().focusInEvent(event)
        self._choose()
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Without the ring."""
        super().focusOutEvent(event)
        self.update()

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        """Lead to what it asks for most often."""
        if self._view is not None:
            self.opened.emit(self._view.spec.name)

    def _choose(self) -> None:
        if self._view is not None:
            self.chosen.emit(self._view.spec.name)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        view, look = self._view, self._look
        if view is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter)
        area = self.rect().adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        head = QFontMetrics(look.strong).height() + 8
        foot = QFontMetrics(look.small).height() + 6
        self._paint_head(painter, QRect(area.left(), area.top(), area.width(), head), view)
        middle = QRect(area.left(), area.top() + head, area.width(), area.height() - head - foot - 6)
        self._paint_picture(painter, QRect(middle.topLeft(), PICTURE))
        self._paint_figures(painter, middle.adjusted(PICTURE.width() + FIGURES_GAP, 0, 0, 0), view)
        self._paint_foot(painter, QRect(area.left(), area.bottom() - foot + 1, area.width(), foot), view)
        painter.end()

    def _paint_ground(self, painter: QPainter) -> None:
        look = self._look
        if self.hasFocus() or self._is_chosen:
            painter.setPen(QPen(look.focus if self.hasFocus() else look.muted, 2))
        else:
            painter.setPen(QPen(look.border, 1))
        painter.setBrush(look.card)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 5, 5)

    def _paint_head(self, painter: QPainter, box: QRect, view: WatchView) -> None:
        look = self._look
        painter.setFont(look.small)
        was_watching = view.state is WatchState.WATCHING and not self._is_heard
        words = was_text(state_words(view), is_heard=not was_watching)
        words = QFontMetrics(look.small).elidedText(words, Qt.TextElideMode.ElideRight, box.width() * 2 // 3)
        wide = QFontMetrics(look.small).horizontalAdvance(words)
        painter.setPen(look.muted)
        painter.drawText(box, _RIGHT, words)
        side = 11
        colours = {WatchState.WATCHING: look.good, WatchState.WAITING: look.serious}
        place = QRectF(box.right() - wide - side - 6, box.center().y() - side / 2, side, side)
        colour = look.muted if was_watching else colours.get(view.state, look.muted)
        paint_shape(painter, _SHAPES[view.state], place, colour)
        painter.setFont(look.strong)
        painter.setPen(look.text)
        room = round(place.left()) - box.left() - 8
        name = QFontMetrics(look.strong).elidedText(view.spec.name, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(box, _LEFT, name)

    def _paint_picture(self, painter: QPainter, box: QRect) -> None:
        look = self._look
        painter.fillRect(box, look.grid)
        if self._picture.isNull():
            painter.setFont(look.small)
            painter.setPen(look.muted)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "no picture yet")
            return
        ratio = self._picture.devicePixelRatio()
        size = QSize(round(self._picture.width() / ratio), round(self._picture.height() / ratio))
        size.scale(box.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(0, 0, size.width(), size.height())
        place.moveCenter(box.center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(place, self._picture)

    def _paint_figures(self, painter: QPainter, box: QRect, view: WatchView) -> None:
        look = self._look
        step = QFontMetrics(look.font).height() + 3
        small = QFontMetrics(look.small)
        wide = max(small.horizontalAdvance(label) for label, _ in figures(view, self._now_ns)) + LABEL_GAP
        for row, (label, value) in enumerate(figures(view, self._now_ns)):
            line = QRect(box.left(), box.top() + row * step, box.width(), step)
            painter.setFont(look.small)
            painter.setPen(look.muted)
            painter.drawText(line, _LEFT, label)
            painter.setFont(look.font)
            painter.setPen(look.text)
            room = line.adjusted(wide, 0, 0, 0)
            text = QFontMetrics(look.font).elidedText(value, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, _LEFT, text)

    def _paint_foot(self, painter: QPainter, box: QRect, view: WatchView) -> None:
        look = self._look
        severity, words = self._problem
        painter.setFont(look.small)
        small = QFontMetrics(look.small)
        if words:
            side = 11
            shape, colour = SEVERITY_SHAPES[severity], severity_colour(severity, look)
            paint_shape(painter, shape, QRectF(box.left(), box.center().y() - side / 2, side, side), colour)
            box = box.adjusted(side + 6, 0, 0, 0)
            painter.setPen(look.text)
        else:
            words = view.run or view.newest_frame.rpartition("/")[2] or view.spec.directory
            painter.setPen(look.muted)
        painter.drawText(box, _LEFT, small.elidedText(seen(words), Qt.TextElideMode.ElideMiddle, box.width()))
