"""The theme in force: tokens, zoom and fonts, turned into what Qt wants.

A widget that paints for itself reads `tokens` when it paints and calls `update()` on `changed`. Everything else gets
its looks from the style sheet and the palette, which `install` puts on the application.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPalette
from PySide6.QtWidgets import QApplication

from app.theme.fonts import body_family
from app.theme.stylesheet import stylesheet
from app.theme.tokens import THEME_DEFAULT, THEMES, Tokens

ZOOM_STEPS = (0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)
_SCALED = (
    "small_px",
    "text_px",
    "heading_px",
    "big_px",
    "control_height",
    "row_height",
    "group_height",
)


class Theme(QObject):
    """One per window; hands out tokens that already carry the zoom."""

    changed = Signal()

    def __init__(self, name: str = THEME_DEFAULT, zoom: float = 1.0, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name if name in THEMES else THEME_DEFAULT
        self._zoom = zoom if zoom in ZOOM_STEPS else 1.0
        self._tokens = self._zoomed()
        self._application: QApplication | None = None

    @property
    def tokens(self) -> Tokens:
        """The theme's values with the zoom applied to type and heights."""
        return self._tokens

    @property
    def name(self) -> str:
        """`light`, `dark` or `sun`."""
        return self._name

    @property
    def zoom(self) -> float:
        """The factor on type and row heights, one of `ZOOM_STEPS`."""
        return self._zoom

    @property
    def next_name(self) -> str:
        """What `cycle` would choose."""
        names = list(THEMES)
        return names[(names.index(self._name) + 1) % len(names)]

    def set_name(self, name: str) -> None:
        """Choose a theme; an unknown name leaves the present one."""
        if name in THEMES and name != self._name:
            self._name = name
            self._refresh()

    def cycle(self) -> None:
        """Light, dark, sun, and round again."""
        self.set_name(self.next_name)

    def set_zoom(self, zoom: float) -> None:
        """Choose one of `ZOOM_STEPS`; anything else leaves the present one."""
        if zoom in ZOOM_STEPS and zoom != self._zoom:
            self._zoom = zoom
            self._refresh()

    def zoom_by(self, steps: int) -> None:
        """Go up or down the steps, and stay at the ends."""
        place = ZOOM_STEPS.index(self._zoom) + steps
        self.set_zoom(ZOOM_STEPS[max(0, min(place, len(ZOOM_STEPS) - 1))])

    def colour(self, token: str) -> QColor:
        """A token's colour as Qt paints it."""
        return QColor(getattr(self._tokens, token))

    def link_colour(self, index: int) -> QColor:
        """The identity colour of the link with that place in the fixed order."""
        return QColor(self._tokens.link_colour(index))

    def font(self, size: str = "text", *, strong: bool = False) -> QFont:
        """`small`, `text`, `heading` or `big`, with figures of one width."""
        font = QFont(self._tokens.font_family)
        font.setPixelSize(getattr(self._tokens, f"{size}_px"))
        font.setWeight(QFont.Weight(self._tokens.weight_strong) if strong else QFont.Weight.Normal)
        font.setFeature(QFont.Tag("tnum"), 1)
        return font

    def text_width(self, text: str, size: str = "text", *, strong: bool = False) -> int:
        """The width of `text` in that font, rounded up; for columns that must not jump."""
        return int(QFontMetricsF(self.font(size, strong=strong)).horizontalAdvance(text)) + 1

    def stylesheet(self) -> str:
        """The whole application's style sheet."""
        return stylesheet(self._tokens)

    def palette(self) -> QPalette:
        """For what no style sheet reaches: item views' defaults, tool tips, links in text."""
        tokens = self._tokens
        palette = QPalette()
        roles = {
            QPalette.ColorRole.Window: tokens.window,
            QPalette.ColorRole.WindowText: tokens.text,
            QPalette.ColorRole.Base: tokens.card,
            QPalette.ColorRole.AlternateBase: tokens.raised,
            QPalette.ColorRole.Text: tokens.text,
            QPalette.ColorRole.PlaceholderText: tokens.muted,
            QPalette.ColorRole.Button: tokens.raised,
            QPalette.ColorRole.ButtonText: tokens.text,
            QPalette.ColorRole.Highlight: tokens.selection,
            QPalette.ColorRole.HighlightedText: tokens.text,
            QPalette.ColorRole.ToolTipBase: tokens.card,
            QPalette.ColorRole.ToolTipText: tokens.text,
            QPalette.ColorRole.Link: tokens.accent,
        }
        for role, colour in roles.items():
            palette.setColor(role, QColor(colour))
        for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(tokens.text_disabled))
        return palette

    def install(self, application: QApplication) -> None:
        """Dress the application now and at each change."""
        self._application = application
        application.setStyle("Fusion")
        self._dress(application)

    def _dress(self, application: QApplication) -> None:
        # where one sheet follows another, Qt dresses a widget again for each of its parents
        application.setStyleSheet("")
        application.setFont(self.font())
        application.setPalette(self.palette())
        application.setStyleSheet(self.stylesheet())

    def _refresh(self) -> None:
        self._tokens = self._zoomed()
        if self._application is not None:
            self._dress(self._application)
        self.changed.emit()

    def _zoomed(self) -> Tokens:
        tokens = THEMES[self._name]
        scaled = {field: round(getattr(tokens, field) * self._zoom) for field in _SCALED}
        return replace(tokens, **scaled, font_family=body_family())
