"""Tokens to one Qt style sheet.

Widgets are told apart by object name or by the dynamic property `kind` (`card`, `chrome`, `muted`, `figure`,
`primary`, `danger`, `quiet`), so that no widget sets colours of its own.
"""

from __future__ import annotations

from importlib import resources
from string import Template

from app.theme.tokens import Tokens

_SHEET = Template("""
* { font-family: "$font_family"; font-size: ${text_px}px; color: $text; outline: none; }
QWidget#window, QMainWindow, QDialog, QWidget[kind="page"], QStackedWidget { background: $window; }
QWidget[kind="chrome"] { background: $chrome; }
QFrame[kind="card"], QWidget[kind="card"] { background: $card; border: 1px solid $border; border-radius: ${radius}px; }
QLabel { background: transparent; border: none; }
QLabel[kind="muted"], QLabel[kind="caption"] { color: $muted; }
QLabel[kind="caption"] { font-size: ${small_px}px; }
QLabel[kind="small"] { font-size: ${small_px}px; }
QLabel[kind="strong"] { font-weight: $weight_strong; }
QLabel[kind="heading"] { font-size: ${heading_px}px; font-weight: $weight_strong; }
QLabel[kind="figure"] { font-size: ${big_px}px; font-weight: $weight_strong; }
QLabel[kind="total"] { font-size: ${heading_px}px; font-weight: $weight_strong; }
QFrame[kind="topbar"], QWidget#eventTicker { background: $chrome; border: none; }
QWidget#eventTicker { border-top: 1px solid $border; }
QWidget#linkStrip { background: $chrome; border: none; border-right: 1px solid $border; }
QLabel#unusedLinks { color: $muted; font-size: ${small_px}px; }
QTableView[kind="small"], QTableView[kind="small"] QHeaderView::section { font-size: ${small_px}px; }
QFrame[kind="topbar"] { background: $chrome; border: none; border-bottom: 1px solid $border; }
QLabel[kind="empty"] { background: $card; color: $muted; border: 1px solid $border; border-radius: ${radius}px; }
QLabel[kind="section"] { color: $muted; font-size: ${small_px}px; font-weight: $weight_strong; }
QLabel[kind="field"], QCheckBox[kind="field"] { min-height: ${control_height}px; }
QAbstractSpinBox QLineEdit { border: none; background: transparent; padding: 0; min-height: 0; }
QLabel[kind="warning"] { color: $text; background: $caution_surface; border-radius: ${radius}px; padding: 6px 10px; }
QFrame[kind="rule"] { background: $border; border: none; max-height: 1px; min-height: 1px; }

QPushButton, QToolButton { background: $raised; border: 1px solid $border; border-radius: ${radius}px;
  padding: 0 ${space_m}px; min-height: ${button_height}px; }
QPushButton:hover, QToolButton:hover { background: $raised_hover; border-color: $border_strong; }
QPushButton:pressed, QToolButton:pressed, QPushButton:checked, QToolButton:checked { background: $selection;
  border-color: $accent; }
QPushButton:focus, QToolButton:focus { border: ${focus_width}px solid $focus; padding: 0 ${focus_padding}px;
  min-height: ${button_focus_height}px; }
QPushButton:disabled, QToolButton:disabled { color: $text_disabled; background: $chrome; border-color: $border; }
QPushButton[kind="primary"] { background: $accent; color: $on_accent; border-color: $accent;
  font-weight: $weight_strong; }
QPushButton[kind="primary"]:focus { border-color: $text; }
QPushButton[kind="primary"]:disabled { background: $raised; color: $text_disabled; border-color: $border; }
QToolButton[kind="quiet"], QPushButton[kind="quiet"] { background: transparent; border-color: transparent; }
QToolButton[kind="quiet"]:hover, QPushButton[kind="quiet"]:hover { background: $raised_hover; }
QToolButton[kind="quiet"]:focus, QPushButton[kind="quiet"]:focus { border-color: $accent; }
QToolButton::menu-indicator { image: none; width: 0; }
QFileDialog QToolButton, QFileDialog QToolButton:focus { padding: 0; }

QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox { background: $card;
  border: 1px solid $border_strong; border-radius: ${radius}px; padding: 0 ${gap_px}px;
  selection-background-color: $accent; selection-color: $on_accent; }
QLineEdit, QPlainTextEdit { placeholder-text-color: $muted; }
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox { min-height: ${button_height}px; }
QSpinBox, QDoubleSpinBox { max-height: ${button_height}px; }
QPlainTextEdit, QTextEdit { padding: ${space_xs}px; }
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus {
  border: ${focus_width}px solid $focus; padding: 0 ${field_focus_padding}px; min-height: ${button_focus_height}px; }
QSpinBox:focus, QDoubleSpinBox:focus { max-height: ${button_focus_height}px; }
QPlainTextEdit:focus, QTextEdit:focus { border: ${focus_width}px solid $focus; padding: ${text_focus_padding}px; }
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled { color: $text_disabled;
  background: $chrome; border-color: $border; }
QLineEdit[readOnly="true"], QPlainTextEdit[readOnly="true"] { background: $chrome; }
QComboBox::drop-down { border: none; width: 24px; subcontrol-origin: padding; subcontrol-position: center right; }
QComboBox::down-arrow { image: url("$icons/chevron-down-$name.svg"); width: 10px; height: 10px; }
QPushButton#linkSwitch { font-size: ${small_px}px; padding: 0 ${gap_px}px; min-height: ${small_height}px; }
QPushButton#linkSwitch:focus { padding: 0 ${small_focus_padding}px; min-height: ${small_focus_height}px; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { border: none; width: 20px; background: transparent;
  subcontrol-origin: border; }
QAbstractSpinBox::up-button { subcontrol-position: top right; margin: 2px 2px 0 0; }
QAbstractSpinBox::down-button { subcontrol-position: bottom right; margin: 0 2px 2px 0; }
QAbstractSpinBox::up-button:hover, QAbstractSpinBox::down-button:hover { background: $raised; }
QAbstractSpinBox::up-arrow { image: url("$icons/chevron-up-$name.svg"); width: 9px; height: 9px; }
QAbstractSpinBox::down-arrow { image: url("$icons/chevron-down-$name.svg"); width: 9px; height: 9px; }
QCheckBox::indicator, QListView::indicator { width: 14px; height: 14px; border: 1px solid $border_strong;
  border-radius: 3px; background: $card; }
QCheckBox::indicator:checked, QListView::indicator:checked { background: $accent; border-color: $accent;
  image: url("$icons/$check.svg"); }
QComboBox QAbstractItemView { background: $card; border: 1px solid $border_strong;
  selection-background-color: $selection;
  selection-color: $text; padding: 2px; }
QCheckBox { spacing: ${gap_px}px; min-height: 24px; }
QCheckBox:focus { color: $accent; }
QCheckBox::indicator:focus { border: ${focus_width}px solid $focus; }

QSlider { min-height: 24px; }
QSlider::groove:horizontal { height: 4px; background: $track; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider::handle:horizontal { width: 12px; margin: -6px 0; border-radius: 8px; background: $card;
  border: 2px solid $accent; }
QSlider::handle:horizontal:focus { background: $accent; border-color: $text; }
QSlider::sub-page:horizontal:disabled { background: $track; }
QSlider::handle:horizontal:disabled { border-color: $border_strong; }

QTabWidget::pane { border: none; }
QTabBar { background: $chrome; qproperty-drawBase: 0; }
QTabBar::scroller { width: 28px; }
QTabBar QToolButton { padding: 0; min-height: 0; border-radius: 0; background: $chrome; }
QTabBar QToolButton::left-arrow { image: url("$icons/chevron-left-$name.svg"); width: 10px; height: 10px; }
QTabBar QToolButton::right-arrow { image: url("$icons/chevron-right-$name.svg"); width: 10px; height: 10px; }

QAbstractItemView { background: $card; border: 1px solid $border; padding: ${view_padding}px; gridline-color: $grid;
  selection-background-color: $selection; selection-color: $text; alternate-background-color: $card; }
QAbstractItemView:focus { border: ${focus_width}px solid $focus; padding: 0; }
QTableView::item { padding: 0 4px 0 5px; border: none; }
QListView::item { padding: 3px 6px; border: none; }
QListView::item:selected { background: $selection; color: $text; }
QGraphicsView[kind="plot"] { border: 1px solid $border; }
QTableView::item:selected { background: $selection; color: $text; }
QHeaderView { background: $chrome; border: none; border-bottom: 1px solid $border; padding: 0; }
QHeaderView::section { background: $chrome; color: $muted; font-size: ${small_px}px; border: none;
  padding: 4px ${gap_px}px; }
QTableCornerButton::section { background: $chrome; border: none; }

QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QAbstractScrollArea::corner { background: transparent; border: none; }
QScrollBar::handle { background: $scroll_handle; border-radius: 4px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::handle:hover { background: $scroll_hover; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QScrollArea { border: none; background: transparent; }
QSplitter::handle { background: transparent; }
QSplitter::handle:hover { background: $border_strong; }

QMenu { background: $card; border: 1px solid $border_strong; padding: 4px; }
QMenu::item { padding: 6px 24px 6px 12px; border-radius: 3px; }
QMenu::item:selected { background: $selection; }
QMenu::item:disabled { color: $text_disabled; }
QMenu::separator { height: 1px; background: $border; margin: 4px 8px; }
QToolTip { background: $card; color: $text; border: 1px solid $border_strong; padding: 4px 6px; }
QFrame[kind="toast"] { background: $text; border: none; border-radius: ${radius}px; }
QFrame[kind="toast"] QLabel { color: $card; }
QFrame[kind="toast"] QPushButton { background: transparent; color: $card; border: 1px solid $muted;
  font-weight: $weight_strong; }
QFrame[kind="toast"] QPushButton:hover { border-color: $card; }
QFrame[kind="toast"] QPushButton:focus { border: ${focus_width}px solid $card; }
QRadioButton { spacing: ${gap_px}px; min-height: 24px; }
QRadioButton::indicator { width: 14px; height: 14px; border: 1px solid $border_strong; border-radius: 8px;
  background: $card; }
QRadioButton::indicator:checked { border: 5px solid $accent; width: 6px; height: 6px; }
QRadioButton::indicator:focus { border-color: $focus; }
QRadioButton:focus { color: $accent; }
QFrame[kind="banner"] { border: none; border-bottom: 1px solid $border; background: $caution_surface; }
QFrame[kind="banner"][severity="critical"] { background: $critical_surface; }
QFrame[kind="banner"][severity="info"] { background: $selection; }
""")


def stylesheet(tokens: Tokens) -> str:
    """The style sheet of a theme."""
    values = {name: getattr(tokens, name) for name in Tokens.__dataclass_fields__}
    thicker = tokens.focus_width - 1
    return _SHEET.substitute(
        values,
        icons=str(resources.files("resources") / "icons").replace("\\", "/"),
        # black bars would outshout what the sun theme has to say
        scroll_handle=tokens.border if tokens.name == "sun" else tokens.border_strong,
        scroll_hover=tokens.border_strong if tokens.name == "sun" else tokens.muted,
        check="check-dark" if tokens.is_dark else "check",
        button_height=tokens.control_height - 2,
        button_focus_height=tokens.control_height - 2 - 2 * thicker,
        small_height=tokens.control_height - 6,
        small_focus_height=tokens.control_height - 6 - 2 * thicker,
        small_focus_padding=tokens.gap_px - thicker,
        view_padding=thicker,
        focus_padding=tokens.space_m - thicker,
        field_focus_padding=tokens.gap_px - thicker,
        text_focus_padding=max(0, tokens.space_xs - thicker),
    )
