"""The track from above: where every source is, and where it has just been. North is up, east is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen

from app.models.sample_rings import Floats
from app.widgets.look import Look
from app.widgets.still_plot import StillPlot

POINTS_MOST = 400  # of one trail
MARGIN = 0.08
DOT = 6  # px around the middle of one
EDGE = 4  # px
WORDS_AT = QPoint(8, 6)
FROM_ABOVE = "north is up"


@dataclass(frozen=True, slots=True)
class Trail:
    """One source's way over the ground, metres, oldest first. `is_old`: it has not been heard of lately."""

    east: Floats
    north: Floats
    name: str
    is_old: bool


class TrackView(StillPlot):
    """Trails, and a dot with a name at the end of each; a ring where it is old."""

    def __init__(self, look: Look) -> None:
        tip = "Where each drone is; the table says it in text  (Tab)"
        super().__init__(look, "The track from above", tip)
        self._look = look
        self._bounds: tuple[float, float, float, float] | None = None
        self._trails: dict[str, pg.PlotCurveItem] = {}
        self._heads: list[tuple[float, float, str, QColor, bool]] = []
        self._words = FROM_ABOVE
        self.setProperty("kind", "plot")
        self.getPlotItem().setAspectLocked(True)
        self._leave_room_for_words()

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look
        self.setBackground(look.card)
        self._leave_room_for_words()

    def _leave_room_for_words(self) -> None:
        self.getPlotItem().layout.setContentsMargins(EDGE, self._below_words(), EDGE, EDGE)

    def _below_words(self) -> int:
        return WORDS_AT.y() + QFontMetrics(self._look.small).height() + EDGE

    @property
    def words_place(self) -> QRect:
        """Where the words stand; nothing else is drawn there."""
        return QRect(WORDS_AT, QSize(self.viewport().width() - 2 * WORDS_AT.x(), self._below_words() - WORDS_AT.y()))

    @property
    def names(self) -> list[str]:
        """Who is shown."""
        return [name for _, _, name, _, _ in self._heads]

    @property
    def old_names(self) -> list[str]:
        """Those of them who have not been heard of lately."""
        return [name for _, _, name, _, is_old in self._heads if is_old]

    def forget(self, words: str = FROM_ABOVE) -> None:
        """Other data comes; `words` stand above it."""
        self._words = words
        self._bounds = None
        for curve in self._trails.values():
            self.removeItem(curve)
        self._trails.clear()
        self._heads = []
        self.viewport().update()

    def draw(self, trails: Mapping[str, Trail], colours: Mapping[str, QColor]) -> None:
        """One frame."""
        for gone in self._trails.keys() - trails.keys():
            self.removeItem(self._trails.pop(gone))
        self._heads = []
        for source, trail in trails.items():
            step = max(1, len(trail.east) // POINTS_MOST)
            east, north = trail.east[::-step][::-1], trail.north[::-step][::-1]
            curve = self._trails.get(source)
            if curve is None:
                curve = self._trails[source] = pg.PlotCurveItem(connect="finite")
                self.addItem(curve)
            colour = self._look.muted if trail.is_old else colours[source]
            pen = QPen(colour, self._look.line)
            pen.setCosmetic(True)
            curve.setPen(pen)
            curve.setData(east, north)
            known = np.flatnonzero(np.isfinite(east) & np.isfinite(north))
            if len(known):
                last = known[-1]
                self._heads.append((float(east[last]), float(north[last]), trail.name, colour, trail.is_old))
                self._widen(east[known], north[known])
        self.viewport().update()

    def _widen(self, east: Floats, north: Floats) -> None:
        """The picture only grows, so that it does not swim."""
        found = (float(east.min()), float(east.max()), float(north.min()), float(north.max()))
        old = self._bounds or found
        new = (min(old[0], found[0]), max(old[1], found[1]), min(old[2], found[2]), max(old[3], found[3]))
        if new != self._bounds:
            self._bounds = new
            wide, tall = max(new[1] - new[0], 5.0), max(new[3] - new[2], 5.0)
            x, y = (new[0] + new[1]) / 2, (new[2] + new[3]) / 2
            half = (0.5 + MARGIN) * wide, (0.5 + MARGIN) * tall
            self.getPlotItem().setRange(
                xRange=(x - half[0], x + half[0]), yRange=(y - half[1], y + half[1]), padding=0.0, disableAutoRange=True
            )

    def drawForeground(self, painter: QPainter, _area: object) -> None:
        """Dots and names over the trails; a name that has no room beside its dot is left out."""
        look = self._look
        painter.setFont(look.small)
        painter.setPen(look.muted)
        place = self.words_place
        words = painter.fontMetrics().elidedText(self._words, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft, words)
        labels = self.label_places()
        for at, (_, _, name, colour, is_old) in zip(self._dots(), self._heads, strict=True):
            painter.setPen(QPen(colour, 2))
            painter.setBrush(look.card if is_old else colour)
            painter.drawEllipse(at, 4, 4)
            if name in labels:
                painter.fillRect(labels[name], look.card)  # trails go through under it
                painter.setPen(look.muted if is_old else look.text)
                painter.drawText(labels[name], Qt.AlignmentFlag.AlignCenter, name)

    def _dots(self) -> list[QPoint]:
        box = self.getPlotItem().getViewBox()
        return [self.mapFromScene(box.mapViewToScene(pg.Point(east, north))) for east, north, *_ in self._heads]

    def label_places(self) -> dict[str, QRect]:
        """Where names stand, of those that have room."""
        metrics = QFontMetrics(self._look.small)
        places = self._dots()
        dots = [QRect(at.x() - DOT, at.y() - DOT, 2 * DOT, 2 * DOT) for at in places]
        found: dict[str, QRect] = {}
        for number, (at, name) in enumerate(zip(places, self.names, strict=True)):
            place = self._room_for(metrics, name, at, [*found.values(), *dots[:number], *dots[number + 1 :]])
            if place is not None:
                found[name] = place
        return found

    def _room_for(self, metrics: QFontMetrics, name: str, at: QPoint, others: Sequence[QRect]) -> QRect | None:
        """Beside a dot, right, left, above or below, where nothing else is."""
        wide, tall = metrics.horizontalAdvance(name) + 2, metrics.height()
        whole = self.viewport().rect().adjusted(0, self._below_words(), 0, 0)
        for left, top in (
            (DOT + 2, -tall // 2),
            (-DOT - 2 - wide, -tall // 2),
            (-wide // 2, -DOT - 2 - tall),
            (-wide // 2, DOT + 2),
        ):
            place = QRect(at.x() + left, at.y() + top, wide, tall)
            if name and whole.contains(place) and not any(place.intersects(other) for other in others):
                return place
        return None
