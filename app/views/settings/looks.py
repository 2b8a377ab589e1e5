"""Theme and zoom, which change at once."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox

from app.theme.theme import ZOOM_STEPS, Theme
from app.theme.tokens import THEMES
from app.views.settings.card import SettingsCard


class LooksCard(SettingsCard):
    """Follows the theme, whoever changes it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Looks", theme)
        self.theme_choice, self.zoom_choice = QComboBox(), QComboBox()
        for name in THEMES:
            self.theme_choice.addItem(name.capitalize(), name)
        for zoom in ZOOM_STEPS:
            self.zoom_choice.addItem(f"{zoom:.0%}", zoom)
        self.add_row("The&me", self.theme_choice, "Light, dark, or for bright sun  (Ctrl+Shift+L)")
        self.add_row("&Zoom", self.zoom_choice, "Size of text and rows  (Ctrl++ and Ctrl+-)")
        self.theme_choice.activated.connect(self._choose_theme)
        self.zoom_choice.activated.connect(self._choose_zoom)
        theme.changed.connect(self._show)
        self._show()

    @Slot()
    def _show(self) -> None:
        self.theme_choice.setCurrentIndex(self.theme_choice.findData(self._theme.name))
        self.zoom_choice.setCurrentIndex(ZOOM_STEPS.index(self._theme.zoom))

    @Slot(int)
    def _choose_theme(self, place: int) -> None:
        self._theme.set_name(self.theme_choice.itemData(place))

    @Slot(int)
    def _choose_zoom(self, place: int) -> None:
        self._theme.set_zoom(ZOOM_STEPS[place])
